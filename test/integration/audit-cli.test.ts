import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { auditCommand } from '../../src/cli/audit.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import type { AuditNote } from '../../src/session/audit.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import { StoreError, type SessionStore } from '../../src/session/store.ts';
import { runCommand, type CommandEnd } from '../parts/command-line.ts';
import { startForwarder, type Forwarder } from '../parts/forwarder.ts';
import { startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';
import { whenStoreAnswers } from '../parts/valkey.ts';

const alice = { issuer: 'https://idp.test', subject: 'alice' };
const onCall = { kind: 'operator', name: 'on-call' } as const;
const ONLY = ['--action', 'config_reloaded'];

let issuers: Issuers;
let valkey: RunningValkey;
let store: SessionStore;
let api: SessionApi;
let door: Forwarder;
let dir: string;
let env: Record<string, string>;
let keyPrefix: string;

beforeAll(async () => {
  [issuers, valkey] = await Promise.all([startIssuers(), startValkey()]);
});
afterAll(() => Promise.all([issuers[Symbol.asyncDispose](), valkey.stop()]));
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'audit-cli-'));
  keyPrefix = `${crypto.randomUUID()}:`;
  store = openStore(5_000);
  await whenStoreAnswers(store);
  door = await startForwarder();
  await startApi();
  const credential = join(dir, 'operator.jwt');
  await writeFile(credential, await api.operatorJwt());
  env = { SINGLESTATE_API: door.url, SINGLESTATE_CREDENTIAL_FILE: credential };
});
afterEach(async () => {
  await door[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  await store.close();
  await rm(dir, { recursive: true });
});

function openStore(deadlineMs: number): SessionStore {
  return createRedisStore({
    ...{ url: valkey.url, deadlineMs, keyPrefix, sealer: () => unsealedText },
    audit: () => ({ maxEntries: 1_000_000, maxAgeMs: 3_600_000 }),
  });
}

/** Starts another replica, on the same store, and leads callers there. */
async function startApi(): Promise<void> {
  api = await startSessionApi(issuers, { audit: { times: { pollMs: 10 } } });
  api.deps.store = store;
  door.leadTo(api.port);
}

const record = (note: Partial<AuditNote>, about?: Parameters<SessionStore['record']>[1]) =>
  store.record({ action: 'config_reloaded', actor: { kind: 'singlestate', name: '' }, ...note }, about);

/** A command that runs. */
interface Running {
  readonly lines: () => string[];
  readonly warnings: string[];
  /** Ctrl-C. */
  readonly interrupt: () => void;
  readonly ended: Promise<CommandEnd>;
}

function start(args: readonly string[]): Running {
  let output = '';
  const warnings: string[] = [];
  const interrupted = new AbortController();
  const command = auditCommand({
    env,
    writeOut: (text) => {
      output += text;
      return Promise.resolve();
    },
    warn: (line) => warnings.push(line),
    onSignal: (_signal, listener) => interrupted.signal.addEventListener('abort', listener),
  });
  return {
    lines: () => output.split('\n').slice(0, -1),
    warnings,
    interrupt: () => interrupted.abort(),
    ended: runCommand(command, args),
  };
}

async function run(args: readonly string[]): Promise<CommandEnd & { readonly lines: string[] }> {
  const running = start(args);
  return { ...(await running.ended), lines: running.lines() };
}

const detailsIn = (lines: readonly string[]) =>
  lines.map((line) => (JSON.parse(line) as { detail: string }).detail);

/** Once it has begun, and so hears all that is added from now on. */
async function startTail(args: readonly string[]): Promise<Running> {
  const readings = async () => (await store.audit({ action: 'audit_read', limit: 100 })).records.length;
  const before = await readings();
  const running = start(['tail', ...args]);
  await vi.waitFor(async () => expect(await readings()).toBeGreaterThan(before));
  return running;
}

describe('singlestate audit tail', () => {
  test('E7 shows what is added as lines for people, until Ctrl-C, which ends it well', async () => {
    const tail = await startTail(['--action', 'session_read']);
    await record(
      { action: 'session_read', actor: onCall, reason: 'it says "hi"', detail: 'SEC-17' },
      { subject: alice },
    );
    await vi.waitFor(() => expect(tail.lines()).toHaveLength(1));
    expect(tail.lines()[0]).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z session_read operator:on-call subject=alice issuer=https:\/\/idp\.test reason="it says \\"hi\\"" detail=SEC-17$/,
    );
    tail.interrupt();
    expect(await tail.ended).toEqual({ exitCode: 0, message: '' });
  });

  test('E7 shows them as lines of JSON for programs', async () => {
    const tail = await startTail([...ONLY, '--output', 'jsonl']);
    await record({ detail: 'two\nlines' }, { subject: alice });
    await vi.waitFor(() => expect(tail.lines()).toHaveLength(1));
    expect(JSON.parse(tail.lines()[0] ?? '')).toEqual({
      id: expect.any(String) as string,
      at: expect.stringMatching(/Z$/) as string,
      action: 'config_reloaded',
      actor: { kind: 'singlestate' },
      detail: 'two\nlines',
      ...alice,
    });
    tail.interrupt();
    await tail.ended;
  });

  test.each<[string, string[], string[]]>([
    ['subject', ['--subject', 'alice', '--issuer', alice.issuer], ['a']],
    ['kind of actor', ['--actor', 'app'], ['b', 'c']],
    ['actor', ['--actor', 'app:billing'], ['b']],
    ['session', ['--ref', '3f.AAAAAAAAAAAAAAAAAAAAAA'], ['c']],
  ])('E7 shows only those of a %s', async (_what, filter, expected) => {
    await record({ action: 'login_failed', actor: onCall, detail: 'a' }, { subject: alice });
    await record({ action: 'login_failed', actor: { kind: 'app', name: 'billing' }, detail: 'b' });
    const ref = '3f.AAAAAAAAAAAAAAAAAAAAAA' as never;
    await record({ action: 'login_failed', actor: { kind: 'app', name: 'reports' }, detail: 'c' }, { ref });
    const args = ['--since', '1h', '--action', 'login_failed', '--output', 'jsonl'];
    const tail = await startTail([...args, ...filter]);
    await vi.waitFor(() => expect(detailsIn(tail.lines()).sort()).toEqual(expected));
    tail.interrupt();
    await tail.ended;
  });

  test('E7 goes on without a gap or a repetition where the server restarts and the connection breaks', async () => {
    const tail = await startTail([...ONLY, '--output', 'jsonl']);
    const added: string[] = [];
    const add = async (count: number) => {
      for (let at = 0; at < count; at++) {
        const subject = `user ${added.length}`;
        added.push(subject);
        await record({ detail: subject }, { subject: { ...alice, subject } });
      }
    };
    const heardAll = () => expect([...detailsIn(tail.lines())].sort()).toEqual([...added].sort());
    for (let restart = 0; restart < 3; restart++) {
      await add(20);
      door.leadTo(undefined);
      await add(20);
      await api[Symbol.asyncDispose]();
      await startApi();
      await add(20);
      await vi.waitFor(heardAll, { timeout: 15_000 });
    }
    expect(tail.warnings.length).toBeGreaterThanOrEqual(3);
    expect(tail.warnings[0]).toMatch(
      /^The Session API at http.* does not answer as it should\. .* Trying again\.$/,
    );
    tail.interrupt();
    expect(await tail.ended).toEqual({ exitCode: 0, message: '' });
    heardAll();
  });

  test('E7 goes on after an outage of the store', async () => {
    const impatient = openStore(200);
    await whenStoreAnswers(impatient);
    api.deps.store = impatient;
    const tail = await startTail([...ONLY, '--output', 'jsonl']);
    await record({ detail: 'before' });
    await vi.waitFor(() => expect(detailsIn(tail.lines())).toEqual(['before']));
    valkey.pause();
    await expect(impatient.ping()).rejects.toThrow(StoreError);
    valkey.resume();
    await record({ detail: 'after' });
    const heard = () => expect(detailsIn(tail.lines())).toEqual(['before', 'after']);
    await vi.waitFor(heard, { timeout: 15_000 });
    expect(tail.warnings).toEqual([]);
    tail.interrupt();
    await tail.ended;
    await impatient.close();
  });

  test('E7 remembers in a file how far it came, also for another process', async () => {
    const args = [...ONLY, '--output', 'jsonl', '--position-file', join(dir, 'position')];
    const first = await startTail(args);
    await record({ detail: 'a' });
    await vi.waitFor(() => expect(detailsIn(first.lines())).toEqual(['a']));
    // Written after its line is: by the next record it is there.
    await record({ detail: 'b' });
    await vi.waitFor(() => expect(detailsIn(first.lines())).toEqual(['a', 'b']));
    first.interrupt();
    await first.ended;
    await record({ detail: 'c' });
    const second = await startTail(args);
    await vi.waitFor(() => expect(detailsIn(second.lines())).toContain('c'));
    expect(detailsIn(second.lines())).toEqual(['c']);
    second.interrupt();
    await second.ended;
  });

  test('a position file of another question is refused, as is a file that is none', async () => {
    const positionFile = join(dir, 'position');
    const tail = await startTail([...ONLY, '--position-file', positionFile]);
    await vi.waitFor(async () => expect(await readFile(positionFile, 'utf8')).toContain('position'));
    tail.interrupt();
    await tail.ended;
    const other = ['tail', '--action', 'login_failed', '--position-file', positionFile];
    expect(await run(other)).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/other filters/) as string,
    });
    await writeFile(positionFile, 'hello');
    expect(await run(other)).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/no position file/) as string,
    });
    const nowhere = ['tail', '--position-file', join(dir, 'absent', 'position')];
    expect(await run(nowhere)).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/can't be written/) as string,
    });
  });

  test('exits with 69 when nobody listens at the beginning', async () => {
    door.leadTo(undefined);
    expect(await run(['tail'])).toMatchObject({ exitCode: 69, lines: [] });
  });

  test('exits with 1 when the credential does not hold any more', async () => {
    const tail = await startTail(ONLY);
    await writeFile(env['SINGLESTATE_CREDENTIAL_FILE'] ?? '', await api.operatorJwt({ exp: 1 }));
    door.leadTo(api.port);
    expect(await tail.ended).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/^The Session API refused\. Unauthenticated: /) as string,
    });
  });
});

describe('singlestate audit export', () => {
  test('E7 writes all records of a time, oldest first, and ends', async () => {
    const all = Array.from({ length: 1_100 }, (_, at) => `detail ${at}`);
    for (const detail of all) await record({ detail });
    const exported = await run(['export', ...ONLY]);
    expect(exported).toMatchObject({ exitCode: 0, message: '' });
    expect(detailsIn(exported.lines)).toEqual(all);
    expect((await run(['export', ...ONLY, '--until', '1h'])).lines).toEqual([]);
    expect((await run(['export', ...ONLY, '--since', '1h'])).lines).toHaveLength(1_100);
    expect((await run(['export', ...ONLY, '--since', '2999-01-01'])).lines).toEqual([]);
  });

  test('E7 comes to an end though each of its pages is in the trail too', async () => {
    for (let at = 0; at < 600; at++) await record({});
    const { exitCode, lines } = await run(['export']);
    expect([exitCode, lines.length]).toEqual([0, 602]);
    expect(lines.filter((line) => line.includes('"audit_read"'))).toHaveLength(2);
  });
});

describe('a wrong command line', () => {
  test.each<[string, string[], RegExp]>([
    ['an actor that is none', ['tail', '--actor', ''], /It must be a kind/],
    ['an output that is none', ['tail', '--output', 'xml'], /Allowed choices are text, jsonl/],
    ['a time that is none', ['export', '--since', 'monday'], /It must be a time, such as/],
    ['no such command', ['delete'], /unknown command/],
  ])('exits with 2 at %s', async (_what, args, message) => {
    expect(await run(args)).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) as string });
  });

  test.each<[string, string[], RegExp]>([
    ['an action', ['--action', 'deleted'], /filter\.action: it must be one of session_created/],
    ['a kind of actor', ['--actor', 'root:x'], /filter\.actor_kind: it must be one of operator/],
    ['a subject without issuer', ['--subject', 'alice'], /filter\.issuer/],
  ])('exits with 1 at %s that the API does not know', async (_what, filter, message) => {
    for (const name of ['tail', 'export']) {
      const { exitCode, message: said } = await run([name, ...filter]);
      expect([exitCode, said]).toEqual([1, expect.stringMatching(message) as string]);
    }
  });
});
