/** The audit trail: a record of each change in the same step as the change, and every way to ask for them (B6, E7). */
import { describe, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import type { AuditNote, AuditRecord } from '../../src/session/audit.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { createTestSealer } from '../fakes/test-sealer.ts';
import type { CurrentStore } from './session-store.ts';
import {
  ALICE,
  ALICES_NEIGHBOUR,
  auditAll,
  BOB,
  newNote,
  newRef,
  newSession,
  nth,
  revocationOf,
  sessionOf,
  withCart,
  writeOf,
} from './sessions.ts';

const OLGA = { kind: 'operator', name: 'olga' } as const;
const BILLING = { kind: 'app', name: 'billing' } as const;

export function auditTrailTests(current: CurrentStore): void {
  describe('the audit trail', () => {
    test('B6 every change of a session leaves one record: who, what, when, why, before and after', async () => {
      const { store, replica, nowMs } = current();
      const startMs = nowMs();
      const provider = { kind: 'provider', name: 'main' } as const;
      const created: AuditNote = { action: 'session_created', actor: provider };
      const session = newSession(nowMs(), { note: created });
      const { ref } = session;
      await store.create(session);
      const wrote = { actor: BILLING, reason: 'checkout', detail: 'cart' };
      await store.write(writeOf(session, 1, { note: newNote('session_written', wrote) }));
      const revoked = { actor: OLGA, reason: 'a stolen laptop, says "ops" \\ é\n' };
      await store.revoke({ ...revocationOf(ref, nowMs()), note: newNote('session_revoked', revoked) });
      const records = await auditAll(replica);
      const about = { id: expect.any(String) as string, atMs: expect.any(Number) as number, ref };
      expect(records).toEqual([
        { ...about, subject: ALICE, ...created, before: 0, after: 1 },
        { ...about, subject: ALICE, action: 'session_written', ...wrote, before: 1, after: 2 },
        { ...about, subject: ALICE, action: 'session_revoked', ...revoked, before: 2, after: 0 },
      ]);
      for (const { atMs } of records) {
        // The store's clock may be another one than the test's.
        expect(Math.abs(atMs - startMs)).toBeLessThan(60_000);
      }
    });

    test('B6 what changed nothing leaves no record', async () => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      const { ref } = session;
      await store.write(writeOf(session));
      await store.revoke(revocationOf(ref, nowMs()));
      await store.create(session);
      await store.create(session);
      await store.write(writeOf(session, 2));
      await store.touch({ ref, seenAtMs: nowMs() + 5, idleTimeoutMs: 60_000 });
      await store.revoke(revocationOf(ref, nowMs()));
      await store.revoke(revocationOf(ref, nowMs()));
      await store.write(writeOf(session));
      const actions = (await auditAll(store)).map(({ action }) => action);
      expect(actions).toEqual(['session_created', 'session_revoked']);
    });

    test('D4 the end of a corrupt record is in the trail, with its subject while that can be told', async () => {
      const { store, nowMs, inject } = current();
      const session = newSession(nowMs());
      await store.create(session);
      await inject(session.ref, { document: 'broken' });
      const note = newNote('session_removed', { detail: 'not JSON' });
      await store.revoke({ ...revocationOf(session.ref, nowMs(), 'corrupt'), note });
      expect(await auditAll(store, { action: 'session_removed' })).toMatchObject([
        { ref: session.ref, subject: ALICE, detail: 'not JSON', after: 0 },
      ]);
    });

    test('B6 of 100 racing writes each that won has its record, in the order of the versions', async () => {
      const { store, replica, nowMs } = current();
      const session = newSession(nowMs());
      await store.create(session);
      const writes = Array.from({ length: 100 }, (_, n) =>
        (n % 2 ? store : replica).write(
          writeOf({ ...session, document: withCart(session.document, n) }, 1 + (n % 5), {
            note: newNote('session_written', { detail: String(n) }),
          }),
        ),
      );
      const outcomes = await Promise.all(writes);
      const won = outcomes.flatMap((written, n) =>
        written.outcome === 'written' ? [[written.version, String(n)]] : [],
      );
      const records = await auditAll(store, { ref: session.ref, action: 'session_written' });
      expect(records.map(({ after, detail }) => [after, detail])).toEqual(won.sort());
      expect(records.map(({ before }) => before)).toEqual(records.map((_, n) => n + 1));
    });

    test('E7 what changed no session is recorded too, about somebody or about nobody', async () => {
      const { store, nowMs } = current();
      const session = newSession(nowMs());
      await store.create(session);
      await store.record(newNote('config_reloaded', { detail: 'three routes' }));
      await store.record(newNote('session_read', { actor: OLGA }), { subject: BOB, ref: newRef(BOB) });
      await store.record(newNote('login_failed'), { subject: ALICE });
      await store.record(newNote('sessions_listed'), { ref: newRef() });
      await store.record(newNote('session_read', { actor: OLGA }), { ref: session.ref });
      const shape = ({ action, subject, ref }: AuditRecord) => [action, subject?.subject, ref !== undefined];
      const records = (await auditAll(store)).filter(({ action }) => action !== 'session_created');
      expect(records.map(shape).sort()).toEqual([
        ['config_reloaded', undefined, false],
        ['login_failed', 'alice', false],
        ['session_read', 'alice', true],
        ['session_read', 'bob', true],
        ['sessions_listed', undefined, true],
      ]);
      expect(records.every((record) => !('before' in record) && !('after' in record))).toBe(true);
    });

    test('E7 the trail is asked by subject, ref, actor and action, and all that are given must agree', async () => {
      const { store, nowMs } = current();
      const [alices, neighbours] = [newSession(nowMs()), sessionOf(ALICES_NEIGHBOUR, nowMs())];
      for (const session of [alices, neighbours]) await store.create(session);
      const note = newNote('session_written', { actor: BILLING });
      await store.write(writeOf(alices, 1, { note }));
      await store.record(newNote('login_failed', { actor: { kind: 'provider', name: 'main' } }), {
        subject: ALICE,
      });
      await store.record(newNote('config_reloaded', { actor: { ...OLGA, name: 'billing' } }));
      const actions = async (query: Parameters<typeof auditAll>[1]) =>
        (await auditAll(store, query, 1)).map(({ action }) => action).sort();
      expect(await actions({ subject: ALICE })).toEqual([
        'login_failed',
        'session_created',
        'session_written',
      ]);
      expect(await actions({ subject: BOB })).toEqual([]);
      expect(await actions({ ref: neighbours.ref })).toEqual(['session_created']);
      expect(await actions({ ref: newRef() })).toEqual([]);
      expect(await actions({ actor: { kind: 'provider' } })).toEqual(['login_failed']);
      expect(await actions({ actor: { name: 'billing' } })).toEqual(['config_reloaded', 'session_written']);
      expect(await actions({ actor: BILLING })).toEqual(['session_written']);
      expect(await actions({ action: 'config_reloaded' })).toEqual(['config_reloaded']);
      expect(await actions({ ref: alices.ref, action: 'session_written', subject: ALICE })).toEqual([
        'session_written',
      ]);
      expect(await actions({ ref: alices.ref, subject: ALICES_NEIGHBOUR })).toEqual([]);
      expect(await actions({ subject: ALICE, actor: { kind: 'operator' } })).toEqual([]);
    });

    test('E7 the trail is asked by time: from, inclusive, and before, exclusive', async () => {
      const { store } = current();
      for (const detail of ['first', 'second', 'third']) {
        const before = await auditAll(store);
        await waitForLaterRecord(store, detail, before.at(-1)?.atMs ?? 0, current);
      }
      const [first, second, third] = (await auditAll(store, { action: 'login_failed' }))
        .filter((record, n, all) => record.detail !== all[n - 1]?.detail)
        .map(({ atMs }) => atMs);
      const details = async (fromMs?: number, beforeMs?: number) => {
        const range = {
          ...(fromMs !== undefined && { fromMs }),
          ...(beforeMs !== undefined && { beforeMs }),
        };
        return new Set((await auditAll(store, range, 2)).map(({ detail }) => detail));
      };
      expect(await details(second)).toEqual(new Set(['second', 'third']));
      expect(await details(undefined, third)).toEqual(new Set(['first', 'second']));
      expect(await details(second, third)).toEqual(new Set(['second']));
      expect(await details(first, first)).toEqual(new Set());
    });

    test.each([{ subject: ALICE }, {}])(
      'E7 who follows the trail while writers race misses nothing and sees nothing twice (%j)',
      async (whose) => {
        const { store, replica, nowMs } = current();
        const users = 'subject' in whose ? [ALICE] : [ALICE, ALICES_NEIGHBOUR, BOB];
        const over = new AbortController();
        const following = follow(replica, whose, over.signal);
        const writers = Array.from({ length: 6 }, async (_, n) => {
          const session = sessionOf(nth(users, n % users.length), nowMs());
          await store.create(session);
          for (let version = 1; version <= 30; version += 1) await store.write(writeOf(session, version));
        });
        await Promise.all(writers);
        over.abort();
        const seen = await following;
        expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
        expect(seen.length).toBe(6 * 31);
        for (const ref of new Set(seen.map((record) => record.ref))) {
          const versions = seen.filter((record) => record.ref === ref).map(({ after }) => after);
          expect(versions).toEqual(versions.map((_, n) => n + 1));
        }
        const all = await auditAll(store, whose, 7);
        expect(all.map(({ id }) => id).sort()).toEqual(seen.map(({ id }) => id).sort());
      },
    );

    test('E7 asking again from the end yields what was added since, and nothing twice', async () => {
      const { store } = current();
      const tell = (detail: string) => store.record(newNote('login_failed', { detail }), { subject: ALICE });
      await tell('first');
      let page = await store.audit({ subject: ALICE, limit: 10 });
      expect(page.records.map(({ detail }) => detail)).toEqual(['first']);
      page = await store.audit({ subject: ALICE, limit: 10, after: page.position });
      expect(page).toMatchObject({ records: [], more: false });
      for (const detail of ['second', 'third']) {
        await tell(detail);
        page = await store.audit({ subject: ALICE, limit: 10, after: page.position });
        expect(page.records.map((record) => record.detail)).toEqual([detail]);
      }
    });

    test('E7 oldest first, also over the pages and the subjects', async () => {
      const { store } = current();
      const users = [ALICE, BOB, ALICES_NEIGHBOUR];
      for (let n = 0; n < 30; n += 1) {
        await store.record(newNote('login_failed', { detail: String(n) }), { subject: nth(users, n % 3) });
      }
      for (const user of users) {
        const details = (await auditAll(store, { subject: user }, 4)).map(({ detail }) => Number(detail));
        expect(details).toEqual([...details].sort((a, b) => a - b));
        expect(details).toHaveLength(10);
      }
      const times = (await store.audit({ limit: 100 })).records.map(({ atMs }) => atMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    });

    test('E7 a position that no page gave is a fault of the caller', async () => {
      const { store } = current();
      for (const after of ['', 'x', '-1', '{}', '1e3']) {
        await expect(store.audit({ limit: 1, after })).rejects.toBeInstanceOf(RangeError);
      }
    });

    test('E7 the trail is bounded by its length, and the newest records stay', async () => {
      const { store, boundAudit } = current();
      boundAudit({ maxEntries: 256, maxAgeMs: 86_400_000 });
      for (let n = 0; n < 600; n += 1) {
        await store.record(newNote('login_failed', { detail: String(n) }), { subject: ALICE });
      }
      const kept = (await auditAll(store, { subject: ALICE })).map(({ detail }) => Number(detail));
      expect(kept.length).toBeGreaterThan(0);
      expect(kept.length).toBeLessThanOrEqual(256);
      expect(kept).toEqual(kept.map((_, n) => 600 - kept.length + n));
    });

    test('E7 the trail is bounded by age', async () => {
      const { store, boundAudit, passTime } = current();
      boundAudit({ maxEntries: 1_000_000, maxAgeMs: 200 });
      const tell = (detail: string) => store.record(newNote('login_failed', { detail }), { subject: ALICE });
      await tell('old');
      passTime(201);
      const isForgotten = async () => {
        await tell('new');
        return (await auditAll(store, { subject: ALICE })).every(({ detail }) => detail === 'new');
      };
      await waitUntil(isForgotten, { what: 'forgetting a record', timeoutMs: 5_000 });
      expect(await auditAll(store, { subject: ALICE })).not.toEqual([]);
    });

    test('E5 a record whose words can’t be unsealed here still says what happened to which session', async () => {
      const { store, nowMs, sealWith } = current();
      const session = newSession(nowMs(), { note: newNote('session_created', { actor: OLGA, reason: 'x' }) });
      sealWith(createTestSealer());
      await store.create(session);
      sealWith(createTestSealer());
      const [record] = await auditAll(store, { ref: session.ref });
      expect(record).toMatchObject({ action: 'session_created', ref: session.ref, before: 0, after: 1 });
      expect(JSON.stringify(record)).not.toMatch(/olga|alice|"x"/);
      expect(record).not.toHaveProperty('subject');
    });
  });
}

/** Records until one is later than that, by the store's clock, under one detail. */
async function waitForLaterRecord(
  store: SessionStore,
  detail: string,
  thanMs: number,
  current: CurrentStore,
): Promise<void> {
  const isLater = async () => {
    current().passTime(1);
    await store.record(newNote('login_failed', { detail }), { subject: ALICE });
    return ((await auditAll(store)).at(-1)?.atMs ?? 0) > thanMs;
  };
  await waitUntil(isLater, { what: 'a later record', timeoutMs: 5_000 });
}

/** Asks again and again from where it was, until the signal and then to the end. */
async function follow(
  store: SessionStore,
  whose: Parameters<typeof auditAll>[1],
  signal: AbortSignal,
): Promise<AuditRecord[]> {
  const seen: AuditRecord[] = [];
  let after: string | undefined;
  for (;;) {
    const isLast = signal.aborted;
    const page = await store.audit({ ...whose, limit: 5, ...(after !== undefined && { after }) });
    seen.push(...page.records);
    after = page.position;
    if (isLast && !page.more) return seen;
  }
}
