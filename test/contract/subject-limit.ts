/** How many sessions a subject may have at once: never more, whatever races (E12). */
import { describe, expect, test } from 'vitest';
import { RETENTION_MS, type NewSession, type SessionStore } from '../../src/session/store.ts';
import type { CurrentStore } from './session-store.ts';
import {
  ALICE,
  ALICES_NEIGHBOUR,
  auditAll,
  BOB,
  IDLE_TIMEOUT_MS,
  listAll,
  newProof,
  newSession,
  nth,
  revocationOf,
  sessionOf,
  statesOf,
} from './sessions.ts';

const REFUSE = { max: 3, onExceed: 'refuse' } as const;
const END_OLDEST = { max: 3, onExceed: 'end-oldest' } as const;

export function subjectLimitTests(current: CurrentStore): void {
  describe('the limit of sessions per subject', () => {
    test('E12 with `refuse` one too many is refused; nothing changes, and its proof stays unused', async () => {
      const { store, nowMs } = current();
      const sessions = await createThree(store, nowMs());
      const fourth = newSession(nowMs(), { limit: REFUSE });
      expect(await store.create(fourth)).toEqual({ outcome: 'limited' });
      expect(await store.read(fourth.ref)).toEqual({ state: 'absent' });
      expect(await statesOf(store, refsOf(sessions))).toEqual(['live', 'live', 'live']);
      expect(await auditAll(store)).toHaveLength(3);
      await store.revoke(revocationOf(nth(sessions, 1).ref, nowMs()));
      expect(await store.create(fourth)).toMatchObject({ outcome: 'created', ended: [] });
    });

    test('E12 with `end-oldest` the oldest makes room in the same step, and the trail says why', async () => {
      const { store, nowMs } = current();
      const sessions = await createThree(store, nowMs());
      const refs = refsOf(sessions);
      const oldest = nth(refs, 0);
      const fourth = newSession(nowMs() + 3, { limit: END_OLDEST });
      expect(await store.create(fourth)).toMatchObject({ outcome: 'created', ended: [oldest] });
      const tombstone = { state: 'revoked', cause: 'limit', revokedAtMs: fourth.nowMs };
      expect(await store.read(oldest)).toEqual(tombstone);
      expect(await statesOf(store, [...refs.slice(1), fourth.ref])).toEqual(['live', 'live', 'live']);
      const [, ended] = await auditAll(store, { ref: oldest });
      expect(ended).toMatchObject({ action: 'session_revoked', reason: 'limit', before: 1, after: 0 });
      expect(ended?.actor).toEqual(fourth.note.actor);
    });

    test('E12 a limit that was lowered ends as many as it takes, oldest first', async () => {
      const { store, nowMs } = current();
      const refs = refsOf(await createThree(store, nowMs()));
      const next = newSession(nowMs() + 3, { limit: { max: 1, onExceed: 'end-oldest' } });
      expect(await store.create(next)).toMatchObject({ outcome: 'created', ended: refs });
      expect(await statesOf(store, refs)).toEqual(['revoked', 'revoked', 'revoked']);
    });

    test('E12 only the live sessions of the same subject count', async () => {
      const { store, nowMs } = current();
      const now = nowMs();
      const others = [ALICES_NEIGHBOUR, ALICES_NEIGHBOUR, BOB].map((user) => sessionOf(user, now));
      const idle = newSession(now - IDLE_TIMEOUT_MS - RETENTION_MS / 2);
      const revoked = newSession(now);
      for (const session of [...others, idle, revoked]) await store.create(session);
      await store.revoke(revocationOf(revoked.ref, now));
      for (let count = 0; count < REFUSE.max; count += 1) {
        const created = await store.create(newSession(now, { limit: REFUSE }));
        expect(created).toMatchObject({ outcome: 'created', ended: [] });
      }
      expect(await store.create(newSession(now, { limit: REFUSE }))).toEqual({ outcome: 'limited' });
      expect(await statesOf(store, refsOf(others))).toEqual(['live', 'live', 'live']);
    });

    test('E12 a session counts by the idle timeout of now, whatever it was when it was seen last', async () => {
      const { store, nowMs } = current();
      const limit = { max: 1, onExceed: 'refuse' } as const;
      const seenAtMs = nowMs() - IDLE_TIMEOUT_MS / 2;
      await store.create(newSession(seenAtMs));
      const shorter = newSession(nowMs(), { limit, idleTimeoutMs: IDLE_TIMEOUT_MS / 2 });
      expect(await store.create(shorter)).toMatchObject({ outcome: 'created' });

      const sinceMs = nowMs() - IDLE_TIMEOUT_MS - RETENTION_MS / 2;
      await store.create(sessionOf(BOB, sinceMs));
      const longer = sessionOf(BOB, nowMs(), { limit, idleTimeoutMs: 2 * IDLE_TIMEOUT_MS });
      expect(await store.create(longer)).toEqual({ outcome: 'limited' });
    });

    test('E12 of 50 racing creations no more than the limit open a session', async () => {
      const { store, replica, nowMs } = current();
      const limit = { max: 10, onExceed: 'refuse' } as const;
      const sessions = Array.from({ length: 50 }, () => newSession(nowMs(), { limit }));
      const outcomes = await Promise.all(
        sessions.map((session, index) => (index % 2 ? store : replica).create(session)),
      );
      expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(10);
      expect(outcomes.filter(({ outcome }) => outcome === 'limited')).toHaveLength(40);
      const states = await statesOf(store, refsOf(sessions));
      expect(states.filter((state) => state === 'live')).toHaveLength(10);
    });

    test('E12 while 50 racing creations end the oldest, nobody ever sees more than the limit', async () => {
      const { store, replica, nowMs } = current();
      const limit = { max: 10, onExceed: 'end-oldest' } as const;
      const sessions = Array.from({ length: 50 }, (_, age) => newSession(nowMs() + age, { limit }));
      const over = new AbortController();
      const watching = watch(replica, over.signal);
      const outcomes = await Promise.all(
        sessions.map((session, index) => (index % 2 ? store : replica).create(session)),
      );
      over.abort();
      expect(Math.max(...(await watching))).toBeLessThanOrEqual(10);
      const ended = outcomes.flatMap((created) => (created.outcome === 'created' ? created.ended : []));
      expect(new Set(ended).size).toBe(40);
      expect(ended).toHaveLength(40);
      expect(await statesOf(store, ended)).toEqual(ended.map(() => 'revoked'));
      expect(await listAll(store, { subject: ALICE })).toHaveLength(10);
    });

    test('E12 a proof that was used is told as replayed, not as one too many', async () => {
      const { store, nowMs } = current();
      const proof = newProof(nowMs());
      await store.create(newSession(nowMs(), { proof }));
      const again = newSession(nowMs(), { proof, limit: { max: 1, onExceed: 'refuse' } });
      expect(await store.create(again)).toEqual({ outcome: 'replayed' });
    });
  });
}

/** Three sessions of Alice's, oldest first. */
async function createThree(store: SessionStore, nowMs: number): Promise<NewSession[]> {
  const sessions = [0, 1, 2].map((age) => newSession(nowMs + age, { limit: REFUSE }));
  for (const session of sessions) await store.create(session);
  return sessions;
}

function refsOf(sessions: readonly NewSession[]) {
  return sessions.map(({ ref }) => ref);
}

/** How many sessions of Alice's were there, at each look. */
async function watch(store: SessionStore, signal: AbortSignal): Promise<number[]> {
  const counts: number[] = [];
  do {
    const listed = await store.list({ subject: ALICE, limit: 100 });
    counts.push(listed.length);
  } while (!signal.aborted);
  return counts;
}
