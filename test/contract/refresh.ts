/** Refresh tokens in a store: rotated at each use, and an old one ends the session (E10). */
import { describe, expect, test } from 'vitest';
import type { Refresh, SessionStore } from '../../src/session/store.ts';
import type { CurrentStore } from './session-store.ts';
import {
  auditAll,
  IDLE_TIMEOUT_MS,
  newDocument,
  newRef,
  newSession,
  refreshHash,
  refreshOf,
  revocationOf,
  withCart,
  writeOf,
} from './sessions.ts';

const GRACE_MS = 10_000;

export function refreshTests(current: CurrentStore): void {
  describe('refresh', () => {
    test('E10 a token is rotated at its first use, and the session counts as used', async () => {
      const { store, replica, nowMs, forgottenAtMs } = current();
      const session = await createRefreshable(store, nowMs());
      const { ref, document } = session;
      const at = session.nowMs + 60_000;
      const used = { ref, version: 1, lastSeenAtMs: at, document };
      expect(await store.refresh(refreshOf(ref, 'one', 'two', at))).toEqual({
        outcome: 'rotated',
        session: used,
      });
      expect(await replica.read(ref)).toEqual({ state: 'live', session: used });
      const touched = await forgottenAtMs(ref);
      expect(touched).toBe((await forgottenAfter(current, session.nowMs)) + 60_000);
      expect(await replica.refresh(refreshOf(ref, 'two', 'three', at))).toMatchObject({ outcome: 'rotated' });
    });

    test('E10 a token that is used again within the grace gets the same successor', async () => {
      const { store, replica, nowMs } = current();
      const { ref, nowMs: now, document } = await createRefreshable(store, nowMs());
      await store.refresh(refreshOf(ref, 'one', 'two', now));
      for (const [client, afterMs] of [
        [store, 0],
        [replica, 5_000],
        [store, GRACE_MS - 1],
      ] as const) {
        const again = refreshOf(ref, 'one', 'another', now + afterMs);
        const repeated = { outcome: 'repeated', successor: 'sealed:two' };
        expect(await client.refresh(again)).toMatchObject({ ...repeated, session: { version: 1, document } });
      }
      const actions = (await auditAll(store, { ref })).map(({ action }) => action);
      expect(actions).toEqual(['session_created', 'session_refreshed']);
      expect(await store.refresh(refreshOf(ref, 'two', 'three', now + 1))).toMatchObject({
        outcome: 'rotated',
      });
    });

    test('E10 of 20 parallel uses of one token one rotates, and all get the same successor', async () => {
      const { store, replica, nowMs } = current();
      const { ref, nowMs: now } = await createRefreshable(store, nowMs());
      const uses = Array.from({ length: 20 }, (_, n) => refreshOf(ref, 'one', `successor-${n}`, now));
      const outcomes = await Promise.all(uses.map((use, n) => (n % 2 ? store : replica).refresh(use)));
      const winner = outcomes.findIndex(({ outcome }) => outcome === 'rotated');
      const repeats = outcomes.filter((_, n) => n !== winner);
      expect(repeats).toHaveLength(19);
      for (const repeat of repeats) {
        expect(repeat).toMatchObject({ outcome: 'repeated', successor: `sealed:successor-${winner}` });
      }
      const next = await store.refresh(refreshOf(ref, `successor-${winner}`, 'last', now));
      expect(next.outcome).toBe('rotated');
      expect(await auditAll(store, { ref, action: 'session_refreshed' })).toHaveLength(2);
    });

    test.each([
      { what: 'after its grace', presented: 'one', afterMs: GRACE_MS },
      { what: 'long after its grace', presented: 'one', afterMs: 100 * GRACE_MS },
      { what: 'that never was one', presented: 'forged', afterMs: 0 },
    ])('E10 a token $what ends the session, with an audit record', async ({ presented, afterMs }) => {
      const { store, replica, nowMs } = current();
      const { ref, nowMs: now } = await createRefreshable(store, nowMs());
      await store.refresh(refreshOf(ref, 'one', 'two', now));
      const at = now + afterMs;
      expect(await store.refresh(refreshOf(ref, presented, 'three', at))).toEqual({ outcome: 'reused' });
      const tombstone = { state: 'revoked', cause: 'refresh_reuse', revokedAtMs: at };
      expect(await replica.read(ref)).toEqual(tombstone);
      expect(await replica.refresh(refreshOf(ref, 'two', 'three', at))).toEqual({ outcome: 'refused' });
      const reuse = await auditAll(store, { ref, action: 'refresh_reused' });
      expect(reuse).toMatchObject([{ before: 1, after: 0 }]);
    });

    test('E10 the grace is for the token before the present one alone', async () => {
      const { store, nowMs } = current();
      const { ref, nowMs: now } = await createRefreshable(store, nowMs());
      await store.refresh(refreshOf(ref, 'one', 'two', now));
      await store.refresh(refreshOf(ref, 'two', 'three', now));
      expect(await store.refresh(refreshOf(ref, 'one', 'four', now))).toEqual({ outcome: 'reused' });
      expect(await store.read(ref)).toMatchObject({ state: 'revoked' });
    });

    test('A2 a rotation is no write: the version stays, and a write keeps the tokens', async () => {
      const { store, nowMs } = current();
      const session = await createRefreshable(store, nowMs());
      const { ref, nowMs: now, document } = session;
      await store.refresh(refreshOf(ref, 'one', 'two', now));
      const changed = withCart(document, 1);
      expect(await store.write(writeOf({ ref, document: changed }))).toMatchObject({ version: 2 });
      const next = await store.refresh(refreshOf(ref, 'two', 'three', now));
      expect(next).toMatchObject({ outcome: 'rotated', session: { version: 2, document: changed } });
      expect(await auditAll(store, { ref, action: 'session_refreshed' })).toMatchObject([
        { before: 1, after: 1 },
        { before: 2, after: 2 },
      ]);
    });

    test('E10 what is no live session, or is over, is refused, and nothing changes', async () => {
      const { store, nowMs, fields, inject } = current();
      const now = nowMs();
      const [live, revoked, corrupt] = [
        await createRefreshable(store, now),
        await createRefreshable(store, now),
        await createRefreshable(store, now),
      ];
      const without = newSession(now);
      await store.create(without);
      await store.revoke(revocationOf(revoked.ref, now));
      await inject(corrupt.ref, { document: 'broken' });
      const expiring = newSession(now, {
        document: newDocument(now, { expiresAtMs: now + 1_000 }),
        refreshHash: refreshHash('one'),
      });
      await store.create(expiring);
      const refused: Refresh[] = [
        refreshOf(newRef(), 'one', 'two', now),
        refreshOf(without.ref, 'one', 'two', now),
        refreshOf(revoked.ref, 'one', 'two', now),
        refreshOf(corrupt.ref, 'one', 'two', now),
        refreshOf(live.ref, 'one', 'two', now + IDLE_TIMEOUT_MS),
        refreshOf(live.ref, 'old', 'two', now + IDLE_TIMEOUT_MS),
        refreshOf(expiring.ref, 'one', 'two', now + 1_000),
      ];
      for (const refresh of refused) {
        const before = await fields(refresh.ref);
        expect(await store.refresh(refresh)).toEqual({ outcome: 'refused' });
        expect(await fields(refresh.ref)).toEqual(before);
      }
      expect(await auditAll(store, { action: 'session_refreshed' })).toEqual([]);
      expect(await store.refresh(refreshOf(live.ref, 'one', 'two', now))).toMatchObject({
        outcome: 'rotated',
      });
    });

    test('E6 a rotation that races a revocation revives nothing', async () => {
      const { store, replica, nowMs } = current();
      for (let round = 0; round < 20; round += 1) {
        const { ref, nowMs: now } = await createRefreshable(store, nowMs());
        const [refreshed] = await Promise.all([
          replica.refresh(refreshOf(ref, 'one', 'two', now)),
          store.revoke(revocationOf(ref, now)),
        ]);
        expect(['rotated', 'refused']).toContain(refreshed.outcome);
        expect(await store.read(ref)).toMatchObject({ state: 'revoked', cause: 'operator' });
      }
    });
  });
}

async function createRefreshable(store: SessionStore, nowMs: number) {
  const session = newSession(nowMs, { refreshHash: refreshHash('one') });
  await store.create(session);
  return session;
}

/** When a session is forgotten that was used at that time and never since. */
async function forgottenAfter(current: CurrentStore, usedAtMs: number): Promise<number> {
  const session = newSession(usedAtMs);
  await current().store.create(session);
  return (await current().forgottenAtMs(session.ref)) ?? NaN;
}
