/** What races in a store may come to: one writer wins, and what is revoked stays revoked. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NewSession, SessionStore } from '../../src/session/store.ts';
import type { CurrentStore } from './session-store.ts';
import { IDLE_TIMEOUT_MS, newProof, newSession, revocationOf, withCart, writeOf } from './sessions.ts';

const WRITERS = 100;

type Attempt = (store: SessionStore, session: NewSession) => Promise<unknown>;

const revoke: Attempt = (store, { ref, nowMs }) => store.revoke(revocationOf(ref, nowMs));

/** Everything that could bring a session back. */
const REVIVALS: readonly Attempt[] = [
  (store, { ref, document }) => store.write(writeOf({ ref, document: withCart(document, 1) }, 1)),
  (store, { ref, document }) => store.write(writeOf({ ref, document: withCart(document, 2) }, 2)),
  (store, { ref, nowMs }) => store.touch({ ref, seenAtMs: nowMs + 5, idleTimeoutMs: IDLE_TIMEOUT_MS }),
  (store, session) => store.create(session),
  (store, session) => store.create({ ...session, proof: newProof(session.nowMs) }),
];

export function raceTests(current: CurrentStore): void {
  describe('races', () => {
    test('A2 of racing writers exactly one wins, and each loser learns the current version', async () => {
      const { store, replica, nowMs } = current();
      const session = newSession(nowMs());
      const { ref, document } = session;
      await store.create(session);
      for (let version = 1; version <= 3; version += 1) {
        const writers = Array.from({ length: WRITERS }, (_, writer) =>
          (writer % 2 ? store : replica).write(
            writeOf({ ref, document: withCart(document, `${version}/${writer}`) }, version),
          ),
        );
        const outcomes = await Promise.all(writers);
        const winner = outcomes.findIndex(({ outcome }) => outcome === 'written');
        expect(outcomes[winner]).toEqual({ outcome: 'written', version: version + 1 });
        const losers = outcomes.filter((_, writer) => writer !== winner);
        expect(losers).toEqual(losers.map(() => ({ outcome: 'conflict', currentVersion: version + 1 })));
        expect(losers).toHaveLength(WRITERS - 1);
        expect(await store.read(ref)).toMatchObject({
          session: { version: version + 1, document: withCart(document, `${version}/${winner}`) },
        });
      }
    });

    test('A2 a hundred writers that re-read and retry lose no update', async () => {
      const { store, replica, nowMs } = current();
      const session = newSession(nowMs(), {});
      await store.create({ ...session, document: withCart(session.document, 0) });
      const increment = async (client: SessionStore): Promise<void> => {
        for (;;) {
          const lookup = await client.read(session.ref);
          if (lookup.state !== 'live') throw new Error(`the session is ${lookup.state}`);
          const { version, document } = lookup.session;
          const next = withCart(document, Number(document.slices['cart']) + 1);
          const { outcome } = await client.write(writeOf({ ref: session.ref, document: next }, version));
          if (outcome === 'written') return;
        }
      };
      await Promise.all(Array.from({ length: WRITERS }, (_, n) => increment(n % 2 ? store : replica)));
      expect(await store.read(session.ref)).toMatchObject({
        session: { version: WRITERS + 1, document: { slices: { cart: WRITERS } } },
      });
    });

    test('E6 a revoked session is not revived by whatever races the revocation', async () => {
      const { store, replica, nowMs } = current();
      const order = fc.shuffledSubarray([revoke, ...REVIVALS], { minLength: REVIVALS.length + 1 });
      await fc.assert(
        fc.asyncProperty(
          order,
          fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
          async (attempts, via) => {
            const session = newSession(nowMs());
            await store.create(session);
            await Promise.all(
              attempts.map((attempt, index) => attempt(via[index] ? store : replica, session)),
            );
            await expectStaysRevoked(replica, session);
          },
        ),
        { numRuns: 40 },
      );
    });

    test('E6 a revocation and the creation of the same session leave it live or revoked, never half', async () => {
      const { store, replica, nowMs } = current();
      for (let round = 0; round < 40; round += 1) {
        const session = newSession(nowMs());
        const [created, revoked] = await Promise.all([
          replica.create(session),
          store.revoke(revocationOf(session.ref, session.nowMs)),
        ]);
        expect(created.outcome).toBe('created');
        const expected = revoked.outcome === 'revoked' ? 'revoked' : 'live';
        expect(await store.read(session.ref)).toMatchObject({ state: expected });
      }
    });

    test('A3 no read sees a part of a write, of a touch or of a revocation', async () => {
      const { store, replica, nowMs } = current();
      const session = newSession(nowMs());
      const { ref, document } = session;
      await store.create(session);
      const over = new AbortController();
      const reader = (async () => {
        const seen: number[] = [];
        while (!over.signal.aborted) {
          const lookup = await replica.read(ref);
          if (lookup.state === 'revoked') continue;
          if (lookup.state !== 'live') throw new Error(`a read saw the session ${lookup.state}`);
          const { version, document: found } = lookup.session;
          expect(found.slices['cart'] ?? 1).toBe(version);
          seen.push(version);
        }
        return seen;
      })();
      for (let version = 1; version <= 100; version += 1) {
        await store.write(writeOf({ ref, document: withCart(document, version + 1) }, version));
        await store.touch({ ref, seenAtMs: session.nowMs + version, idleTimeoutMs: IDLE_TIMEOUT_MS });
      }
      await revoke(store, session);
      over.abort();
      const seen = await reader;
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
    });
  });
}

async function expectStaysRevoked(store: SessionStore, session: NewSession): Promise<void> {
  const { ref, document, nowMs } = session;
  const tombstone = { state: 'revoked', cause: 'operator', revokedAtMs: nowMs };
  expect(await store.read(ref)).toEqual(tombstone);
  for (const revive of REVIVALS) {
    await revive(store, session);
    expect(await store.read(ref)).toEqual(tombstone);
  }
  for (let expectedVersion = 1; expectedVersion <= 4; expectedVersion += 1) {
    expect(await store.write(writeOf({ ref, document }, expectedVersion))).toEqual({ outcome: 'revoked' });
  }
  expect(await store.create({ ...session, proof: newProof(nowMs) })).toEqual({ outcome: 'replayed' });
  expect(await store.read(ref)).toEqual(tombstone);
}
