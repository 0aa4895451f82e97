/** The examples of deploy/audit with the real program, and a plain file where a collector would be. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SHIP = join(ROOT, 'deploy/audit/ship.sh');

let issuers: Issuers;
let api: SessionApi;
let dir: string;
let archive: string;
let env: Record<string, string | undefined>;
let running: ChildProcess[];

beforeAll(async () => {
  issuers = await startIssuers();
});
afterAll(() => issuers[Symbol.asyncDispose]());
beforeEach(async () => {
  running = [];
  dir = await mkdtemp(join(tmpdir(), 'audit-shipping-'));
  archive = join(dir, 'archive.jsonl');
  await writeFile(archive, '');
  api = await startSessionApi(issuers, { audit: { times: { pollMs: 10 } } });
  const credential = join(dir, 'operator.jwt');
  await writeFile(credential, await api.operatorJwt());
  const path = [join(ROOT, 'bin'), process.env['PATH']].join(delimiter);
  env = { ...process.env, PATH: path, SINGLESTATE_API: api.url, SINGLESTATE_CREDENTIAL_FILE: credential };
});
afterEach(async () => {
  await Promise.all(running.map(end));
  await api[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** In a process group of its own, as systemd and Kubernetes have it. */
function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  running.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  process.kill(-child.pid, 'SIGTERM');
  await ended;
}

const ship = (...sink: string[]) => start(SHIP, [join(dir, 'position'), ...sink]);
const toArchive = ['sh', '-c', 'exec cat >> "$ARCHIVE"'];

const record = (detail: string) =>
  api.deps.store.record({ action: 'login_failed', actor: { kind: 'singlestate', name: '' }, detail });

/** The details of what was shipped. */
async function shipped(): Promise<string[]> {
  const lines = (await readFile(archive, 'utf8')).split('\n').filter((line) => line !== '');
  const records = lines.map((line) => JSON.parse(line) as { action: string; detail?: string });
  return records.filter(({ action }) => action === 'login_failed').map(({ detail = '' }) => detail);
}

const arrived = (...details: string[]) =>
  vi.waitFor(async () => expect(await shipped()).toEqual(details), { timeout: 20_000, interval: 50 });

const readings = async () =>
  (await api.deps.store.audit({ action: 'audit_read', limit: 100 })).records.length;
const begun = (count: number) =>
  vi.waitFor(async () => expect(await readings()).toBe(count), { timeout: 20_000 });

test('E7 ship.sh gives each record to the collector, and goes on where it ended', async () => {
  env = { ...env, ARCHIVE: archive };
  const first = ship(...toArchive);
  await begun(1);
  await record('a');
  await arrived('a');
  await record('b');
  await arrived('a', 'b');
  await end(first);
  await record('c');
  ship(...toArchive);
  await begun(2);
  await record('d');
  await arrived('a', 'b', 'c', 'd');
});

test('E7 ship.sh fails where the collector is gone, and what that did not get comes again', async () => {
  const marker = join(dir, 'gone');
  env = { ...env, ARCHIVE: archive, MARKER: marker };
  // It takes one line, the record of this very tail, and lets go of its input before it says so.
  const child = ship('sh', '-c', 'head -n 1 >> "$ARCHIVE"; exec 0<&-; : > "$MARKER"');
  const ended = once(child, 'exit');
  await vi.waitFor(() => access(marker), { timeout: 20_000 });
  await record('a');
  expect(await ended).toEqual([141, null]);
  expect(await shipped()).toEqual([]);
  ship(...toArchive);
  await arrived('a');
});

test("E7 the Deployment's command writes the trail to standard output", async () => {
  const manifest = await readFile(join(ROOT, 'deploy/audit/kubernetes.yaml'), 'utf8');
  const documents = parseAllDocuments(manifest).map((document) => {
    expect(document.errors).toEqual([]);
    return document;
  });
  const container = ['spec', 'template', 'spec', 'containers', 0];
  const [args, variables] = ['args', 'env'].map((name) => documents.at(-1)?.getIn([...container, name]));
  expect(JSON.stringify(variables)).toContain('SINGLESTATE_CREDENTIAL_FILE');
  const words = (JSON.parse(JSON.stringify(args)) as string[]).map((word) => word.replace('/state', dir));
  const child = start('singlestate', words);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await begun(1);
  await record('a');
  await vi.waitFor(() => expect(output).toContain('"detail":"a"'), { timeout: 20_000 });
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
