/** A session's life in a store: every outcome of every operation, and how long records stay. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import type { SessionDocument } from '../../src/session/document.ts';
import {
  CORRUPT_TOMBSTONE_MS,
  RETENTION_MS,
  REVOCATION_CAUSES,
  StoreError,
  type SessionStore,
} from '../../src/session/store.ts';
import { validate } from '../../src/session/validity.ts';
import type { CurrentStore } from './session-store.ts';
import {
  anyText,
  IDLE_TIMEOUT_MS,
  newDocument,
  newNote,
  newProof,
  newRef,
  newSession,
  refreshOf,
  revocationOf,
  withCart,
  writeOf,
} from './sessions.ts';

export function lifeTests(current: CurrentStore): void {
  describe('create and read', () => {
    test('A1 what was created is read back whole, by every client', async () => {
      const { store, replica, nowMs } = current();
      const session = newSession(nowMs());
      const { ref, document } = session;
      const live = { ref, version: 1, lastSeenAtMs: session.nowMs, document };
      expect(await store.create(session)).toEqual({ outcome: 'created', session: live, ended: [] });
      expect(await store.read(ref)).toEqual({ state: 'live', session: live });
      expect(await replica.read(ref)).toEqual({ state: 'live', session: live });
    });

    test('a session that was never created is absent', async () => {
      const { store, nowMs } = current();
      expect(await store.read(newRef())).toEqual({ state: 'absent' });
      expect(await store.write(writeOf(newSession(nowMs())))).toEqual({ outcome: 'absent' });
      expect(await store.revoke(revocationOf(newRef(), nowMs()))).toEqual({ outcome: 'absent' });
      await store.touch({ ref: newRef(), seenAtMs: nowMs(), idleTimeoutMs: IDLE_TIMEOUT_MS });
      expect(await current().countRecords()).toBe(0);
    });

    test('E1 a proof of identity opens one session, whichever client asks', async () => {
      const { store, replica, nowMs } = current();
      const first = newSession(nowMs());
      await store.create(first);
      const second = newSession(nowMs(), { proof: first.proof });
      expect(await replica.create(second)).toEqual({ outcome: 'replayed' });
      expect(await store.read(second.ref)).toEqual({ state: 'absent' });
    });

    test('E1 of racing creations with one proof exactly one opens a session', async () => {
      const { store, replica, nowMs } = current();
      const proof = newProof(nowMs());
      const sessions = Array.from({ length: 20 }, () => newSession(nowMs(), { proof }));
      const outcomes = await Promise.all(
        sessions.map((session, index) => (index % 2 ? store : replica).create(session)),
      );
      expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
      expect(outcomes.filter(({ outcome }) => outcome === 'replayed')).toHaveLength(19);
      const lookups = await Promise.all(sessions.map(({ ref }) => store.read(ref)));
      expect(lookups.filter(({ state }) => state === 'live')).toHaveLength(1);
    });

    test('E1 a ref is used once: a second creation changes nothing and leaves its proof unused', async () => {
      const { store, nowMs } = current();
      const first = newSession(nowMs());
      await store.create(first);
      const second = newSession(nowMs(), { ref: first.ref, document: newDocument(nowMs(), { scopes: [] }) });
      expect(await store.create(second)).toEqual({ outcome: 'replayed' });
      expect(await store.read(first.ref)).toMatchObject({ session: { document: first.document } });
      expect(await store.create({ ...second, ref: newRef() })).toMatchObject({ outcome: 'created' });
    });

    test('any document comes back as it went in', async () => {
      const { store, nowMs } = current();
      const slices = fc.dictionary(
        anyText.filter((name) => name !== '__proto__'),
        fc.jsonValue(),
      );
      await fc.assert(
        fc.asyncProperty(slices, fc.array(anyText), async (slice, scopes) => {
          const document = newDocument(nowMs(), { slices: overJson(slice), scopes });
          const session = newSession(nowMs(), { document });
          await store.create(session);
          expect(await store.read(session.ref)).toMatchObject({ state: 'live', session: { document } });
        }),
        { numRuns: 50 },
      );
    });

    test('A5 a document of a mebibyte is stored whole', async () => {
      const { store, nowMs } = current();
      const document = withCart(newDocument(nowMs()), 'é'.repeat(512 * 1024));
      const session = newSession(nowMs(), { document });
      await store.create(session);
      expect(await store.read(session.ref)).toMatchObject({ session: { document } });
    });

    test('E2 what a caller does to its document afterwards reaches nobody else', async () => {
      const { store, nowMs } = current();
      const scopes = ['invoices:read'];
      const session = newSession(nowMs(), { document: newDocument(nowMs(), { scopes }) });
      await store.create(session);
      scopes.push('admin:*');
      const first = await store.read(session.ref);
      if (first.state !== 'live') throw new Error('it was just created');
      expect(() => (first.session.document.scopes as string[]).push('admin:*')).toThrow(TypeError);
      expect(await store.read(session.ref)).toMatchObject({
        session: { document: { scopes: ['invoices:read'] } },
      });
    });
  });

  describe('write', () => {
    test('A2 each write makes the version greater by one', async () => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      await store.create(session);
      for (let version = 1; version <= 12; version += 1) {
        const document = withCart(session.document, version);
        const written = await store.write(writeOf({ ref: session.ref, document }, version));
        expect(written).toEqual({ outcome: 'written', version: version + 1 });
        expect(await store.read(session.ref)).toMatchObject({ session: { version: version + 1, document } });
      }
    });

    test('A2 a write at another version than the stored one is a conflict and tells the stored one', async () => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      const { ref, document } = session;
      await store.create(session);
      await store.write(writeOf({ ref, document: withCart(document, 'mine') }));
      for (const expectedVersion of [1, 3, 1_000]) {
        const late = await store.write(
          writeOf({ ref, document: withCart(document, 'theirs') }, expectedVersion),
        );
        expect(late).toEqual({ outcome: 'conflict', currentVersion: 2 });
      }
      expect(await store.read(ref)).toMatchObject({
        session: { version: 2, document: { slices: { cart: 'mine' } } },
      });
    });

    test('A4 an acknowledged write is what every later read sees', async () => {
      const { store, replica, nowMs } = current();
      const session = newSession(nowMs());
      await store.create(session);
      for (let version = 1; version <= 50; version += 1) {
        const [writer, reader] = version % 2 ? [store, replica] : [replica, store];
        const document = withCart(session.document, version);
        await writer.write(writeOf({ ref: session.ref, document }, version));
        expect(await reader.read(session.ref)).toMatchObject({ session: { version: version + 1, document } });
      }
    });

    test('A5 a write that would move the absolute timeout is refused as a fault', async () => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      await store.create(session);
      const document = { ...session.document, expiresAtMs: session.document.expiresAtMs + 1 };
      const write = store.write(writeOf({ ref: session.ref, document }));
      await expect(write).rejects.toBeInstanceOf(RangeError);
      expect(await store.read(session.ref)).toMatchObject({
        session: { version: 1, document: session.document },
      });
    });

    test.each([
      { what: 'subject', changes: { subject: 'mallory' } },
      { what: 'issuer', changes: { issuer: 'https://elsewhere.example.com' } },
      { what: 'provider', changes: { provider: 'other' } },
      { what: 'provider session', changes: { providerSession: 'other' } },
    ])('E1 a write that would give the session another $what is refused as a fault', async ({ changes }) => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      await store.create(session);
      const identity = { ...session.document.identity, ...changes };
      const write = store.write(writeOf({ ref: session.ref, document: { ...session.document, identity } }));
      await expect(write).rejects.toBeInstanceOf(RangeError);
      expect(await store.read(session.ref)).toMatchObject({
        session: { version: 1, document: session.document },
      });
    });

    test('A6 what is no session document is refused as a fault, and nothing is stored', async () => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      const broken = { ...session.document, createdAtMs: 0.5 };
      await expect(store.create({ ...session, document: broken })).rejects.toBeInstanceOf(TypeError);
      expect(await current().countRecords()).toBe(0);
      await store.create(session);
      const write = store.write(writeOf({ ref: session.ref, document: broken }));
      await expect(write).rejects.toBeInstanceOf(TypeError);
      expect(await store.read(session.ref)).toMatchObject({ session: { version: 1 } });
    });
  });

  describe('revoke', () => {
    test('E6 a revoked session is told as revoked, with cause and time, to every client at once', async () => {
      const { store, replica, nowMs } = current();
      const session = newSession(nowMs());
      const { ref } = session;
      await store.create(session);
      const revokedAtMs = nowMs();
      expect(await store.revoke(revocationOf(ref, revokedAtMs))).toEqual({
        outcome: 'revoked',
        logoutHint: undefined,
      });
      const tombstone = { state: 'revoked', cause: 'operator', revokedAtMs };
      expect(await store.read(ref)).toEqual(tombstone);
      expect(await replica.read(ref)).toEqual(tombstone);
    });

    test('E6 a second revocation keeps the cause and the time of the first', async () => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      const { ref } = session;
      await store.create(session);
      const first = revocationOf(ref, nowMs());
      await store.revoke(first);
      const second = revocationOf(ref, first.nowMs + 5, 'logout');
      expect(await store.revoke(second)).toEqual({ outcome: 'already_revoked' });
      expect(await store.read(ref)).toEqual({
        state: 'revoked',
        cause: 'operator',
        revokedAtMs: first.nowMs,
      });
    });

    test('A5 a tombstone holds no document, and goes with the absolute timeout', async () => {
      const { store, nowMs, fields, forgottenAtMs } = current();
      const session = newSession(nowMs());
      await store.create(session);
      await store.revoke(revocationOf(session.ref, nowMs()));
      const { expiresAtMs } = session.document;
      expect(await fields(session.ref)).toEqual({
        version: '1',
        expires: String(expiresAtMs),
        subject: expect.any(String) as string,
        owner: expect.any(String) as string,
        revoked: 'operator',
        revokedAt: expect.stringMatching(/^\d+$/) as string,
      });
      expect(await forgottenAtMs(session.ref)).toBe(expiresAtMs + RETENTION_MS);
    });

    test.each(REVOCATION_CAUSES)('E6 the cause %s is told as it was given', async (cause) => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      await store.create(session);
      await store.revoke(revocationOf(session.ref, nowMs(), cause));
      expect(await store.read(session.ref)).toMatchObject({ state: 'revoked', cause });
    });

    test('B4 the logout hint comes back with the revocation, once and from nowhere else', async () => {
      const { store, replica, nowMs, fields } = current();
      const session = newSession(nowMs(), { logoutHint: 'a-token-of-the-provider' });
      const created = await store.create(session);
      expect(JSON.stringify([created, await store.read(session.ref)])).not.toContain('a-token');
      const revoked = { outcome: 'revoked', logoutHint: 'a-token-of-the-provider' };
      expect(await replica.revoke(revocationOf(session.ref, nowMs()))).toEqual(revoked);
      expect(JSON.stringify(await fields(session.ref))).not.toContain('a-token');
      expect(await store.revoke(revocationOf(session.ref, nowMs()))).toEqual({ outcome: 'already_revoked' });
    });

    test('E6 a tombstone of a newer version of the program is a tombstone, whatever it says', async () => {
      const { store, nowMs, inject } = current();
      const ref = newRef();
      await inject(ref, { revoked: 'quantum', revokedAt: 'noon' });
      expect(await store.read(ref)).toEqual({ state: 'revoked', cause: 'unknown', revokedAtMs: 0 });
      expect(await store.revoke(revocationOf(ref, nowMs()))).toEqual({ outcome: 'already_revoked' });
    });
  });

  describe('touch', () => {
    test('A5 slides the idle timeout and keeps version and document', async () => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      const { ref, document } = session;
      await store.create(session);
      const seenAtMs = session.nowMs + 600_000;
      await store.touch({ ref, seenAtMs, idleTimeoutMs: IDLE_TIMEOUT_MS });
      const touched = { ref, version: 1, lastSeenAtMs: seenAtMs, document };
      expect(await store.read(ref)).toEqual({ state: 'live', session: touched });
      expect(await store.write(writeOf({ ref, document }))).toMatchObject({ version: 2 });
      expect(await store.read(ref)).toMatchObject({ session: { lastSeenAtMs: seenAtMs } });
    });

    test('A5 never moves back', async () => {
      const { store, nowMs, forgottenAtMs } = current();
      const session = newSession(nowMs());
      const { ref } = session;
      await store.create(session);
      const touch = { ref, seenAtMs: session.nowMs + 600_000, idleTimeoutMs: IDLE_TIMEOUT_MS };
      await store.touch(touch);
      const forgotten = await forgottenAtMs(ref);
      await store.touch({ ...touch, seenAtMs: touch.seenAtMs - 1 });
      expect(await store.read(ref)).toMatchObject({ session: { lastSeenAtMs: touch.seenAtMs } });
      expect(await forgottenAtMs(ref)).toBe(forgotten);
    });

    test.each([
      { end: 'idle timeout', afterMs: IDLE_TIMEOUT_MS },
      { end: 'absolute timeout', afterMs: 60_000 },
    ])('A5 a touch at the $end comes too late', async ({ end, afterMs }) => {
      const { store, nowMs } = current();
      const now = nowMs();
      const absolute = { document: newDocument(now, { expiresAtMs: now + afterMs }) };
      const session = newSession(now, end === 'absolute timeout' ? absolute : {});
      const { ref } = session;
      await store.create(session);
      await store.touch({ ref, seenAtMs: now + afterMs, idleTimeoutMs: IDLE_TIMEOUT_MS });
      expect(await store.read(ref)).toMatchObject({ session: { lastSeenAtMs: now } });
      await store.touch({ ref, seenAtMs: now + afterMs - 1, idleTimeoutMs: IDLE_TIMEOUT_MS });
      expect(await store.read(ref)).toMatchObject({ session: { lastSeenAtMs: now + afterMs - 1 } });
    });
  });

  describe('expiry', () => {
    test('A5 a record is kept for the retention after the earlier timeout, and only a touch moves that', async () => {
      const { store, nowMs, forgottenAtMs } = current();
      const session = newSession(nowMs());
      const { ref, document } = session;
      await store.create(session);
      expect(await forgottenAtMs(ref)).toBe(session.nowMs + IDLE_TIMEOUT_MS + RETENTION_MS);
      await store.write(writeOf({ ref, document }));
      expect(await forgottenAtMs(ref)).toBe(session.nowMs + IDLE_TIMEOUT_MS + RETENTION_MS);
      await store.touch({ ref, seenAtMs: session.nowMs + 1_000, idleTimeoutMs: IDLE_TIMEOUT_MS });
      expect(await forgottenAtMs(ref)).toBe(session.nowMs + 1_000 + IDLE_TIMEOUT_MS + RETENTION_MS);
      const longIdle = { ref, seenAtMs: session.nowMs + 2_000, idleTimeoutMs: 10 * 43_200_000 };
      await store.touch(longIdle);
      expect(await forgottenAtMs(ref)).toBe(document.expiresAtMs + RETENTION_MS);
    });

    test('A5 within the retention the exact reason can still be told', async () => {
      const { store, nowMs } = current();
      const before = nowMs() - IDLE_TIMEOUT_MS;
      const session = newSession(before);
      await store.create(session);
      const lookup = await store.read(session.ref);
      const validity = { valid: false, reason: 'idle_timeout' };
      expect(validate(lookup, session.nowMs + IDLE_TIMEOUT_MS, IDLE_TIMEOUT_MS)).toEqual(validity);
    });

    test('A5 what expires leaves nothing behind: sessions, tombstones and proofs', async () => {
      const { store, nowMs, passTime, countRecords } = current();
      const lifeMs = 400;
      const proof = () => ({ ...newProof(nowMs()), validUntilMs: nowMs() + lifeMs });
      for (let count = 0; count < 20; count += 1) {
        // Each pair has this time to be seen in, however long the others took.
        const before = nowMs() - RETENTION_MS + lifeMs;
        const idle = newSession(before - IDLE_TIMEOUT_MS, { proof: proof() });
        await store.create(idle);
        const document = newDocument(before, { expiresAtMs: before });
        const absolute = newSession(before - 1, { document, proof: proof() });
        await store.create(absolute);
        await store.revoke(revocationOf(absolute.ref, nowMs()));
        expect(await store.read(idle.ref)).toMatchObject({ state: 'live' });
        expect(await store.read(absolute.ref)).toMatchObject({ state: 'revoked' });
      }
      expect(await countRecords()).toBeGreaterThan(0);
      passTime(lifeMs);
      const isEmpty = async () => {
        await store.ping();
        return (await countRecords()) === 0;
      };
      await waitUntil(isEmpty, { what: 'forgetting', timeoutMs: 10_000 });
    });

    test('E1 an expired proof is forgotten, so its key can be used again', async () => {
      const { store, nowMs, passTime } = current();
      const proof = { ...newProof(nowMs()), validUntilMs: nowMs() + 300 };
      expect(await store.create(newSession(nowMs(), { proof }))).toMatchObject({ outcome: 'created' });
      expect(await store.create(newSession(nowMs(), { proof }))).toMatchObject({ outcome: 'replayed' });
      passTime(300);
      const isForgotten = async () =>
        (await store.create(newSession(nowMs(), { proof }))).outcome === 'created';
      await waitUntil(isForgotten, { what: 'forgetting a proof', timeoutMs: 5_000 });
    });

    test('D4 the tombstone of a corrupt record stays for a fixed time', async () => {
      const { store, nowMs, inject, forgottenAtMs } = current();
      const ref = newRef();
      await inject(ref, { document: 'broken' });
      const now = nowMs();
      await store.revoke(revocationOf(ref, now, 'corrupt'));
      expect(await forgottenAtMs(ref)).toBe(now + CORRUPT_TOMBSTONE_MS);
    });
  });

  test('a store that was closed answers nothing', async () => {
    const { store, nowMs } = current();
    const session = newSession(nowMs());
    await store.create(session);
    await store.close();
    for (const [operation, answer] of everyOperation(store, session.document)) {
      const error = await answer().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error, operation).toBeInstanceOf(StoreError);
      expect(error, operation).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    }
  });
}

/** One call of each operation, by its name. */
export function everyOperation(
  store: SessionStore,
  document: SessionDocument,
): [operation: string, call: () => Promise<unknown>][] {
  const ref = newRef();
  const nowMs = document.createdAtMs;
  return [
    ['read', () => store.read(ref)],
    ['create', () => store.create(newSession(nowMs))],
    ['write', () => store.write(writeOf({ ref, document }))],
    ['revoke', () => store.revoke(revocationOf(ref, nowMs))],
    ['revokeMany', () => store.revokeMany({ ...revocationOf(ref, nowMs), target: { kind: 'all' } })],
    ['touch', () => store.touch({ ref, seenAtMs: nowMs, idleTimeoutMs: IDLE_TIMEOUT_MS })],
    ['refresh', () => store.refresh(refreshOf(ref, 'a', 'b', nowMs))],
    ['list', () => store.list({ limit: 1 })],
    ['isSpent', () => store.isSpent('a')],
    ['spend', () => store.spend(newProof(nowMs))],
    ['record', () => store.record(newNote('login_failed'))],
    ['audit', () => store.audit({ limit: 1 })],
    ['take', () => store.take([{ kind: 'address', of: '192.0.2.1', limit: 1, windowMs: 1_000 }])],
    ['ping', () => store.ping()],
  ];
}

/** As JSON carries it: without the difference between 0 and -0. */
function overJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
