import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { refreshSession } from '../../src/lifecycle/refresh-session.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { createScene, type Scene } from '../parts/lifecycle.ts';
import { rawClient, whenStoreAnswers } from '../parts/valkey.ts';

let valkey: RunningValkey;
let stores: readonly SessionStore[];
/** Two replicas on one Valkey. */
let replicas: readonly Scene[];

beforeAll(async () => {
  valkey = await startValkey();
});
afterAll(() => valkey.stop());
beforeEach(async () => {
  const keyPrefix = `${crypto.randomUUID()}:`;
  const open = () =>
    createRedisStore({
      ...{ url: valkey.url, deadlineMs: 5_000, keyPrefix, sealer: () => unsealedText },
      audit: () => ({ maxEntries: 100_000, maxAgeMs: 3_600_000 }),
    });
  stores = [open(), open()];
  await Promise.all(stores.map((store) => whenStoreAnswers(store)));
  replicas = await Promise.all(stores.map((store) => createScene(store, Date.now)));
});
afterEach(() => Promise.all(stores.map((store) => store.close())));

const replica = (at: number): Scene => replicas[at % replicas.length] ?? expect.unreachable('there are two');

async function open() {
  const { session, refreshToken } = await replica(0).open({ refreshable: true });
  return { ref: session.ref, first: refreshToken ?? expect.unreachable('there is a refresh token') };
}

async function refreshed(token: string, at = 0) {
  const outcome = await refreshSession(token, replica(at).deps);
  return outcome.outcome === 'refreshed' ? outcome : expect.unreachable(`it was ${outcome.outcome}`);
}

const refreshAtAll = (token: string) =>
  Promise.all(Array.from({ length: 20 }, (_, at) => refreshed(token, at)));

async function actions(ref: string): Promise<string[]> {
  const page = await replica(0).deps.store.audit({ ref: ref as never, limit: 100 });
  return page.records.map(({ action }) => action);
}

test('E10 20 parallel refreshes of one token at two replicas end in one family and one successor', async () => {
  const { ref, first } = await open();
  let token = first;
  for (let generation = 1; generation <= 5; generation++) {
    const answers = await refreshAtAll(token);
    const [successor = '', ...others] = new Set(answers.map(({ refreshToken }) => refreshToken));
    expect(others).toEqual([]);
    for (const answer of answers) expect(answer.session).toMatchObject({ ref, version: 1 });
    token = successor;
  }
  expect(await actions(ref)).toEqual(['session_created', ...Array<string>(5).fill('session_refreshed')]);
});

test('E10 an old token used after the grace ends the family on every replica, with an audit record', async () => {
  const { ref, first } = await open();
  const { refreshToken } = await refreshed(first);
  for (const { deps } of replicas) deps.limits = { ...deps.limits, refreshGraceMs: 0 };
  expect(await refreshSession(first, replica(1).deps)).toEqual({ outcome: 'reused' });
  for (const { deps } of replicas) {
    expect(await deps.store.read(ref)).toMatchObject({ state: 'revoked', cause: 'refresh_reuse' });
    expect(await refreshSession(refreshToken, deps)).toEqual({ outcome: 'refused' });
  }
  expect(await actions(ref)).toEqual(['session_created', 'session_refreshed', 'refresh_reused']);
  expect(replica(1).counted).toEqual(['ended 1 refresh_reuse']);
});

test('E6 of a refresh and a revocation that race, the revocation stays', async () => {
  for (let round = 0; round < 20; round++) {
    const { ref, first } = await open();
    const note = { action: 'session_revoked', actor: { kind: 'operator', name: 'test' } } as const;
    const nowMs = Date.now();
    const [answer] = await Promise.all([
      refreshSession(first, replica(0).deps),
      replica(1).deps.store.revoke({ ref, cause: 'operator', nowMs, note }),
    ]);
    expect(await replica(0).deps.store.read(ref)).toMatchObject({ state: 'revoked', cause: 'operator' });
    const next = answer.outcome === 'refreshed' ? answer.refreshToken : first;
    expect(await refreshSession(next, replica(0).deps)).toEqual({ outcome: 'refused' });
  }
});

test('E10 the store holds no part of a refresh token, and no session id', async () => {
  const { first } = await open();
  const { refreshToken } = await refreshed(first);
  const raw = rawClient(valkey.url);
  const dumped: string[] = [];
  for (const key of await raw.keys('*')) {
    const type = await raw.type(key);
    const value =
      type === 'hash' ? await raw.hgetall(key) : type === 'stream' ? await raw.xrange(key, '-', '+') : '';
    dumped.push(key, JSON.stringify(value));
  }
  raw.disconnect();
  const text = dumped.join('\n');
  expect(text).toContain('idp.test');
  const parts = [first, refreshToken].flatMap((token) => token.split('.').slice(1));
  expect(parts).toHaveLength(4);
  for (const part of parts) expect(text).not.toContain(part);
});
