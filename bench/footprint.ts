/**
 * `npm run bench:footprint`: what to plan for. What a session takes in the store, part by part; what a check moves over the
 * network; what a replica holds in memory. Counts bytes and no times, so a busy machine does not spoil it.
 */
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { createSealer } from '../src/sealing/aes-gcm-sealer.ts';
import { generateSealingKey } from '../src/sealing/key-files.ts';
import { unsealedText, type Sealer } from '../src/sealing/sealer.ts';
import { loadSealingRing } from '../src/sealing/sealing-keys.ts';
import { documentSize, type SessionDocument } from '../src/session/document.ts';
import type { CheckServer } from './rig/check-server.ts';
import { startBenchEnvoy, type BenchEnvoy } from './rig/envoy.ts';
import { REQUEST_HOST, REQUEST_PATH } from './rig/load.ts';
import { commandLine, wholeNumber } from './rig/options.ts';
import { rssBytes } from './rig/process-accounting.ts';
import { printTable } from './rig/report.ts';
import { inRun, type Run } from './rig/run.ts';
import { documentOf, type OpenSession } from './rig/sessions.ts';
import { createSessionSource, startSinglestate, type SessionSource } from './rig/singlestate.ts';
import { storeMemory, type MemoryParts, type SessionKind, type StoreMemory } from './rig/store-memory.ts';
import { startBenchValkey } from './rig/valkey.ts';

/** Close to the default of `session.maxBytes`. */
const LARGE_BYTES = 16_000;
/** About what providers' ID tokens are long. */
const ID_TOKEN = 'a'.repeat(1_000);
const REFRESH_HASH = 'b'.repeat(43);
const WARM_UP = 100;
/** As a share; checks miss their deadline on a machine that is too busy. */
const MAX_FAILED = 0.02;
const CSRF_TOKEN = 'c'.repeat(43);

await inRun(async (run) => {
  const options = commandLine({
    sessions: { type: 'string', default: '10000' },
    checks: { type: 'string', default: '5000' },
  });
  const sessions = wholeNumber('--sessions', options.sessions, 100, 1_000_000);
  const checks = wholeNumber('--checks', options.checks, 100, 1_000_000);
  const valkey = await startBenchValkey(run);
  await printStore(run, valkey.port, sessions);
  const source = await createSessionSource(run, valkey.port);
  await printReplicas(run, source, checks);
  return 0;
});

async function printStore(run: Run, port: number, count: number): Promise<void> {
  const kinds = Object.entries(sessionKinds(await createRunSealer(run)));
  const measured: (readonly [string, StoreMemory])[] = [];
  // The server's scripts and buffers are there once, whatever the number of sessions.
  for (const [, kind] of kinds) await storeMemory(port, WARM_UP, kind);
  for (const [name, kind] of kinds) {
    process.stderr.write(`${name}\n`);
    measured.push([name, await storeMemory(port, count, kind)]);
  }
  const sizes = kinds.map(([, kind]) => documentSize(kind.documentOf('user-1', Date.now())));
  console.log(`\nBytes in the store for each of ${count} sessions:\n`);
  printParts(measured.map(([name, { live }], at) => [`${name}, document of ${sizes[at] ?? 0}`, live]));
  console.log('\nThe same, once each was revoked (the audit trail holds both records):\n');
  printParts(measured.map(([name, { revoked }]) => [name, revoked]));
  console.log('\nOne read of a session:\n');
  printTable(
    ['session', 'commands', 'bytes to the store', 'bytes from it'],
    measured.map(([name, { read }]) => [
      name,
      read.commands.toFixed(2),
      whole(read.sentBytes),
      whole(read.receivedBytes),
    ]),
  );
}

/** Logins of browsers ask for sealing, so there is no such session in plain text. */
function sessionKinds(sealer: Sealer): Readonly<Record<string, SessionKind>> {
  const program = { documentOf, refreshHash: REFRESH_HASH };
  const large = { documentOf: largeDocumentOf, refreshHash: REFRESH_HASH };
  const ofBrowser = (subject: string, nowMs: number) => ({
    ...documentOf(subject, nowMs),
    csrfToken: CSRF_TOKEN,
  });
  return {
    'program, plain': { ...program, sealer: unsealedText },
    'program, sealed': { ...program, sealer },
    'browser, sealed': { documentOf: ofBrowser, logoutHint: ID_TOKEN, sealer },
    'large, plain': { ...large, sealer: unsealedText },
    'large, sealed': { ...large, sealer },
  };
}

function largeDocumentOf(subject: string, nowMs: number): SessionDocument {
  const document = documentOf(subject, nowMs);
  const padded = (size: number) => ({
    ...document,
    slices: { ...document.slices, notes: { text: 'n'.repeat(size) } },
  });
  return padded(LARGE_BYTES - documentSize(padded(0)));
}

async function createRunSealer(run: Run): Promise<Sealer> {
  const dir = join(run.dir, 'sealing-keys');
  await generateSealingKey(dir, Date.now());
  const loaded = await loadSealingRing(dir, Date.now());
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return createSealer(loaded.ring, Date.now);
}

function printParts(rows: readonly (readonly [string, MemoryParts])[]): void {
  const names = ['session', 'subject', 'provider', 'sessions', 'proof', 'audit', 'table', 'total'] as const;
  printTable(
    ['session', ...names.map((name) => (name === 'session' ? 'record' : name))],
    rows.map(([title, parts]) => [title, ...names.map((name) => whole(parts[name]))]),
  );
}

/** One Envoy asks a replica over gRPC and another one over HTTP, one check after the other. */
async function printReplicas(run: Run, source: SessionSource, checks: number): Promise<void> {
  const replicas: Replica[] = [];
  for (const transport of ['grpc', 'http'] as const) {
    const { server } = await startSinglestate(run, { name: transport, source, transport });
    replicas.push({ name: transport, ...server });
  }
  const envoy = await startBenchEnvoy(run, replicas);
  const [session] = await source.openSessions(1);
  if (session === undefined) throw new Error('no session was opened');
  const rows: string[][] = [];
  for (const replica of replicas)
    rows.push([replica.name, ...(await measureReplica(envoy, replica, session, checks))]);
  console.log('\nA replica, asked one check after the other:\n');
  printTable(
    [
      '',
      'bytes to it for each check',
      'bytes from it',
      'RSS at rest, MiB',
      `after ${checks} checks`,
      'not 200',
    ],
    rows,
  );
}

type Replica = CheckServer & { readonly name: string };

async function measureReplica(
  envoy: BenchEnvoy,
  { name, pid }: Replica,
  session: OpenSession,
  checks: number,
): Promise<string[]> {
  const account = async () => ({ ...(await envoy.trafficOf(name)), checks: await envoy.checksOf(name) });
  const restBytes = rssBytes(pid);
  await ask(envoy, name, session, WARM_UP);
  const before = await account();
  const failed = await ask(envoy, name, session, checks);
  if (failed > checks * MAX_FAILED) throw new Error(`${failed} of ${checks} answers were not 200`);
  const after = await account();
  const each = (figure: 'sentBytes' | 'receivedBytes') =>
    whole((after[figure] - before[figure]) / (after.checks - before.checks));
  return [each('sentBytes'), each('receivedBytes'), mib(restBytes), mib(rssBytes(pid)), String(failed)];
}

/** One after the other, over one connection. How many were answered other than 200. */
async function ask(envoy: BenchEnvoy, name: string, { token }: OpenSession, times: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { host: REQUEST_HOST, authorization: `Bearer ${token}` };
  let failed = 0;
  try {
    for (let asked = 0; asked < times; asked += 1) {
      const sent = request(envoy.urlOf(name) + REQUEST_PATH, { headers, agent }).end();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      if (answer.statusCode !== 200) failed += 1;
      await once(answer.resume(), 'end');
    }
    return failed;
  } finally {
    agent.destroy();
  }
}

function whole(amount: number): string {
  return amount.toFixed(0);
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
