/** Sessions under parallel clients that are killed and a store that is restarted, checked operation by operation. */
import { mkdtemp, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lastLines, startPart, type Part } from '../../quickstart/part.ts';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { waitUntil } from '../../quickstart/wait.ts';
import { newRef } from '../contract/sessions.ts';
import { countInvocations, readHistory, type Recorded } from '../parts/history.ts';
import { checkLinearizability } from '../parts/linearizability.ts';
import type { ClientProcess } from '../parts/session-history-client.ts';
import { sessionModel, type SessionInput, type SessionOutput } from '../parts/session-history.ts';

const SESSIONS = 24;
const CLIENTS_EACH = 3;
const OPERATIONS_EACH = 400;
/** More than there is time for: who has this much to do is killed before the end. */
const ENDLESS = 100_000;
const WITHIN_MS = 60_000;

const PROGRAM = fileURLToPath(new URL('../parts/session-history-client.ts', import.meta.url));

let folder: string;
let valkey: RunningValkey;
const started: Part[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'history-'));
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];
  valkey = await startValkey({ directory: folder, arguments: durable });
});

afterEach(async () => {
  for (const part of started.splice(0)) await part.stop();
  await valkey.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Client {
  readonly part: Part;
  readonly historyFile: string;
}

async function startClients(work: Omit<ClientProcess, 'clients' | 'historyFile'>): Promise<Client> {
  const historyFile = join(folder, `${work.name}.history`);
  const part = await startPart({
    name: `client process ${work.name}`,
    command: process.execPath,
    args: [PROGRAM, JSON.stringify({ ...work, clients: CLIENTS_EACH, historyFile } satisfies ClientProcess)],
    logFile: join(folder, `${work.name}.log`),
  });
  started.push(part);
  return { part, historyFile };
}

/** Resolves once it has begun so many operations, each of its clients counted. */
async function untilInvoked({ part, historyFile }: Client, operations: number): Promise<void> {
  let hasEnded = false as boolean;
  void part.ended.then(() => (hasEnded = true));
  const hasInvoked = async () => (await countInvocations(historyFile)) >= operations;
  const what = `${part.name}, until it had begun ${operations} operations,`;
  await waitUntil(async () => hasEnded || hasInvoked(), { what, timeoutMs: WITHIN_MS });
  if (!(await hasInvoked())) throw new Error(`${part.name} ended early:\n${await lastLines(part.logFile)}`);
}

test(
  'A2 A3 A4 E6 every session is linearizable while clients are killed and the store is restarted',
  { timeout: 2 * WITHIN_MS },
  async () => {
    const seed = process.env['HISTORY_SEED'] ?? randomBytes(6).toString('hex');
    const refs = Array.from({ length: SESSIONS }, () => newRef());
    const work = { url: valkey.url, seed, refs, startMs: Date.now() };
    const start = (name: string, operationsEach = OPERATIONS_EACH) =>
      startClients({ ...work, name, operationsEach });
    const steady = await Promise.all([start('a'), start('b')]);
    const killed = await Promise.all([start('c', ENDLESS), start('d', ENDLESS)]);
    const [first, second] = killed;

    await untilInvoked(first, 200);
    process.kill(first.part.pid, 'SIGKILL');
    await untilInvoked(second, 500);
    await valkey.restart();
    await untilInvoked(second, 700);
    process.kill(second.part.pid, 'SIGKILL');
    const late = await start('e');
    await untilInvoked(late, 200);
    await valkey.restart();

    for (const { part } of [...steady, late]) {
      expect(await part.ended, await lastLines(part.logFile)).toBe('exit code 0');
    }
    const files = [...steady, ...killed, late].map(({ historyFile }) => historyFile);
    const histories = await Promise.all(files.map((file) => readHistory<SessionInput, SessionOutput>(file)));
    const operations = histories.flat();
    for (const [session] of refs.entries()) {
      const verdict = checkLinearizability(
        sessionModel,
        operations.filter(({ subject }) => subject === session),
      );
      const problem = verdict.linearizable ? '' : verdict.problem;
      expect(problem, `session ${session} of HISTORY_SEED=${seed}`).toBe('');
    }
    expectAdventures(operations);
  },
);

/** A history in which nothing raced and nothing failed would show nothing. */
function expectAdventures(operations: readonly Recorded<SessionInput, SessionOutput>[]): void {
  const counts = new Map<string, number>();
  for (const { input, returned } of operations) {
    const name = `${input.kind} ${returned?.output.outcome ?? 'unknown'}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  expect(operations.length).toBeGreaterThan(3 * CLIENTS_EACH * OPERATIONS_EACH);
  for (const name of ['read live', 'write written', 'write conflict', 'write revoked', 'revoke revoked']) {
    expect(counts.get(name), name).toBeGreaterThan(0);
  }
  expect([...counts.keys()].some((name) => name.endsWith(' unknown'))).toBe(true);
}
