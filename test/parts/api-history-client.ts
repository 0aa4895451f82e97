/**
 * A program: clients of Singlestate's replicas, in a process of their own so that they can be killed. They read by checks
 * and by the Session API, and write and revoke by the latter. Its one argument is an `ApiClientProcess` as JSON.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openHistory } from './history.ts';
import { openChecks, type Opened } from './replicas.ts';
import { overJson, type Answer } from './session-api-callers.ts';
import { runWorkload, type SessionInput, type SessionOutput } from './session-history.ts';

export interface ApiClientProcess {
  readonly name: string;
  readonly seed: string;
  /** So many clients work at once. */
  readonly clients: number;
  readonly operationsEach: number;
  /** Each operation goes to one of them in turn. */
  readonly replicas: readonly { readonly api: string; readonly address: string }[];
  /** JWTs. */
  readonly operator: string;
  readonly app: string;
  readonly sessions: readonly Opened[];
  readonly historyFile: string;
}

const PAUSE_MS = 100;

const work = JSON.parse(process.argv[2] ?? '') as ApiClientProcess;
const replicas = work.replicas.map(({ api, address }) => ({ api, checks: openChecks(address) }));
let turn = 0;

/** Throws where the outcome is unknown. */
async function perform({ ref, token }: Opened, input: SessionInput): Promise<SessionOutput> {
  turn += 1;
  const replica = replicas[turn % replicas.length];
  if (replica === undefined) throw new RangeError('there is no replica');
  switch (input.kind) {
    case 'read':
      return turn % 2 === 0
        ? readByCheck(await replica.checks.ask(token))
        : readByApi(await overJson(replica.api, 'getSession', { ref }, work.operator));
    case 'write': {
      const { expectedVersion, value } = input;
      const changes = [{ slice: 'cart', value: { note: value } }];
      const message = { ref, expected_version: expectedVersion, changes, reason: 'test' };
      return written(await overJson(replica.api, 'updateSession', message, work.app));
    }
    case 'revoke': {
      const answer = await overJson(replica.api, 'revokeSession', { ref, reason: 'test' }, work.operator);
      if (answer.code !== 'ok') throw new Error(answer.code);
      return { outcome: answer.body['already_revoked'] === true ? 'already_revoked' : 'revoked' };
    }
    case 'create':
    case 'touch':
      throw new TypeError(`the Session API has no ${input.kind} of this kind`);
  }
}

type CheckAnswer = Awaited<ReturnType<(typeof replicas)[number]['checks']['ask']>>;

function readByCheck({ allowed, reason, headers = {} }: CheckAnswer): SessionOutput {
  if (allowed) {
    const slice = headers['x-session-slice-cart'];
    const cart = slice === undefined ? {} : (JSON.parse(Buffer.from(slice, 'base64url').toString()) as Cart);
    return live(Number(headers['x-session-version']), cart);
  }
  return reason === 'revoked' ? { outcome: 'revoked' } : neither(reason ?? 'no reason');
}

function readByApi({ code, body }: Answer): SessionOutput {
  if (code !== 'ok') return neither(code);
  const session = body['session'] as unknown as {
    readonly state: string;
    readonly version?: number;
    readonly slices?: { readonly cart?: Cart };
  };
  if (session.state === 'SESSION_STATE_REVOKED') return { outcome: 'revoked' };
  if (session.state !== 'SESSION_STATE_ACTIVE') return { outcome: 'corrupt', problem: session.state };
  return live(session.version ?? 0, session.slices?.cart ?? {});
}

interface Cart {
  readonly note?: string;
}

const live = (version: number, { note = '' }: Cart): SessionOutput => ({
  outcome: 'live',
  version,
  value: note,
  lastSeenAtMs: 0,
});

function written({ code, body, currentVersion }: Answer): SessionOutput {
  if (code === 'ok') return { outcome: 'written', version: Number(body['version']) };
  if (code === 'aborted') return { outcome: 'conflict', version: currentVersion ?? 0 };
  return code === 'failed_precondition' ? { outcome: 'revoked' } : neither(code);
}

/** What tells of an outage is an unknown outcome, all else is an answer that no order explains. */
function neither(word: string): SessionOutput {
  const outages = ['unavailable', 'deadline_exceeded', 'store_unavailable', 'store_timeout'];
  if (outages.includes(word) || word === 'overloaded') throw new Error(word);
  return { outcome: 'corrupt', problem: word };
}

const history = openHistory<SessionInput, SessionOutput>(work.historyFile);
await Promise.all(
  Array.from({ length: work.clients }, (_, number) =>
    runWorkload(history, {
      client: `${work.name}${number}`,
      seed: work.seed,
      operations: work.operationsEach,
      sessions: work.sessions.length,
      mix: { read: 50, write: 49, revoke: 1 },
      perform: (index, input) => {
        const session = work.sessions[index];
        if (session === undefined) throw new RangeError(`there is no session ${index}`);
        return perform(session, input);
      },
      // As a client that honours Retry-After.
      recover: () => delay(PAUSE_MS),
    }),
  ),
);
history.close();
for (const { checks } of replicas) checks.close();
