/** Ending many sessions at once: all of the target, nothing else, and a subject's in one step (E6). */
import { describe, expect, test } from 'vitest';
import type { MassRevocation, NewSession, RevocationTarget, SessionStore } from '../../src/session/store.ts';
import type { CurrentStore } from './session-store.ts';
import {
  ALICE,
  ALICES_NEIGHBOUR,
  auditAll,
  BOB,
  newNote,
  newSession,
  nth,
  sessionOf,
  statesOf,
  type User,
  withCart,
  writeOf,
} from './sessions.ts';

const ALICES = { kind: 'subject', subject: ALICE } as const;

export function massRevocationTests(current: CurrentStore): void {
  describe('revokeMany', () => {
    test('E6 every session of a subject ends, and nobody else’s', async () => {
      const { store, replica, nowMs } = current();
      const now = nowMs();
      const own = await createAll(store, [ALICE, ALICE, ALICE], now);
      const others = await createAll(store, [ALICES_NEIGHBOUR, BOB], now);
      expect(await store.revokeMany(ending(ALICES, now))).toBe(3);
      for (const ref of own) {
        expect(await replica.read(ref)).toEqual({ state: 'revoked', cause: 'operator', revokedAtMs: now });
      }
      expect(await statesOf(replica, others)).toEqual(['live', 'live']);
      expect(await store.revokeMany(ending(ALICES, now))).toBe(0);
    });

    test('B6 each session that ends leaves a record of its own, and each only once', async () => {
      const { store, nowMs } = current();
      const refs = await createAll(store, [ALICE, ALICE, ALICE], nowMs());
      await store.revokeMany(ending(ALICES, nowMs()));
      await store.revokeMany(ending(ALICES, nowMs()));
      const records = await auditAll(store, { action: 'session_revoked' });
      expect(records.map(({ ref }) => ref).sort()).toEqual(refs.sort());
      for (const record of records) {
        expect(record).toMatchObject({ subject: ALICE, reason: 'incident', before: 1, after: 0 });
      }
    });

    test('E6 a session that begins afterwards is not concerned', async () => {
      const { store, nowMs } = current();
      await createAll(store, [ALICE, BOB], nowMs());
      await store.revokeMany(ending(ALICES, nowMs()));
      await store.revokeMany(ending({ kind: 'all' }, nowMs()));
      const later = await createAll(store, [ALICE, BOB], nowMs());
      expect(await statesOf(store, later)).toEqual(['live', 'live']);
    });

    test('E6 a thousand sessions of a subject end in one step: once one is over, all are', async () => {
      const { store, replica, nowMs } = current();
      const refs = await createAll(
        store,
        Array.from({ length: 1_000 }, () => ALICE),
        nowMs(),
      );
      const any = () => nth(refs, Math.floor(Math.random() * refs.length));
      const over = new AbortController();
      const reader = (async () => {
        let reads = 0;
        for (; !over.signal.aborted; reads += 1) {
          if ((await replica.read(any())).state === 'live') continue;
          expect((await replica.read(any())).state).toBe('revoked');
        }
        return reads;
      })();
      await replica.read(any());
      expect(await store.revokeMany(ending(ALICES, nowMs()))).toBe(1_000);
      expect(await statesOf(replica, refs)).toEqual(refs.map(() => 'revoked'));
      over.abort();
      expect(await reader).toBeGreaterThan(0);
    });

    test('B4 the sessions of one session at the provider end, with and without the subject told', async () => {
      const { store, nowMs } = current();
      const now = nowMs();
      const target = { kind: 'provider_session', issuer: ALICE.issuer, providerSession: 'sid-1' } as const;
      for (const subject of [ALICE.subject, undefined]) {
        const own = [withSid(ALICE, 'sid-1', now), withSid(ALICE, 'sid-1', now)];
        const others = [
          withSid(ALICE, 'sid-2', now),
          newSession(now),
          withSid({ ...ALICE, issuer: 'https://elsewhere.example.com' }, 'sid-1', now),
        ];
        for (const session of [...own, ...others]) await store.create(session);
        const ended = await store.revokeMany(
          ending({ ...target, ...(subject !== undefined && { subject }) }, now),
        );
        expect(ended).toBe(2);
        expect(await statesOf(store, refsOf(own))).toEqual(['revoked', 'revoked']);
        expect(await statesOf(store, refsOf(others))).toEqual(['live', 'live', 'live']);
      }
    });

    test('B4 a provider’s session is ended for the subject that was told, and for no other one', async () => {
      const { store, nowMs } = current();
      const users = [ALICE, ALICES_NEIGHBOUR, BOB];
      const sessions = users.map((user) => withSid(user, 'shared', nowMs()));
      for (const session of sessions) await store.create(session);
      const target = { kind: 'provider_session', issuer: ALICE.issuer, providerSession: 'shared' } as const;
      expect(await store.revokeMany(ending({ ...target, subject: ALICE.subject }, nowMs()))).toBe(1);
      expect(await statesOf(store, refsOf(sessions))).toEqual(['revoked', 'live', 'live']);
      expect(await store.revokeMany(ending(target, nowMs()))).toBe(2);
      expect(await statesOf(store, refsOf(sessions))).toEqual(['revoked', 'revoked', 'revoked']);
    });

    test('E6 all sessions of everybody end', async () => {
      const { store, replica, nowMs } = current();
      const users = Array.from({ length: 60 }, (_, n) => ({ issuer: ALICE.issuer, subject: `user-${n}` }));
      const refs = await createAll(store, users, nowMs());
      expect(await store.revokeMany(ending({ kind: 'all' }, nowMs()))).toBe(60);
      expect(await statesOf(replica, refs)).toEqual(refs.map(() => 'revoked'));
      expect(await store.revokeMany(ending({ kind: 'all' }, nowMs()))).toBe(0);
    });

    test('D4 a session whose record is damaged ends with the others', async () => {
      const { store, nowMs, inject } = current();
      const ref = nth(await createAll(store, [ALICE, ALICE], nowMs()), 0);
      await inject(ref, { document: 'broken', version: 'broken' });
      expect(await store.read(ref)).toMatchObject({ state: 'corrupt' });
      expect(await store.revokeMany(ending(ALICES, nowMs()))).toBe(2);
      expect(await store.read(ref)).toMatchObject({ state: 'revoked' });
    });

    test('E6 writes that race the end of all of a subject’s sessions revive none', async () => {
      const { store, replica, nowMs } = current();
      const sessions = Array.from({ length: 50 }, () => newSession(nowMs()));
      for (const session of sessions) await store.create(session);
      const writes = sessions.map((session) =>
        replica.write(writeOf({ ...session, document: withCart(session.document, 1) })),
      );
      const [ended] = await Promise.all([store.revokeMany(ending(ALICES, nowMs())), ...writes]);
      expect(ended).toBe(50);
      expect(await statesOf(store, refsOf(sessions))).toEqual(sessions.map(() => 'revoked'));
    });
  });
}

function ending(target: RevocationTarget, nowMs: number): MassRevocation {
  const note = newNote('session_revoked', { actor: { kind: 'operator', name: 'olga' }, reason: 'incident' });
  return { target, cause: 'operator', nowMs, note };
}

async function createAll(store: SessionStore, users: readonly User[], nowMs: number) {
  const sessions = users.map((user) => sessionOf(user, nowMs));
  await Promise.all(sessions.map((session) => store.create(session)));
  return refsOf(sessions);
}

function withSid(user: User, providerSession: string, nowMs: number): NewSession {
  const session = sessionOf(user, nowMs);
  const identity = { ...session.document.identity, providerSession };
  return { ...session, document: { ...session.document, identity } };
}

function refsOf(sessions: readonly NewSession[]) {
  return sessions.map(({ ref }) => ref);
}
