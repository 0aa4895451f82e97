import { beforeEach, expect, test } from 'vitest';
import { endSession, endSessions } from '../../../src/lifecycle/end-session.ts';
import { createMemoryStore } from '../../../src/session/memory-store.ts';
import { StoreError, type RevocationTarget, type SessionStore } from '../../../src/session/store.ts';
import { createScene, type Scene } from '../../parts/lifecycle.ts';

const T0 = Date.UTC(2026, 0, 1, 12);
const operator = { kind: 'operator', name: 'on-call' } as const;
const alice = { issuer: 'https://idp.test', subject: 'alice' };

let store: SessionStore;
let scene: Scene;

beforeEach(async () => {
  store = createMemoryStore({ now: () => T0 });
  scene = await createScene(store, () => T0);
});

const trail = async () => (await store.audit({ limit: 100 })).records;

test('E6 a session is ended once, and counted once', async () => {
  const { session } = await scene.open({ logoutHint: 'hint' });
  const ending = { ref: session.ref, cause: 'logout', actor: operator } as const;
  scene.counted.length = 0;
  expect(await endSession(ending, scene.deps)).toEqual({ outcome: 'revoked', logoutHint: 'hint' });
  expect(await endSession(ending, scene.deps)).toEqual({ outcome: 'already_revoked' });
  expect(scene.counted).toEqual(['ended 1 logout']);
  expect(await store.read(session.ref)).toEqual({ state: 'revoked', cause: 'logout', revokedAtMs: T0 });
});

test('a session that never was is absent, and not counted', async () => {
  const ref = '3f.AAAAAAAAAAAAAAAAAAAAAA' as never;
  expect(await endSession({ ref, cause: 'operator', actor: operator }, scene.deps)).toEqual({
    outcome: 'absent',
  });
  expect(scene.counted).toEqual([]);
});

test("B6 the trail has the cause, or the actor's reason with the cause beside it", async () => {
  const { session } = await scene.open();
  const another = await scene.open();
  await endSession({ ref: session.ref, cause: 'logout', actor: operator }, scene.deps);
  const reason = 'laptop stolen';
  await endSession({ ref: another.session.ref, cause: 'operator', actor: operator, reason }, scene.deps);
  const [first, second] = (await trail()).slice(2);
  expect(first).toMatchObject({
    action: 'session_revoked',
    actor: operator,
    reason: 'logout',
    ref: session.ref,
  });
  expect(first).not.toHaveProperty('detail');
  expect(second).toMatchObject({ reason: 'laptop stolen', detail: 'cause=operator' });
});

test.each<[string, RevocationTarget, number]>([
  ['a subject', { kind: 'subject', subject: alice }, 3],
  [
    'a provider session',
    { kind: 'provider_session', issuer: alice.issuer, providerSession: 'idp-session-1' },
    2,
  ],
  [
    'a provider session of a subject',
    { kind: 'provider_session', issuer: alice.issuer, providerSession: 'idp-session-1', subject: 'alice' },
    1,
  ],
  ['everybody', { kind: 'all' }, 4],
])(
  'E6 all sessions of %s end, are counted, and are in the trail one by one',
  async (_whose, target, count) => {
    await scene.open();
    await scene.open({ identity: scene.identity({ providerSession: 'idp-session-2' }) });
    await scene.open({ identity: scene.identity({ providerSession: 'idp-session-3' }) });
    await scene.open({ identity: scene.identity({ subject: 'bob' }) });
    scene.counted.length = 0;
    const ending = { target, cause: 'operator', actor: operator, reason: 'SEC-17' } as const;
    expect(await endSessions(ending, scene.deps)).toBe(count);
    expect(scene.counted).toEqual([`ended ${count} operator`]);
    const added = (await trail()).slice(4);
    expect(added.filter(({ action }) => action === 'session_revoked')).toHaveLength(count);
    expect(added.at(-1)).toMatchObject({
      action: 'sessions_revoked',
      actor: operator,
      reason: 'SEC-17',
      detail: `target=${target.kind} count=${count}`,
    });
    expect(await endSessions(ending, scene.deps)).toBe(0);
    expect(scene.counted).toHaveLength(1);
  },
);

test("E6 an operator's work on a subject is in that subject's trail", async () => {
  await endSessions(
    { target: { kind: 'subject', subject: alice }, cause: 'operator', actor: operator },
    scene.deps,
  );
  const { records } = await store.audit({ subject: alice, limit: 10 });
  expect(records).toMatchObject([{ action: 'sessions_revoked', subject: alice, reason: 'operator' }]);
});

test('what a provider ended is in the trail session by session alone', async () => {
  await scene.open();
  const actor = { kind: 'provider', name: 'main' } as const;
  await endSessions({ target: { kind: 'all' }, cause: 'provider_logout', actor }, scene.deps);
  expect((await trail()).map(({ action }) => action)).toEqual(['session_created', 'session_revoked']);
});

test('D2 a store that does not answer is a StoreError, and nothing is counted', async () => {
  await store.close();
  const ending = { cause: 'operator', actor: operator } as const;
  const ref = '3f.AAAAAAAAAAAAAAAAAAAAAA' as never;
  await expect(endSession({ ...ending, ref }, scene.deps)).rejects.toBeInstanceOf(StoreError);
  await expect(endSessions({ ...ending, target: { kind: 'all' } }, scene.deps)).rejects.toBeInstanceOf(
    StoreError,
  );
  expect(scene.counted).toEqual([]);
});
