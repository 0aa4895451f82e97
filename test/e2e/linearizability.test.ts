/** Sessions behind two real servers, while clients are killed and the store is restarted. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT } from '../../quickstart/command.ts';
import { lastLines, startPart, type Part } from '../../quickstart/part.ts';
import { waitUntil } from '../../quickstart/wait.ts';
import type { ApiClientProcess } from '../parts/api-history-client.ts';
import { countInvocations, readHistory } from '../parts/history.ts';
import { checkLinearizability } from '../parts/linearizability.ts';
import { startReplicas, type Replicas } from '../parts/replicas.ts';
import { openedSessionModel, type SessionInput, type SessionOutput } from '../parts/session-history.ts';

const SESSIONS = 12;
const CLIENTS_EACH = 3;
const OPERATIONS_EACH = 150;
const OPERATIONS_EACH_PROCESS = CLIENTS_EACH * OPERATIONS_EACH;
const WITHIN_MS = 60_000;
const PROGRAM = fileURLToPath(new URL('../parts/api-history-client.ts', import.meta.url));

let running: Replicas;
const started: Part[] = [];
beforeEach(async () => {
  const schema = join(ROOT, 'quickstart', 'schemas', 'cart.json');
  const identity = { issuer: 'quickstart', subject: 'billing', jwksFile: 'billing.jwks.json' };
  const billing = { identities: [identity], reads: { slices: ['cart'] }, writes: { cart: schema } };
  const routes = [{ match: { path: '/me' }, app: 'billing', require: { session: true } }];
  running = await startReplicas(2, {
    config: { apps: { billing }, routes },
    apps: ['billing'],
    valkeyArguments: ['--appendonly', 'yes', '--appendfsync', 'always'],
  });
});
afterEach(async () => {
  for (const part of started.splice(0)) await part.stop();
  await running[Symbol.asyncDispose]();
});

interface Client {
  readonly part: Part;
  readonly historyFile: string;
}

async function startClients(work: Omit<ApiClientProcess, 'historyFile'>): Promise<Client> {
  const historyFile = join(running.folder, `${work.name}.history`);
  const part = await startPart({
    name: `client process ${work.name}`,
    command: process.execPath,
    args: [PROGRAM, JSON.stringify({ ...work, historyFile } satisfies ApiClientProcess)],
    logFile: join(running.folder, `${work.name}.log`),
  });
  started.push(part);
  return { part, historyFile };
}

async function untilProgress({ part, historyFile }: Client, share: number): Promise<void> {
  const what = `${part.name}, until it had done ${share} of its work,`;
  const hasDone = async () => (await countInvocations(historyFile)) >= share * OPERATIONS_EACH_PROCESS;
  await waitUntil(hasDone, { what, timeoutMs: WITHIN_MS });
}

test(
  'A2 A4 E6 every session is linearizable through checks and API of two servers, clients killed, store restarted',
  { timeout: 2 * WITHIN_MS },
  async () => {
    const seed = process.env['HISTORY_SEED'] ?? randomBytes(6).toString('hex');
    const sessions = await Promise.all(
      Array.from({ length: SESSIONS }, (_, index) => running.open(`subject-${index}`)),
    );
    const replicas = running.replicas.map(({ api, address }) => ({ api, address }));
    const [operator, app] = [await running.credential('on-call'), await running.credential('billing')];
    const common = { seed, sessions, replicas, operator, app };
    const work = { ...common, clients: CLIENTS_EACH, operationsEach: OPERATIONS_EACH };
    const [a, b, c] = await Promise.all(['a', 'b', 'C'].map((name) => startClients({ ...work, name })));
    if (!a || !b || !c) throw new Error('there are three processes');

    await untilProgress(c, 0.3);
    process.kill(c.part.pid, 'SIGKILL');
    await untilProgress(a, 0.5);
    await running.valkey.restart();
    await untilProgress(b, 0.7);

    for (const { part } of [a, b]) {
      expect(await part.ended, await lastLines(part.logFile)).toBe('exit code 0');
    }
    const files = [a, b, c].map(({ historyFile }) => historyFile);
    const histories = await Promise.all(files.map((file) => readHistory<SessionInput, SessionOutput>(file)));
    const operations = histories.flat();
    expect(outcomes(operations)).toEqual(
      expect.arrayContaining([
        'read live',
        'read revoked',
        'write written',
        'write conflict',
        'write revoked',
      ]),
    );
    for (const [session] of sessions.entries()) {
      const verdict = checkLinearizability(
        openedSessionModel,
        operations.filter(({ subject }) => subject === session),
      );
      const problem = verdict.linearizable ? '' : verdict.problem;
      expect(problem, `session ${session} of HISTORY_SEED=${seed}`).toBe('');
    }
  },
);

/** A history in which nothing raced and nothing failed would show nothing. */
function outcomes(
  operations: Awaited<ReturnType<typeof readHistory<SessionInput, SessionOutput>>>,
): string[] {
  const names = operations.map(
    ({ input, returned }) => `${input.kind} ${returned?.output.outcome ?? 'unknown'}`,
  );
  return [...new Set(names)];
}
