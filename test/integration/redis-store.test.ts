/** The Redis store when its server stalls, dies, comes back, forgets its scripts, refuses, or is not the right one. */
import { readFile } from 'node:fs/promises';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { waitUntil } from '../../quickstart/wait.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import { createRedisStore, type ConnectionChange } from '../../src/session/redis-store.ts';
import { createSessionId, partitionOf, sessionRef } from '../../src/session/ref.ts';
import { providerHash, subjectHash } from '../../src/session/record.ts';
import {
  StoreError,
  type NewSession,
  type SessionStore,
  type StoreErrorCode,
} from '../../src/session/store.ts';
import { everyOperation } from '../contract/life.ts';
import {
  ALICE,
  IDLE_TIMEOUT_MS,
  BOB,
  newDocument,
  newNote,
  newRef,
  newSession,
  refreshHash,
  refreshOf,
  revocationOf,
  writeOf,
} from '../contract/sessions.ts';
import { rawClient, whenStoreAnswers } from '../parts/valkey.ts';

const DEADLINE_MS = 50;

/** What a busy machine may add to a deadline; far from the client's own timeouts, which are 500 ms and longer. */
const SLACK_MS = 300;

/** How soon after its server's return a store must answer again. */
const RECOVERY_MS = 2_000;

const PASSWORD = 'correct-horse';

/** For what an ACL user may do: what the store asks, then what its scripts do. */
const NEEDED_COMMANDS = [
  ...['ping', 'hello', 'client', 'eval', 'evalsha', 'hmget', 'exists', 'set', 'pttl', 'xrange'],
  ...['zmscore', 'zrange', 'zrangebyscore', 'zrevrange'],
  ...['del', 'get', 'hexists', 'hset', 'pexpireat', 'pexpiretime', 'time', 'xadd', 'xtrim'],
  ...['zadd', 'zcount', 'zrandmember', 'zrem'],
];

let cleanUps: (() => unknown)[] = [];
let valkey: RunningValkey;

beforeEach(async () => {
  cleanUps = [];
  valkey = await startValkey();
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  await valkey.stop();
});

function openStore(options: Partial<Parameters<typeof createRedisStore>[0]> = {}): SessionStore {
  const store = createRedisStore({
    url: valkey.url,
    deadlineMs: DEADLINE_MS,
    keyPrefix: 'singlestate:',
    sealer: () => unsealedText,
    audit: () => ({ maxEntries: 100_000, maxAgeMs: 3_600_000 }),
    ...options,
  });
  cleanUps.push(() => store.close());
  return store;
}

async function openReadyStore(options: Parameters<typeof openStore>[0] = {}): Promise<SessionStore> {
  const store = openStore(options);
  await whenStoreAnswers(store);
  return store;
}

function openRaw(url = valkey.url) {
  const raw = rawClient(url);
  cleanUps.push(() => raw.disconnect());
  return raw;
}

interface Failure {
  readonly error: unknown;
  readonly afterMs: number;
}

async function failureOf(call: () => Promise<unknown>): Promise<Failure> {
  const startedAt = performance.now();
  const error = await call().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, afterMs: performance.now() - startedAt };
}

/** Calls every operation at once. */
async function failuresOf(store: SessionStore): Promise<[operation: string, failure: Failure][]> {
  const calls = everyOperation(store, newDocument(Date.now()));
  return Promise.all(
    calls.map(async ([operation, call]): Promise<[string, Failure]> => [operation, await failureOf(call)]),
  );
}

/** Every operation fails so, and at once: with nothing waited for, no timer and no answer, however busy the machine is. */
async function expectFailuresAtOnce(store: SessionStore, code: StoreErrorCode): Promise<void> {
  let failures: Awaited<ReturnType<typeof failuresOf>> = [];
  void failuresOf(store).then((found) => (failures = found));
  await setImmediate();
  expect(failures).not.toEqual([]);
  for (const [operation, { error }] of failures) {
    expect(error, operation).toBeInstanceOf(StoreError);
    expect(error, operation).toMatchObject({ code, answered: false });
  }
}

/** Until both connections were given up: an idle one only finds out when it is used. */
async function untilUnavailable(store: SessionStore): Promise<void> {
  const isUnavailable = async () => {
    const failures = await failuresOf(store);
    return failures.every(
      ([, { error }]) => error instanceof StoreError && error.code === 'ERR_STORE_UNAVAILABLE',
    );
  };
  await waitUntil(isUnavailable, { what: 'giving up the connections', timeoutMs: 5_000 });
}

/** Sessions that come to every kind of end, by way of every script. */
async function liveThrough(store: SessionStore): Promise<void> {
  const nowMs = Date.now();
  const identity = { provider: 'main', ...ALICE, providerSession: 'sid-1' };
  const create = async (changes: Partial<NewSession> = {}) => {
    const session = newSession(nowMs, {
      document: newDocument(nowMs, { identity }),
      refreshHash: refreshHash('first'),
      ...changes,
    });
    expect(await store.create(session)).toMatchObject({ outcome: 'created' });
    return session;
  };
  const first = await create();
  const { ref } = first;
  await store.touch({ ref, seenAtMs: nowMs + 5, idleTimeoutMs: IDLE_TIMEOUT_MS });
  expect(await store.write(writeOf(first))).toMatchObject({ outcome: 'written' });
  expect(await store.refresh(refreshOf(ref, 'first', 'second', nowMs))).toMatchObject({ outcome: 'rotated' });
  await store.take([{ kind: 'session', of: ref, limit: 10, windowMs: 1_000 }]);
  await store.record(newNote('session_read'), { ref });
  const second = await create({ replaces: { ref, version: 2 } });
  const third = await create({ limit: { max: 1, onExceed: 'end-oldest' } });
  const reuse = refreshOf(third.ref, 'forged', 'second', nowMs);
  expect(await store.refresh(reuse)).toEqual({ outcome: 'reused' });
  expect(await store.revoke(revocationOf(second.ref, nowMs))).toEqual({ outcome: 'already_revoked' });
  await create();
  expect(await store.list({ limit: 10, subject: ALICE })).toHaveLength(1);
  const target = { kind: 'provider_session', issuer: ALICE.issuer, providerSession: 'sid-1' } as const;
  expect(await store.revokeMany({ ...revocationOf(ref, nowMs), target })).toBe(1);
  await create();
  const everybody = { kind: 'all' } as const;
  expect(await store.revokeMany({ ...revocationOf(ref, nowMs), target: everybody })).toBe(1);
  const { records } = await store.audit({ limit: 100, subject: ALICE });
  expect(records.filter(({ action }) => action === 'session_created')).toHaveLength(5);
  expect(records.filter(({ after }) => after === 0)).toHaveLength(5);
}

describe('a server that stalls', () => {
  test('D5 every operation ends at its deadline, as a timeout', async () => {
    const store = await openReadyStore();
    valkey.pause();
    const failures = await failuresOf(store);
    for (const [operation, { error, afterMs }] of failures) {
      expect(error, operation).toMatchObject({ name: 'StoreError', code: 'ERR_STORE_TIMEOUT' });
      expect(afterMs, operation).toBeGreaterThan(DEADLINE_MS - 5);
      expect(afterMs, operation).toBeLessThan(DEADLINE_MS + SLACK_MS);
    }
  });

  test('D2 the connection is given up, calls then fail at once, and it recovers by itself', async () => {
    const store = await openReadyStore();
    const session = newSession(Date.now());
    await store.create(session);
    valkey.pause();
    await untilUnavailable(store);
    await expectFailuresAtOnce(store, 'ERR_STORE_UNAVAILABLE');
    valkey.resume();
    await whenStoreAnswers(store, RECOVERY_MS);
    expect(await store.read(session.ref)).toMatchObject({ state: 'live' });
    expect(await store.revoke(revocationOf(session.ref, Date.now()))).toMatchObject({ outcome: 'revoked' });
  });

  test.each([100, 700, 3_000])(
    'D2 it recovers within two seconds from a stall of %i ms while it is asked all the time',
    async (stallMs) => {
      const store = await openReadyStore();
      valkey.pause();
      const stall = setTimeout(stallMs, 'over');
      while ((await Promise.race([stall, failuresOf(store)])) !== 'over') await setImmediate();
      valkey.resume();
      await whenStoreAnswers(store, RECOVERY_MS);
    },
  );

  test('D9 what waits for a stalled server is bounded, and nothing is sent once its deadline is over', async () => {
    const store = await openReadyStore();
    const raw = openRaw();
    await raw.config('RESETSTAT');
    const session = newSession(Date.now());
    valkey.pause();
    const counts = { ERR_STORE_TIMEOUT: 0, ERR_STORE_UNAVAILABLE: 0, ERR_STORE_NOT_ASKED: 0 };
    // As often as a server would ask that answers 503 in between.
    while (counts.ERR_STORE_UNAVAILABLE < 20_000) {
      const reads = Array.from({ length: 200 }, () => failureOf(() => store.read(session.ref)));
      for (const { error } of await Promise.all(reads)) {
        if (error instanceof StoreError) counts[error.code] += 1;
      }
      await setImmediate();
    }
    await untilUnavailable(store);
    const { error } = await failureOf(() => store.create(session));
    expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    valkey.resume();
    await whenStoreAnswers(store, RECOVERY_MS);
    expect(counts.ERR_STORE_UNAVAILABLE).toBeGreaterThan(counts.ERR_STORE_TIMEOUT);
    const sent = /cmdstat_hmget:calls=(\d+)/.exec(await raw.info('commandstats'))?.[1] ?? '0';
    expect(Number(sent)).toBeLessThanOrEqual(counts.ERR_STORE_TIMEOUT);
    expect(await store.read(session.ref)).toEqual({ state: 'absent' });
  });

  test('D9 commands beyond ten thousand unanswered ones fail at once', async () => {
    const store = await openReadyStore({ deadlineMs: 2_000 });
    valkey.pause();
    const ref = newRef();
    const waiting = Array.from({ length: 10_000 }, () => failureOf(() => store.read(ref)));
    const { error, afterMs } = await failureOf(() => store.read(ref));
    expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect(String(error)).toContain('10000 commands are unanswered');
    expect(afterMs).toBeLessThan(1_000);
    valkey.resume();
    await Promise.all(waiting);
    await whenStoreAnswers(store, RECOVERY_MS);
  });
});

describe('a server that dies', () => {
  test('D2 calls fail at once as unavailable, and succeed again when it is back on the same port', async () => {
    const changes: ConnectionChange[] = [];
    const store = await openReadyStore({ onConnection: (change) => changes.push(change) });
    await valkey.kill();
    await untilUnavailable(store);
    await expectFailuresAtOnce(store, 'ERR_STORE_UNAVAILABLE');
    await valkey.restart();
    await whenStoreAnswers(store, RECOVERY_MS);
    const session = newSession(Date.now());
    expect(await store.create(session)).toMatchObject({ outcome: 'created' });
    expect(await store.read(session.ref)).toMatchObject({ state: 'live' });
    expect(changes.filter(({ state }) => state === 'lost')).toHaveLength(2);
    expect(changes.map(({ role, state }) => `${role} ${state}`).sort()).toEqual(
      ['read lost', 'read ready', 'read ready', 'write lost', 'write ready', 'write ready'].sort(),
    );
  });

  test('D2 what is under way when the server dies fails at once, and is not sent again', async () => {
    const store = await openReadyStore({ deadlineMs: 5_000 });
    const session = newSession(Date.now());
    valkey.pause();
    const underWay = failureOf(() => store.create(session));
    const read = failureOf(() => store.read(session.ref));
    await valkey.kill();
    for (const { error, afterMs } of await Promise.all([underWay, read])) {
      expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
      expect(afterMs).toBeLessThan(2_000);
    }
    await valkey.restart();
    await whenStoreAnswers(store, RECOVERY_MS);
    expect(await store.read(session.ref)).toEqual({ state: 'absent' });
  });

  test('a store opened before its server is there finds it later', async () => {
    await valkey.kill();
    const store = openStore();
    await expectFailuresAtOnce(store, 'ERR_STORE_UNAVAILABLE');
    await valkey.restart();
    await whenStoreAnswers(store, RECOVERY_MS);
  });

  test('a closed store leaves no connection, whatever state it was in', async () => {
    const raw = openRaw();
    const isGone = async () => !((await raw.client('LIST')) as string).includes('name=singlestate-');
    const ready = await openReadyStore();
    expect(await isGone()).toBe(false);
    await ready.close();
    await waitUntil(isGone, { what: 'closing', timeoutMs: 2_000 });
    const connecting = openStore();
    await connecting.close();
    await ready.close();
    const stalled = await openReadyStore();
    valkey.pause();
    await stalled.close();
    valkey.resume();
    await waitUntil(isGone, { what: 'closing', timeoutMs: 2_000 });
    await valkey.kill();
    const reconnecting = openStore();
    await failureOf(() => reconnecting.ping());
    await reconnecting.close();
  });
});

test("E2 a record that is another session's is no answer", async () => {
  const store = await openReadyStore();
  const [mine, other] = [newSession(Date.now()), newSession(Date.now())];
  await store.create(mine);
  await store.create(other);
  const keyOf = (ref: string) => `singlestate:{${ref.slice(0, 2)}}:session:${ref.slice(3)}`;
  await openRaw().copy(keyOf(other.ref), keyOf(mine.ref), 'REPLACE');
  await expect(store.read(mine.ref)).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', answered: true });
  expect(await store.read(other.ref)).toMatchObject({ state: 'live', session: { ref: other.ref } });
});

describe('scripts', () => {
  test('a server that forgot them is given them again (NOSCRIPT)', async () => {
    const store = await openReadyStore();
    const raw = openRaw();
    const session = newSession(Date.now(), { refreshHash: refreshHash('first') });
    const { ref, document, nowMs } = session;
    const operations: (() => Promise<unknown>)[] = [
      () => store.create(session),
      () => store.write(writeOf({ ref, document })),
      () => store.touch({ ref, seenAtMs: nowMs + 5, idleTimeoutMs: IDLE_TIMEOUT_MS }),
      () => store.refresh(refreshOf(ref, 'first', 'second', nowMs + 5)),
      () => store.record(newNote('session_read'), { ref }),
      () => store.take([{ kind: 'session', of: ref, limit: 10, windowMs: 1_000 }]),
      () => store.revokeMany({ ...revocationOf(ref, nowMs), target: { kind: 'subject', subject: BOB } }),
      () => store.revoke(revocationOf(ref, nowMs)),
    ];
    for (const operation of operations) {
      // The first call of a script on a connection carries its text, the second only its hash.
      await operation();
      await raw.script('FLUSH');
      await operation();
    }
    expect(await store.read(ref)).toMatchObject({ state: 'revoked' });
  });
});

describe('keys', () => {
  test('A2 every key of a subject carries the hash tag of its partition, and none holds a secret', async () => {
    const store = await openReadyStore({ keyPrefix: 'mine:' });
    const partition = partitionOf(ALICE.issuer, ALICE.subject);
    const id = createSessionId(partition);
    const identity = { provider: 'main', ...ALICE, providerSession: 'sid-1' };
    const document = newDocument(Date.now(), { identity });
    const session = newSession(Date.now(), { ref: sessionRef(id), document });
    await store.create(session);
    const keys = await openRaw().keys('*');
    const start = `mine:{${partition}}:`;
    expect(keys.sort()).toEqual([
      `${start}audit`,
      `${start}proof:${session.proof.hash}`,
      `${start}provider:${providerHash(ALICE.issuer, 'sid-1')}`,
      `${start}session:${session.ref.slice(3)}`,
      `${start}sessions`,
      `${start}subject:${subjectHash(ALICE)}`,
    ]);
    const stored = JSON.stringify([keys, await Promise.all(keys.map((key) => openRaw().dump(key)))]);
    expect(stored).toContain(session.ref.slice(3));
    expect(stored).not.toContain(id.slice(3));
  });

  test('A2 the keys of each script lie in one slot of a cluster', async () => {
    const cluster = await startValkey({ arguments: ['--cluster-enabled', 'yes'] });
    cleanUps.push(() => cluster.stop());
    const raw = openRaw(cluster.url);
    await raw.cluster('ADDSLOTSRANGE', 0, 16_383);
    const isUp = async () => (await raw.cluster('INFO')).includes('cluster_state:ok');
    await waitUntil(isUp, { what: 'the cluster', timeoutMs: 10_000 });
    const store = await openReadyStore({ url: cluster.url, deadlineMs: 2_000 });
    await liveThrough(store);
    for (const [operation, call] of everyOperation(store, newDocument(Date.now()))) {
      expect((await failureOf(call)).error, operation).toBeUndefined();
    }
  });
});

describe('a server that refuses', () => {
  test.each(['string', 'list', 'set'])(
    'D4 a %s in place of a record is corrupt and removable',
    async (type) => {
      const store = await openReadyStore({ keyPrefix: '' });
      const raw = openRaw();
      const ref = newRef();
      const key = `{${ref.slice(0, 2)}}:session:${ref.slice(3)}`;
      if (type === 'string') await raw.set(key, 'x');
      else if (type === 'list') await raw.rpush(key, 'x');
      else await raw.sadd(key, 'x');
      const problem = 'record: not a hash';
      expect(await store.read(ref)).toEqual({ state: 'corrupt', problem, removable: true });
      const session = newSession(Date.now(), { ref });
      expect(await store.create(session)).toEqual({ outcome: 'replayed' });
      const write = writeOf(session);
      expect(await store.write(write)).toEqual({ outcome: 'absent' });
      await store.touch({ ref, seenAtMs: Date.now(), idleTimeoutMs: IDLE_TIMEOUT_MS });
      expect(await raw.type(key)).toBe(type);
      const revocation = revocationOf(ref, Date.now(), 'corrupt');
      expect(await store.revoke(revocation)).toMatchObject({ outcome: 'revoked' });
      expect(await store.read(ref)).toMatchObject({ state: 'revoked', cause: 'corrupt' });
    },
  );

  test('E6 a server without memory takes no session, and still revokes', async () => {
    const store = await openReadyStore({ deadlineMs: 2_000 });
    const raw = openRaw();
    const session = newSession(Date.now());
    const { ref, document } = session;
    await store.create(session);
    await raw.config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1');
    const creation = await failureOf(() => store.create(newSession(Date.now())));
    expect(creation.error, 'D8 an answer').toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', answered: true });
    expect(String(creation.error)).toContain('OOM');
    const write = await failureOf(() => store.write(writeOf({ ref, document })));
    expect(write.error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect(await store.read(ref)).toMatchObject({ state: 'live', session: { version: 1 } });
    expect(await store.revoke(revocationOf(ref, Date.now()))).toMatchObject({ outcome: 'revoked' });
    expect(await store.read(ref)).toMatchObject({ state: 'revoked' });
    const kept = [
      expect.stringMatching(/:audit$/),
      expect.stringMatching(/:proof:/),
      expect.stringMatching(/:session:/),
    ];
    expect((await raw.keys('*')).sort()).toEqual(kept);
  });

  test('A4 a primary that becomes a replica is asked no more, until it is a primary again', async () => {
    const store = await openReadyStore();
    const raw = openRaw();
    const session = newSession(Date.now());
    await store.create(session);
    await raw.replicaof('127.0.0.1', 1);
    const { error } = await failureOf(() => store.create(newSession(Date.now())));
    expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await untilUnavailable(store);
    const read = await failureOf(() => store.read(session.ref));
    expect(String(read.error)).toContain('the server is a replica');
    await raw.replicaof('NO', 'ONE');
    await whenStoreAnswers(store, RECOVERY_MS);
    expect(await store.read(session.ref)).toMatchObject({ state: 'live' });
  });

  test('A4 a replica is never asked', async () => {
    await openRaw().replicaof('127.0.0.1', 1);
    const changes: ConnectionChange[] = [];
    const store = openStore({ onConnection: (change) => changes.push(change) });
    const isRefused = () => Promise.resolve(changes.length >= 2);
    await waitUntil(isRefused, { what: 'refusing the replica', timeoutMs: 2_000 });
    await expectFailuresAtOnce(store, 'ERR_STORE_UNAVAILABLE');
    const lost = { state: 'lost', reason: 'the server is a replica' };
    expect(changes).toEqual(
      expect.arrayContaining([
        { role: 'read', ...lost },
        { role: 'write', ...lost },
      ]),
    );
  });

  test.each([
    { credentials: 'no password', options: {}, reason: 'NOAUTH' },
    { credentials: 'a wrong password', options: { password: 'wr0ng-secret' }, reason: 'WRONGPASS' },
    {
      credentials: 'a wrong user',
      options: { username: 'mallory', password: 'wr0ng-secret' },
      reason: 'WRONGPASS',
    },
  ])(
    'E4 with $credentials a store is unavailable, and says so without the secret',
    async ({ options, reason }) => {
      await openRaw().config('SET', 'requirepass', PASSWORD);
      const changes: ConnectionChange[] = [];
      const store = openStore({ ...options, onConnection: (change) => changes.push(change) });
      const isRefused = () => Promise.resolve(changes.length >= 2);
      await waitUntil(isRefused, { what: 'refusing the login', timeoutMs: 2_000 });
      for (const [operation, { error }] of await failuresOf(store)) {
        expect(error, operation).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
        expect(inspect(error, { depth: 10 }), operation).toContain(reason);
        expect(inspect(error, { depth: 10, showHidden: true }), operation).not.toContain('wr0ng-secret');
      }
      expect(changes).toEqual(expect.arrayContaining([{ role: 'read', state: 'lost', reason }]));
    },
  );

  test('E4 with the right password it answers', async () => {
    await openRaw().config('SET', 'requirepass', PASSWORD);
    const store = await openReadyStore({ password: PASSWORD });
    expect(await store.read(newRef())).toEqual({ state: 'absent' });
  });

  test('E4 B7 a password that was changed is taken by the next connection', async () => {
    const raw = openRaw();
    await raw.config('SET', 'requirepass', PASSWORD);
    let next: string | undefined = PASSWORD;
    const store = await openReadyStore({ password: PASSWORD, nextPassword: () => Promise.resolve(next) });
    await raw.config('SET', 'requirepass', 'an0ther-secret');
    await raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await untilUnavailable(store);
    next = undefined;
    expect((await failureOf(() => store.read(newRef()))).error).toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
    });
    next = 'an0ther-secret';
    await whenStoreAnswers(store, RECOVERY_MS);
    expect(await store.read(newRef())).toEqual({ state: 'absent' });
  });

  test.each([
    { ability: 'just what it needs', more: ['+info', '+role'] },
    { ability: 'no look at the server', more: [] },
  ])('E4 a user with $ability can do every operation', async ({ more }) => {
    const allowed = NEEDED_COMMANDS.map((command) => `+${command}`);
    const user = ['on', `>${PASSWORD}`, '~singlestate:*', '-@all', ...allowed, ...more];
    await openRaw().acl('SETUSER', 'gateway', ...user);
    const store = await openReadyStore({ username: 'gateway', password: PASSWORD });
    await liveThrough(store);
    for (const [operation, call] of everyOperation(store, newDocument(Date.now()))) {
      expect((await failureOf(call)).error, operation).toBeUndefined();
    }
  });

  test('E4 of the commands that a user must be allowed none is idle', async () => {
    const store = await openReadyStore();
    const raw = openRaw();
    await raw.config('RESETSTAT');
    await liveThrough(store);
    for (const [, call] of everyOperation(store, newDocument(Date.now()))) await call();
    const stats = await raw.info('commandstats');
    const used = new Set([...stats.matchAll(/^cmdstat_(\w+)/gm)].map(([, name]) => name));
    const connecting = ['client', 'hello', 'eval'];
    expect(NEEDED_COMMANDS.filter((name) => !used.has(name) && !connecting.includes(name))).toEqual([]);
  });

  test('E4 the page for operators names the commands that an ACL user needs, and no other', async () => {
    const page = await readFile(new URL('../../docs/how-to/prepare-redis.md', import.meta.url), 'utf8');
    const shown = [...(/ACL SETUSER .*/.exec(page)?.[0] ?? '').matchAll(/\+(\w+)/g)].map(([, name]) => name);
    expect(shown.sort()).toEqual([...NEEDED_COMMANDS, 'info', 'role', 'select'].sort());
  });

  test('A4 a server that has no ROLE command is taken for a primary', async () => {
    const proxied = await startValkey({ arguments: ['--rename-command', 'ROLE', ''] });
    cleanUps.push(() => proxied.stop());
    const store = await openReadyStore({ url: proxied.url });
    expect(await store.read(newRef())).toEqual({ state: 'absent' });
  });

  test('E2 a database that the server does not have is not replaced by another one', async () => {
    const changes: ConnectionChange[] = [];
    const onConnection = (change: ConnectionChange) => changes.push(change);
    const store = openStore({ url: `${valkey.url}/99`, onConnection });
    await waitUntil(() => Promise.resolve(changes.length >= 2), { what: 'refusing', timeoutMs: 2_000 });
    expect(changes.map(({ state }) => state)).toEqual(['lost', 'lost']);
    await expectFailuresAtOnce(store, 'ERR_STORE_UNAVAILABLE');
    const elsewhere = await openReadyStore({ url: `${valkey.url}/3` });
    await elsewhere.create(newSession(Date.now()));
    expect(await openRaw(`${valkey.url}/3`).dbsize()).toBeGreaterThan(0);
    expect(await openRaw().dbsize()).toBe(0);
  });

  test('an error tells neither a document nor a key', async () => {
    const store = await openReadyStore();
    await openRaw().config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1');
    const session = newSession(Date.now());
    const { error } = await failureOf(() => store.create(session));
    const told = inspect(error, { depth: 10, showHidden: true });
    expect(told).toContain('OOM');
    expect(told).not.toContain('alice');
    expect(told).not.toContain(session.ref.slice(3));
    expect(told).not.toContain(session.proof.hash);
  });
});
