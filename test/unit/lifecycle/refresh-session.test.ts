import { beforeEach, describe, expect, test } from 'vitest';
import { refreshSession } from '../../../src/lifecycle/refresh-session.ts';
import { createMemoryStore } from '../../../src/session/memory-store.ts';
import type { SessionId, SessionRef } from '../../../src/session/ref.ts';
import { StoreError, type SessionStore } from '../../../src/session/store.ts';
import { createRefreshToken, parseRefreshToken } from '../../../src/token/refresh-token.ts';
import { createScene, MINUTE_MS, type Scene } from '../../parts/lifecycle.ts';

const T0 = Date.UTC(2026, 0, 1, 12);
const GRACE_MS = 10_000;

let nowMs: number;
let store: SessionStore;
let scene: Scene;
let ref: SessionRef;
let first: string;

beforeEach(async () => {
  nowMs = T0;
  store = createMemoryStore({ now: () => nowMs });
  scene = await createScene(store, () => nowMs);
  const opened = await scene.open({ refreshable: true });
  ({ ref } = opened.session);
  first = opened.refreshToken ?? expect.unreachable('there is a refresh token');
  scene.counted.length = 0;
});

const refresh = (token: string) => refreshSession(token, scene.deps);

async function refreshed(token: string) {
  const outcome = await refresh(token);
  if (outcome.outcome !== 'refreshed') return expect.unreachable(`it was ${outcome.outcome}`);
  return outcome;
}

const actions = async () => (await store.audit({ limit: 100 })).records.map(({ action }) => action);

describe('a refresh token', () => {
  test('E10 gives a session token that is good, and the next refresh token, which is good too', async () => {
    nowMs += MINUTE_MS;
    const second = await refreshed(first);
    expect(second.refreshToken).not.toBe(first);
    expect(second.tokenExpiresAtMs).toBe(nowMs + 5 * MINUTE_MS);
    const verdict = await scene.tokens.verify(second.token, nowMs);
    expect(verdict).toMatchObject({ valid: true, claims: { ref } });
    const third = await refreshed(second.refreshToken);
    expect(new Set([first, second.refreshToken, third.refreshToken]).size).toBe(3);
    expect(scene.counted).toEqual(['token refreshed', 'token refreshed']);
    expect(await actions()).toEqual(['session_created', 'session_refreshed', 'session_refreshed']);
  });

  test('E10 slides the idle timeout', async () => {
    nowMs += 29 * MINUTE_MS;
    expect((await refreshed(first)).session.lastSeenAtMs).toBe(nowMs);
    nowMs += 29 * MINUTE_MS;
    expect(await store.read(ref)).toMatchObject({ session: { lastSeenAtMs: nowMs - 29 * MINUTE_MS } });
  });

  test('E10 used by 20 at once ends in one family, with the same successor in each answer', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => refreshed(first)));
    const [successor = '', ...others] = new Set(answers.map(({ refreshToken }) => refreshToken));
    expect(others).toEqual([]);
    expect(await refreshed(successor)).toMatchObject({ outcome: 'refreshed' });
    expect((await actions()).filter((action) => action === 'session_refreshed')).toHaveLength(2);
  });

  test('E10 may be used again within the grace, where the answer was lost', async () => {
    const { refreshToken } = await refreshed(first);
    nowMs += GRACE_MS - 1;
    expect((await refreshed(first)).refreshToken).toBe(refreshToken);
  });

  test('E10 used again after the grace ends the session, with the reuse in the audit trail', async () => {
    const { refreshToken, token } = await refreshed(first);
    nowMs += GRACE_MS;
    expect(await refresh(first)).toEqual({ outcome: 'reused' });
    expect(await store.read(ref)).toMatchObject({ state: 'revoked', cause: 'refresh_reuse' });
    expect(await refresh(refreshToken)).toEqual({ outcome: 'refused' });
    expect(await scene.tokens.verify(token, nowMs)).toMatchObject({ valid: true });
    expect(scene.counted).toEqual(['token refreshed', 'ended 1 refresh_reuse']);
    const { records } = await store.audit({ limit: 100 });
    expect(records.slice(2)).toMatchObject([
      {
        action: 'refresh_reused',
        reason: 'refresh_reuse',
        ref,
        actor: { kind: 'user', name: ref },
        before: 1,
        after: 0,
      },
    ]);
  });

  test('E10 two generations old ends the session even within the grace', async () => {
    const second = await refreshed(first);
    await refreshed(second.refreshToken);
    expect(await refresh(first)).toEqual({ outcome: 'reused' });
  });

  test('E6 of a session that was revoked is refused', async () => {
    const note = { action: 'session_revoked', actor: { kind: 'singlestate', name: '' } } as const;
    await store.revoke({ ref, cause: 'operator', nowMs, note });
    expect(await refresh(first)).toEqual({ outcome: 'refused' });
    expect(await store.read(ref)).toMatchObject({ cause: 'operator' });
  });

  test('A5 of a session that is over is refused', async () => {
    nowMs += 30 * MINUTE_MS;
    expect(await refresh(first)).toEqual({ outcome: 'refused' });
  });

  test('E10 of a session without refresh tokens is refused, and that session lives on', async () => {
    const { session, token } = await scene.open();
    const verdict = await scene.tokens.verify(token, nowMs);
    const sessionId = verdict.valid ? verdict.claims.sessionId : expect.unreachable(verdict.reason);
    expect(await refresh(createRefreshToken(sessionId))).toEqual({ outcome: 'refused' });
    expect(await store.read(session.ref)).toMatchObject({ state: 'live' });
  });

  test('E10 that was made up for a session that has others ends it: its id has leaked', async () => {
    const { sessionId } = parseRefreshToken(first) ?? expect.unreachable('it is a refresh token');
    expect(await refresh(createRefreshToken(sessionId))).toEqual({ outcome: 'reused' });
  });
});

describe('what is no refresh token', () => {
  test.each<[string, () => string]>([
    ['nothing', () => ''],
    ['the session id alone', () => first.slice(0, first.lastIndexOf('.'))],
    ['one that was cut', () => first.slice(0, -1)],
    ['a word', () => 'hello'],
  ])('E10 %s is refused, and the store is not asked', async (_what, token) => {
    scene.deps.store = { ...store, refresh: () => expect.unreachable('the store was asked') };
    expect(await refresh(token())).toEqual({ outcome: 'refused' });
  });

  test('E10 of a session that never was is refused', async () => {
    const never = createRefreshToken(`3f.${'A'.repeat(43)}` as SessionId);
    expect(await refresh(never)).toEqual({ outcome: 'refused' });
  });
});

describe('faults', () => {
  test('E10 a token that can not be signed leaves the refresh token good for the grace', async () => {
    const { mint } = scene.deps;
    scene.deps.mint = () => Promise.reject(new Error('no key'));
    await expect(refresh(first)).rejects.toThrow('no key');
    scene.deps.mint = mint;
    expect(await refresh(first)).toMatchObject({ outcome: 'refreshed' });
  });

  test('D4 a successor that was damaged in the store is refused', async () => {
    await refreshed(first);
    scene.deps.store = {
      ...store,
      refresh: async (asked) => {
        const outcome = await store.refresh(asked);
        return outcome.outcome === 'repeated' ? { ...outcome, successor: 'damaged' } : outcome;
      },
    };
    expect(await refresh(first)).toEqual({ outcome: 'refused' });
  });

  test('D2 a store that does not answer is a StoreError, and nothing is counted', async () => {
    await store.close();
    await expect(refresh(first)).rejects.toBeInstanceOf(StoreError);
    expect(scene.counted).toEqual([]);
  });

  test('E10 the store is given hashes and ciphertext, and no part of a secret', async () => {
    const given: string[] = [];
    scene.deps.store = {
      ...store,
      refresh: (asked) => {
        given.push(JSON.stringify(asked));
        return store.refresh(asked);
      },
    };
    const { refreshToken } = await refreshed(first);
    const secrets = [first, refreshToken].flatMap((token) => token.split('.').slice(1));
    expect(secrets).toHaveLength(4);
    for (const secret of secrets) expect(given.join()).not.toContain(secret);
  });
});
