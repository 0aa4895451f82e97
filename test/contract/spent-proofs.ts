/** Proofs that may be presented until what they are for has worked once. */
import { describe, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import type { CurrentStore } from './session-store.ts';
import { newProof, newSession } from './sessions.ts';

export function spentProofTests(current: CurrentStore): void {
  describe('spent proofs', () => {
    test('B4 a proof is spent from when that was said, for every client, however often it is said', async () => {
      const { store, replica, nowMs } = current();
      const proof = newProof(nowMs());
      expect(await store.isSpent(proof.hash)).toBe(false);
      await store.spend(proof);
      await replica.spend(proof);
      expect(await replica.isSpent(proof.hash)).toBe(true);
      expect(await store.isSpent(newProof(nowMs()).hash)).toBe(false);
    });

    test('B4 a proof that opened a session is not spent, and the other way round', async () => {
      const { store, nowMs } = current();
      const [opened, spent] = [newSession(nowMs()), newSession(nowMs())];
      await store.create(opened);
      expect(await store.isSpent(opened.proof.hash)).toBe(false);
      await store.spend(spent.proof);
      expect(await store.create(spent)).toMatchObject({ outcome: 'created' });
    });

    test('A5 it is forgotten when the proof is no longer valid', async () => {
      const { store, nowMs, passTime, countRecords } = current();
      const proof = { ...newProof(nowMs()), validUntilMs: nowMs() + 200 };
      await store.spend(proof);
      passTime(200);
      const isForgotten = async () => !(await store.isSpent(proof.hash)) && (await countRecords()) === 0;
      await waitUntil(isForgotten, { what: 'forgetting a proof', timeoutMs: 5_000 });
    });
  });
}
