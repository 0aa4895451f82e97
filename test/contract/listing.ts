/** Listing sessions: by age, whose, in pages, and nothing that has ended. */
import { describe, expect, test } from 'vitest';
import type { ListedSession, NewSession, SessionStore } from '../../src/session/store.ts';
import type { CurrentStore } from './session-store.ts';
import {
  ALICE,
  ALICES_NEIGHBOUR,
  BOB,
  listAll,
  newSession,
  nth,
  revocationOf,
  sessionOf,
  writeOf,
} from './sessions.ts';

export function listingTests(current: CurrentStore): void {
  describe('list', () => {
    test('A9 sessions are listed oldest first, then by ref, each as it is read', async () => {
      const { store, replica, nowMs } = current();
      const now = nowMs();
      const ages = [5, 3, 3, 3, 9, 1, 3, 0];
      const users = [ALICE, BOB, ALICES_NEIGHBOUR];
      const sessions = ages.map((age, n) => sessionOf(nth(users, n % users.length), now - age));
      for (const session of sessions) await store.create(session);
      await store.write(writeOf(nth(sessions, 0)));
      const listed = await replica.list({ limit: 100 });
      expect(listed.map(({ ref }) => ref)).toEqual(oldestFirst(sessions));
      for (const { ref, createdAtMs, lookup } of listed) {
        const session = sessions.find((each) => each.ref === ref);
        expect(createdAtMs).toBe(session?.document.createdAtMs);
        expect(lookup).toEqual(await store.read(ref));
      }
    });

    test.each([1, 2, 7, 24, 25])('every session is in one of the pages of %i, once', async (limit) => {
      const { store, nowMs } = current();
      const sessions = await createMany(store, 25, nowMs());
      const listed = await listAll(store, {}, limit);
      expect(listed.map(({ ref }) => ref)).toEqual(oldestFirst(sessions));
    });

    test('E2 a subject’s listing is that subject’s alone', async () => {
      const { store, nowMs } = current();
      const users = [ALICE, ALICES_NEIGHBOUR, BOB, ALICE, { ...ALICE, issuer: BOB.issuer + '/other' }];
      const sessions = users.map((user, age) => sessionOf(user, nowMs() + age));
      for (const session of sessions) await store.create(session);
      const listed = await listAll(store, { subject: ALICE }, 1);
      expect(listed.map(({ ref }) => ref)).toEqual([nth(sessions, 0).ref, nth(sessions, 3).ref]);
      expect(await store.list({ subject: { ...ALICE, subject: 'nobody' }, limit: 5 })).toEqual([]);
    });

    test.each([{ subject: ALICE }, {}])(
      'sessions are listed by when they were created: from, inclusive, and before, exclusive (%j)',
      async (whose) => {
        const { store, nowMs } = current();
        const now = nowMs();
        for (const age of [0, 10, 20, 30]) await store.create(newSession(now + age));
        const createdAt = async (createdFromMs?: number, createdBeforeMs?: number) => {
          const range = {
            ...(createdFromMs !== undefined && { createdFromMs: now + createdFromMs }),
            ...(createdBeforeMs !== undefined && { createdBeforeMs: now + createdBeforeMs }),
          };
          return (await listAll(store, { ...whose, ...range }, 2)).map(
            ({ createdAtMs }) => createdAtMs - now,
          );
        };
        expect(await createdAt(10)).toEqual([10, 20, 30]);
        expect(await createdAt(11, 30)).toEqual([20]);
        expect(await createdAt(undefined, 10)).toEqual([0]);
        expect(await createdAt(31)).toEqual([]);
      },
    );

    test('what has ended is not listed; what is corrupt is, as such', async () => {
      const { store, nowMs, inject } = current();
      const sessions = await createMany(store, 3, nowMs());
      const refAt = (place: number) => nth(sessions, place).ref;
      const [revoked, corrupt, live] = [refAt(0), refAt(1), refAt(2)];
      await store.revoke(revocationOf(revoked, nowMs()));
      await inject(corrupt, { document: 'broken' });
      for (const whose of [{ subject: ALICE }, {}]) {
        const listed = await store.list({ ...whose, limit: 10 });
        expect(listed.map(({ ref, lookup }) => [ref, lookup.state])).toEqual([
          [corrupt, 'corrupt'],
          [live, 'live'],
        ]);
      }
    });

    test('while others come and go, who is there all the time is listed exactly once', async () => {
      const { store, replica, nowMs } = current();
      const now = nowMs();
      const lasting = await createMany(store, 40, now);
      const over = new AbortController();
      const coming = (async () => {
        let turns = 0;
        for (; !over.signal.aborted; turns += 1) {
          const passing = sessionOf(turns % 2 ? BOB : ALICE, now + (turns % 40));
          await replica.create(passing);
          await replica.revoke(revocationOf(passing.ref, now));
        }
        return turns;
      })();
      for (let round = 0; round < 10; round += 1) {
        const seen = (await listAll(store, {}, 3)).map(({ ref }) => ref);
        expect(new Set(seen).size).toBe(seen.length);
        const there = new Set(lasting.map(({ ref }) => ref));
        expect(seen.filter((ref) => there.has(ref))).toEqual(oldestFirst(lasting));
      }
      over.abort();
      expect(await coming).toBeGreaterThan(0);
    });

    test('a page goes on after a session that has ended meanwhile', async () => {
      const { store, nowMs } = current();
      const sessions = await createMany(store, 4, nowMs());
      const page = await store.list({ limit: 2 });
      const after = nth(page, 1);
      await store.revoke(revocationOf(after.ref, nowMs()));
      const rest = await store.list({ limit: 10, after });
      expect(rest.map(({ ref }: ListedSession) => ref)).toEqual(oldestFirst(sessions).slice(2));
    });
  });
}

/** Sessions of Alice's and Bob's, some of them created in the same millisecond. */
async function createMany(store: SessionStore, count: number, nowMs: number): Promise<NewSession[]> {
  const users = [ALICE, ALICE, BOB];
  const sessions = Array.from({ length: count }, (_, n) => {
    const user = count > 4 ? nth(users, n % users.length) : ALICE;
    return sessionOf(user, nowMs + Math.floor(n / 2));
  });
  for (const session of sessions) await store.create(session);
  return sessions;
}

function oldestFirst(sessions: readonly NewSession[]) {
  const sorted = [...sessions].sort(
    (a, b) => a.document.createdAtMs - b.document.createdAtMs || (a.ref < b.ref ? -1 : 1),
  );
  return sorted.map(({ ref }) => ref);
}
