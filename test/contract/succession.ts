/** A session that takes another one's place in one step (A7). */
import { describe, expect, test } from 'vitest';
import type { CurrentStore } from './session-store.ts';
import {
  ALICES_NEIGHBOUR,
  auditAll,
  BOB,
  newRef,
  newSession,
  revocationOf,
  sessionOf,
  statesOf,
  writeOf,
} from './sessions.ts';

export function successionTests(current: CurrentStore): void {
  describe('a session that replaces another', () => {
    test('A7 the old session ends as the new one begins, and the trail tells of both', async () => {
      const { store, replica, nowMs } = current();
      const old = newSession(nowMs());
      await store.create(old);
      await store.write(writeOf(old));
      const next = newSession(nowMs() + 5, { replaces: { ref: old.ref, version: 2 } });
      expect(await replica.create(next)).toMatchObject({ outcome: 'created', ended: [] });
      const tombstone = { state: 'revoked', cause: 'superseded', revokedAtMs: next.nowMs };
      expect(await store.read(old.ref)).toEqual(tombstone);
      expect(await store.read(next.ref)).toMatchObject({ state: 'live', session: { version: 1 } });
      expect(await auditAll(store, { ref: old.ref })).toMatchObject([
        { action: 'session_created', before: 0, after: 1 },
        { action: 'session_written', before: 1, after: 2 },
        { action: 'session_revoked', reason: 'superseded', before: 2, after: 0 },
      ]);
    });

    test('A7 E12 the one that is replaced does not count towards the limit', async () => {
      const { store, nowMs } = current();
      const limit = { max: 1, onExceed: 'refuse' } as const;
      const old = newSession(nowMs(), { limit });
      await store.create(old);
      const next = newSession(nowMs(), { limit, replaces: { ref: old.ref, version: 1 } });
      expect(await store.create(next)).toMatchObject({ outcome: 'created', ended: [] });
      expect(await statesOf(store, [old.ref, next.ref])).toEqual(['revoked', 'live']);
    });

    test('A7 E12 with `end-oldest` the replaced and the oldest both make room', async () => {
      const { store, nowMs } = current();
      const [first, second, third] = [newSession(nowMs()), newSession(nowMs() + 1), newSession(nowMs() + 2)];
      for (const session of [first, second, third]) await store.create(session);
      const next = newSession(nowMs() + 3, {
        limit: { max: 2, onExceed: 'end-oldest' },
        replaces: { ref: second.ref, version: 1 },
      });
      expect(await store.create(next)).toMatchObject({ outcome: 'created', ended: [first.ref] });
      expect(await store.read(second.ref)).toMatchObject({ cause: 'superseded' });
      expect(await store.read(first.ref)).toMatchObject({ cause: 'limit' });
      expect(await statesOf(store, [third.ref, next.ref])).toEqual(['live', 'live']);
    });

    test('A7 what is not live at that version is stale: nothing changes, and the proof stays unused', async () => {
      const { store, nowMs } = current();
      const now = nowMs();
      const [old, revoked] = [newSession(now), newSession(now)];
      const neighbours = sessionOf(ALICES_NEIGHBOUR, now);
      for (const session of [old, revoked, neighbours]) await store.create(session);
      await store.revoke(revocationOf(revoked.ref, now));
      const next = newSession(now);
      for (const replaces of [
        { ref: old.ref, version: 2 },
        { ref: revoked.ref, version: 1 },
        { ref: newRef(), version: 1 },
        { ref: neighbours.ref, version: 1 },
      ]) {
        expect(await store.create({ ...next, replaces })).toEqual({ outcome: 'stale' });
      }
      const refs = [old, neighbours, next].map(({ ref }) => ref);
      expect(await statesOf(store, refs)).toEqual(['live', 'live', 'absent']);
      expect(await auditAll(store, { ref: next.ref })).toEqual([]);
      const replaces = { ref: old.ref, version: 1 };
      expect(await store.create({ ...next, replaces })).toMatchObject({ outcome: 'created' });
    });

    test('E2 a ref, or a replaced session, outside of the subject’s partition is a fault of the caller', async () => {
      const { store, nowMs } = current();
      const bobs = sessionOf(BOB, nowMs());
      await store.create(bobs);
      for (const changes of [{ replaces: { ref: bobs.ref, version: 1 } }, { ref: newRef(BOB) }]) {
        const session = newSession(nowMs(), changes);
        await expect(store.create(session)).rejects.toBeInstanceOf(RangeError);
        expect(await store.read(session.ref)).toEqual({ state: 'absent' });
      }
      expect(await store.read(bobs.ref)).toMatchObject({ state: 'live' });
    });

    test('A7 of 20 racing successors one takes the place, and the others are stale', async () => {
      const { store, replica, nowMs } = current();
      const old = newSession(nowMs());
      await store.create(old);
      const replaces = { ref: old.ref, version: 1 };
      const sessions = Array.from({ length: 20 }, () => newSession(nowMs(), { replaces }));
      const outcomes = await Promise.all(
        sessions.map((session, index) => (index % 2 ? store : replica).create(session)),
      );
      expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual([
        'created',
        ...Array.from({ length: 19 }, () => 'stale'),
      ]);
      const states = await statesOf(store, [old.ref, ...sessions.map(({ ref }) => ref)]);
      expect(states.filter((state) => state === 'live')).toHaveLength(1);
      expect(states[0]).toBe('revoked');
    });
  });
}
