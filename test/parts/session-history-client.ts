/**
 * A program: clients of a session store on a Redis, in a process of their own so that they can be killed. Its one argument
 * is a `ClientProcess` as JSON; it ends once its clients have done their work.
 */
import { unsealedText } from '../../src/sealing/sealer.ts';
import type { SessionRef } from '../../src/session/ref.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { newDocument, newSession, revocationOf, writeOf } from '../contract/sessions.ts';
import { openHistory } from './history.ts';
import { runWorkload, type SessionInput, type SessionOutput } from './session-history.ts';
import { whenStoreAnswers } from './valkey.ts';

export interface ClientProcess {
  /** Of the Redis. */
  readonly url: string;
  readonly name: string;
  readonly seed: string;
  /** So many clients work at once, over one store. */
  readonly clients: number;
  readonly operationsEach: number;
  /** The sessions that all processes work on. */
  readonly refs: readonly SessionRef[];
  /** When all sessions are created, in Unix milliseconds. */
  readonly startMs: number;
  readonly historyFile: string;
}

const DEADLINE_MS = 2_000;
const TIMEOUT_MS = 86_400_000;
const RECOVERY_MS = 30_000;

/** One operation on one session; throws `StoreError` where its outcome is unknown. */
async function perform(
  store: SessionStore,
  ref: SessionRef,
  startMs: number,
  input: SessionInput,
): Promise<SessionOutput> {
  const document = (value: string) =>
    newDocument(startMs, { slices: { value }, expiresAtMs: startMs + TIMEOUT_MS });
  switch (input.kind) {
    case 'create': {
      const changes = { ref, document: document(input.value), idleTimeoutMs: TIMEOUT_MS };
      const { outcome } = await store.create(newSession(startMs, changes));
      return outcome === 'created' || outcome === 'replayed' ? { outcome } : unexpected(outcome);
    }
    case 'read':
      return read(store, ref, startMs);
    case 'write': {
      const { expectedVersion, value } = input;
      const written = await store.write(writeOf({ ref, document: document(value) }, expectedVersion));
      if (written.outcome === 'written') return written;
      if (written.outcome === 'conflict') return { outcome: 'conflict', version: written.currentVersion };
      return written;
    }
    case 'touch':
      await store.touch({ ref, seenAtMs: startMs + input.seenAtMs, idleTimeoutMs: TIMEOUT_MS });
      return { outcome: 'touched' };
    case 'revoke': {
      const { outcome } = await store.revoke(revocationOf(ref, startMs));
      return { outcome };
    }
  }
}

async function read(store: SessionStore, ref: SessionRef, startMs: number): Promise<SessionOutput> {
  const lookup = await store.read(ref);
  if (lookup.state === 'corrupt') return unexpected(lookup.problem);
  if (lookup.state !== 'live') return { outcome: lookup.state };
  const { version, lastSeenAtMs, document } = lookup.session;
  const value = String(document.slices['value']);
  return { outcome: 'live', version, value, lastSeenAtMs: lastSeenAtMs - startMs };
}

function unexpected(problem: string): SessionOutput {
  return { outcome: 'corrupt', problem };
}

const { url, name, seed, clients, operationsEach, refs, startMs, historyFile } = JSON.parse(
  process.argv[2] ?? '',
) as ClientProcess;

const store = createRedisStore({
  url,
  deadlineMs: DEADLINE_MS,
  keyPrefix: 'test:',
  sealer: () => unsealedText,
  audit: () => ({ maxEntries: 100_000, maxAgeMs: TIMEOUT_MS }),
});
const history = openHistory<SessionInput, SessionOutput>(historyFile);
const recover = () => whenStoreAnswers(store, RECOVERY_MS);
await recover();
const work = Array.from({ length: clients }, (_, number) =>
  runWorkload(history, {
    client: `${name}${number}`,
    seed,
    operations: operationsEach,
    sessions: refs.length,
    mix: { create: 5, read: 35, write: 40, touch: 19, revoke: 1 },
    perform: (session, input) => {
      const ref = refs[session];
      if (ref === undefined) throw new RangeError(`there is no session ${session}`);
      return perform(store, ref, startMs, input);
    },
    recover,
  }),
);
await Promise.all(work);
history.close();
await store.close();
