/** Operations on many sessions at once, compared with a model of one session at a time. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SessionDocument } from '../../src/session/document.ts';
import type { NewSession, SessionLookup, SessionStore } from '../../src/session/store.ts';
import type { CurrentStore } from './session-store.ts';
import {
  ALICE,
  BOB,
  IDLE_TIMEOUT_MS,
  newProof,
  revocationOf,
  sessionOf,
  withCart,
  writeOf,
} from './sessions.ts';

/** Three sessions of one subject, whose keys share a partition, and one of another. */
const USERS = [ALICE, ALICE, ALICE, BOB] as const;

type Step =
  | { readonly kind: 'create' | 'read' | 'revoke' }
  | { readonly kind: 'write'; readonly cart: number; readonly versionsBehind: number }
  | { readonly kind: 'touch'; readonly seenAfterMs: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'create' }) },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'read' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'revoke' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      cart: fc.nat(),
      versionsBehind: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('touch' as const), seenAfterMs: fc.nat(10_000) }) },
);

/** What one session must be, worked out from the steps alone. */
class Model {
  state: 'absent' | 'live' | 'revoked' = 'absent';
  version = 0;
  lastSeenAtMs = 0;
  document: SessionDocument;
  readonly session: NewSession;

  constructor(session: NewSession) {
    this.session = session;
    this.document = session.document;
  }

  expected(): SessionLookup {
    const { ref, nowMs } = this.session;
    const { version, lastSeenAtMs, document } = this;
    if (this.state === 'live') return { state: 'live', session: { ref, version, lastSeenAtMs, document } };
    if (this.state === 'revoked') return { state: 'revoked', cause: 'operator', revokedAtMs: nowMs };
    return { state: 'absent' };
  }

  /** Does the step on the store and on the model, and compares what each says. */
  async take(store: SessionStore, next: Step): Promise<void> {
    const { ref, nowMs } = this.session;
    switch (next.kind) {
      case 'read':
        expect(await store.read(ref)).toEqual(this.expected());
        return;
      case 'create': {
        const { outcome } = await store.create({ ...this.session, proof: newProof(nowMs) });
        expect(outcome).toBe(this.state === 'absent' ? 'created' : 'replayed');
        if (this.state === 'absent') Object.assign(this, { state: 'live', version: 1, lastSeenAtMs: nowMs });
        return;
      }
      case 'revoke': {
        const expected = { absent: 'absent', live: 'revoked', revoked: 'already_revoked' }[this.state];
        expect(await store.revoke(revocationOf(ref, nowMs))).toEqual({ outcome: expected });
        if (this.state === 'live') this.state = 'revoked';
        return;
      }
      case 'touch': {
        const seenAtMs = nowMs + next.seenAfterMs;
        await store.touch({ ref, seenAtMs, idleTimeoutMs: IDLE_TIMEOUT_MS });
        this.lastSeenAtMs = Math.max(this.lastSeenAtMs, this.state === 'live' ? seenAtMs : 0);
        return;
      }
      case 'write':
        await this.write(store, next.cart, next.versionsBehind);
    }
  }

  private async write(store: SessionStore, cart: number, versionsBehind: number): Promise<void> {
    const document = withCart(this.document, cart);
    const expectedVersion = Math.max(1, this.version - versionsBehind);
    const outcome = await store.write(writeOf({ ref: this.session.ref, document }, expectedVersion));
    if (this.state !== 'live') {
      expect(outcome).toEqual({ outcome: this.state });
    } else if (expectedVersion !== this.version) {
      expect(outcome).toEqual({ outcome: 'conflict', currentVersion: this.version });
    } else {
      this.version += 1;
      this.document = document;
      expect(outcome).toEqual({ outcome: 'written', version: this.version });
    }
  }
}

export function isolationTests(current: CurrentStore): void {
  describe('isolation', () => {
    test('E2 sessions that are worked on at once never mix, and each version only grows', async () => {
      const { store, replica, nowMs } = current();
      const steps = fc.array(fc.tuple(fc.nat(USERS.length - 1), step, fc.boolean()), { maxLength: 60 });
      await fc.assert(
        fc.asyncProperty(steps, async (script) => {
          const now = nowMs();
          const models = USERS.map((user, index) => {
            const session = sessionOf(user, now);
            const document = { ...session.document, attributes: { session: String(index) } };
            return new Model({ ...session, document });
          });
          const work = models.map(async (model, index) => {
            for (const [session, next, viaReplica] of script) {
              if (session === index) await model.take(viaReplica ? replica : store, next);
            }
            await model.take(store, { kind: 'read' });
          });
          await Promise.all(work);
        }),
        { numRuns: 40 },
      );
    });
  });
}
