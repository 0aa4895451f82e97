/** What the Redis store keeps beside the records: indexes, streams and counters, how they grow, and that they go away. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Redis } from 'ioredis';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { waitUntil } from '../../quickstart/wait.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import { subjectHash } from '../../src/session/record.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import { partitionOf } from '../../src/session/ref.ts';
import { RETENTION_MS, type NewSession, type SessionStore } from '../../src/session/store.ts';
import {
  ABSOLUTE_TIMEOUT_MS,
  ALICE,
  IDLE_TIMEOUT_MS,
  newDocument,
  newNote,
  newProof,
  newSession,
  nth,
  refreshHash,
  refreshOf,
  revocationOf,
  statesOf,
  writeOf,
} from '../contract/sessions.ts';
import { rawClient, whenStoreAnswers } from '../parts/valkey.ts';

const START = `test:{${partitionOf(ALICE.issuer, ALICE.subject)}}:`;
const SESSIONS = `${START}sessions`;
const SUBJECT = `${START}subject:${subjectHash(ALICE)}`;
const AUDIT = `${START}audit`;

let valkey: RunningValkey;
let raw: Redis;
let store: SessionStore;
let auditLimits: { maxEntries: number; maxAgeMs: number };

beforeAll(async () => {
  valkey = await startValkey();
  raw = rawClient(valkey.url);
});

afterAll(async () => {
  raw.disconnect();
  await valkey.stop();
});

beforeEach(async () => {
  await raw.flushall();
  auditLimits = { maxEntries: 1_000_000, maxAgeMs: 86_400_000 };
  store = createRedisStore({
    url: valkey.url,
    deadlineMs: 5_000,
    keyPrefix: 'test:',
    sealer: () => unsealedText,
    audit: () => auditLimits,
  });
  await whenStoreAnswers(store);
});

afterEach(async () => store.close());

async function created(nowMs: number, changes: Partial<NewSession> = {}): Promise<NewSession> {
  const session = newSession(nowMs, changes);
  expect(await store.create(session)).toMatchObject({ outcome: 'created' });
  return session;
}

/** Creates so many, in few round trips. */
async function createMany(count: number, nowMs: number): Promise<NewSession[]> {
  return Promise.all(Array.from({ length: count }, () => created(nowMs)));
}

/** A session that the server forgets in so long: its idle timeout was almost a retention ago. */
function soonForgotten(afterMs: number, changes: Partial<NewSession> = {}): Promise<NewSession> {
  const nowMs = Date.now() - IDLE_TIMEOUT_MS - RETENTION_MS + afterMs;
  return created(nowMs, { proof: newProof(Date.now()), ...changes });
}

async function scriptsRun(): Promise<number> {
  const stats = await raw.info('commandstats');
  const counts = [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)];
  return counts.reduce((sum, [, calls]) => sum + Number(calls), 0);
}

describe('indexes', () => {
  test('A5 an index says when each session ends, and stays as long as the last of them can', async () => {
    const nowMs = Date.now();
    const [first, second] = [await created(nowMs), await created(nowMs + 1)];
    const endOf = async ({ ref }: NewSession) => Number(await raw.zscore(SUBJECT, ref.slice(3)));
    const keptUntil = () => Promise.all([raw.pexpiretime(SUBJECT), raw.pexpiretime(SESSIONS)]);
    expect(await endOf(first)).toBe(nowMs + IDLE_TIMEOUT_MS);
    expect(await endOf(second)).toBe(nowMs + 1 + IDLE_TIMEOUT_MS);
    const until = nowMs + 1 + IDLE_TIMEOUT_MS + RETENTION_MS;
    expect(await keptUntil()).toEqual([until, until]);

    await store.touch({ ref: first.ref, seenAtMs: nowMs + 600_000, idleTimeoutMs: IDLE_TIMEOUT_MS });
    expect(await endOf(first)).toBe(nowMs + 600_000 + IDLE_TIMEOUT_MS);
    const later = nowMs + 600_000 + IDLE_TIMEOUT_MS + RETENTION_MS;
    expect(await keptUntil()).toEqual([later, later]);

    await store.touch({ ref: second.ref, seenAtMs: nowMs + 2, idleTimeoutMs: IDLE_TIMEOUT_MS });
    expect(await keptUntil()).toEqual([later, later]);
    const longIdle = { seenAtMs: nowMs + 3, idleTimeoutMs: 2 * ABSOLUTE_TIMEOUT_MS };
    await store.touch({ ref: second.ref, ...longIdle });
    expect(await endOf(second)).toBe(second.document.expiresAtMs);
  });

  test('A5 a refresh moves the end of a session in the indexes as a touch does', async () => {
    const nowMs = Date.now();
    const session = await created(nowMs, { refreshHash: refreshHash('first') });
    await store.refresh(refreshOf(session.ref, 'first', 'second', nowMs + 600_000));
    expect(Number(await raw.zscore(SUBJECT, session.ref.slice(3)))).toBe(nowMs + 600_000 + IDLE_TIMEOUT_MS);
    expect(await raw.pexpiretime(SUBJECT)).toBe(nowMs + 600_000 + IDLE_TIMEOUT_MS + RETENTION_MS);
  });

  test('A5 a refresh by a slower clock moves nothing back', async () => {
    const nowMs = Date.now();
    const { ref } = await created(nowMs, { refreshHash: refreshHash('first') });
    const rotated = await store.refresh(refreshOf(ref, 'first', 'second', nowMs - 60_000));
    expect(rotated).toMatchObject({ outcome: 'rotated', session: { lastSeenAtMs: nowMs } });
    expect(await store.read(ref)).toMatchObject({ session: { lastSeenAtMs: nowMs } });
    expect(Number(await raw.zscore(SUBJECT, ref.slice(3)))).toBe(nowMs + IDLE_TIMEOUT_MS);
  });

  test('A5 what was revoked is in no index any more', async () => {
    const identity = { provider: 'main', ...ALICE, providerSession: 'sid-1' };
    const session = await created(Date.now(), { document: newDocument(Date.now(), { identity }) });
    expect(await raw.keys(`${START}provider:*`)).toHaveLength(1);
    await store.revoke(revocationOf(session.ref, Date.now()));
    const left = (await raw.keys('*')).map((key) => key.slice(START.length).split(':')[0]).sort();
    expect(left).toEqual(['audit', 'proof', 'session']);
  });

  test('A5 creations take out what the server has forgotten, so that no index only grows', async () => {
    const kept = await created(Date.now());
    for (let count = 0; count < 40; count += 1) await soonForgotten(300);
    expect(await raw.zcard(SUBJECT)).toBe(41);
    const areForgotten = async () => (await raw.keys(`${START}session:*`)).length === 1;
    await waitUntil(areForgotten, { what: 'forgetting the sessions', timeoutMs: 5_000 });
    // Three times as many as are taken out of the subject's index at a time.
    for (let count = 0; count < 3; count += 1) await created(Date.now());
    expect(await raw.zcard(SUBJECT)).toBe(4);
    expect(await raw.zscore(SUBJECT, kept.ref.slice(3))).not.toBeNull();
    // By samples: each creation looks at four, so that at last about a quarter is left of what is gone.
    const isMostlyGone = async () => {
      const session = await created(Date.now());
      await store.revoke(revocationOf(session.ref, Date.now()));
      return (await raw.zcard(SESSIONS)) < 12;
    };
    await waitUntil(isMostlyGone, { what: 'the index of all sessions', timeoutMs: 10_000 });
  });

  test('A5 E6 E7 when everything has ended and its time is over, no key is left', async () => {
    const lifeMs = 400;
    auditLimits = { maxEntries: 1_000, maxAgeMs: 2 * lifeMs };
    const identity = { provider: 'main', ...ALICE, providerSession: 'sid-1' };
    const begin = Date.now() - IDLE_TIMEOUT_MS - RETENTION_MS + lifeMs;
    const document = newDocument(begin, { identity, expiresAtMs: begin + IDLE_TIMEOUT_MS });
    const proof = () => ({ ...newProof(begin), validUntilMs: Date.now() + lifeMs });
    const session = () => created(begin, { document, proof: proof(), refreshHash: refreshHash('first') });
    const [written, refreshed, revoked] = [await session(), await session(), await session()];
    await store.write(writeOf(written));
    await store.touch({ ref: written.ref, seenAtMs: begin + 1, idleTimeoutMs: IDLE_TIMEOUT_MS });
    await store.refresh(refreshOf(refreshed.ref, 'first', 'second', begin + 1));
    await store.revoke(revocationOf(revoked.ref, begin));
    await store.record(newNote('config_reloaded'));
    await store.take([{ kind: 'address', of: '192.0.2.1', limit: 2, windowMs: lifeMs }]);
    await store.spend(proof());
    const kinds = (await raw.keys('*')).map((key) => key.replace(/^.*?}:/, '').split(':')[0]);
    expect(new Set(kinds)).toEqual(
      new Set(['audit', 'proof', 'provider', 'rate', 'session', 'sessions', 'spent', 'subject']),
    );
    const isEmpty = async () => (await raw.dbsize()) === 0;
    await waitUntil(isEmpty, { what: 'forgetting everything', timeoutMs: 10_000 });
  });
});

describe('mass revocation', () => {
  test('E6 all 1,000 sessions of a subject end in one script', async () => {
    const nowMs = Date.now();
    const sessions = await createMany(1_000, nowMs);
    await raw.config('RESETSTAT');
    const target = { kind: 'subject', subject: ALICE } as const;
    expect(await store.revokeMany({ ...revocationOf(nth(sessions, 0).ref, nowMs), target })).toBe(1_000);
    expect(await scriptsRun()).toBe(1);
    const refs = sessions.map(({ ref }) => ref);
    expect(new Set(await statesOf(store, refs))).toEqual(new Set(['revoked']));
    expect(await raw.exists(SUBJECT, SESSIONS)).toBe(0);
    const ended = await raw.xrevrange(AUDIT, '+', '-', 'COUNT', 1_000);
    expect(new Set(ended.map(([, fields]) => fields[fields.indexOf('ref') + 1]))).toEqual(new Set(refs));
  });

  test('E6 everybody is revoked a batch at a time, and what is created meanwhile is not', async () => {
    const nowMs = Date.now();
    const sessions = await createMany(600, nowMs);
    await raw.config('RESETSTAT');
    const target = { kind: 'all' } as const;
    const revocation = store.revokeMany({ ...revocationOf(nth(sessions, 0).ref, nowMs), target });
    // Sent behind the questions with which the revocation begins, and ahead of its scripts.
    const [later] = await Promise.all([created(nowMs + 1), revocation]);
    expect(await revocation).toBe(600);
    expect(await scriptsRun()).toBe(1 + 3);
    const refs = sessions.map(({ ref }) => ref);
    expect(new Set(await statesOf(store, refs))).toEqual(new Set(['revoked']));
    expect(await store.read(later.ref)).toMatchObject({ state: 'live' });
    expect(await raw.zrange(SESSIONS, '0', '-1')).toEqual([later.ref.slice(3)]);
  });

  test('E6 a server without memory still ends all sessions of a subject, and takes it down', async () => {
    const nowMs = Date.now();
    const sessions = await createMany(3, nowMs);
    await raw.config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1');
    try {
      const target = { kind: 'subject', subject: ALICE } as const;
      expect(await store.revokeMany({ ...revocationOf(nth(sessions, 0).ref, nowMs), target })).toBe(3);
    } finally {
      await raw.config('SET', 'maxmemory', '0');
    }
    const { records } = await store.audit({ action: 'session_revoked', limit: 10 });
    expect(records).toHaveLength(3);
  });
});

describe('lists', () => {
  test('E6 hundreds of sessions of one millisecond are listed page by page, each once', async () => {
    const nowMs = Date.now();
    const refs = (await createMany(400, nowMs)).map(({ ref }) => ref).sort();
    const listed: string[] = [];
    for (let after: { createdAtMs: number; ref: (typeof refs)[number] } | undefined; ;) {
      const page = await store.list({ limit: 7, ...(after && { after }) });
      listed.push(...page.map(({ ref }) => ref));
      after = page.at(-1);
      if (after === undefined) break;
    }
    expect(listed).toEqual(refs);
  });
});

test('A5 what is over is not listed, though its record is kept for a while', async () => {
  const live = await created(Date.now());
  const over = await created(Date.now() - IDLE_TIMEOUT_MS - 1);
  expect(await store.read(over.ref)).toMatchObject({ state: 'live' });
  for (const query of [{ limit: 10 }, { limit: 10, subject: ALICE }]) {
    expect((await store.list(query)).map(({ ref }) => ref)).toEqual([live.ref]);
  }
});

describe('the audit stream', () => {
  test('E7 a partition keeps about its share of the trail', async () => {
    auditLimits = { maxEntries: 256 * 150, maxAgeMs: 86_400_000 };
    const session = await created(Date.now());
    const note = newNote('session_read');
    await Promise.all(Array.from({ length: 600 }, () => store.record(note, { ref: session.ref })));
    const length = await raw.xlen(AUDIT);
    expect(length).toBeGreaterThanOrEqual(150);
    expect(length).toBeLessThan(150 + 100);
  });

  test('E7 times before 1970 and between milliseconds are times too', async () => {
    await created(Date.now());
    expect((await store.audit({ fromMs: -1_000.5, limit: 10 })).records).toHaveLength(1);
    expect((await store.audit({ beforeMs: -1_000.5, limit: 10 })).records).toEqual([]);
    expect((await store.audit({ beforeMs: 0.5, limit: 10 })).records).toEqual([]);
  });

  test('E5 what could name a person is in no plain field', async () => {
    const session = await created(Date.now());
    const actor = { kind: 'operator', name: 'carol' } as const;
    const note = newNote('session_read', { actor, reason: 'stolen laptop', detail: 'ticket 7' });
    await store.record(note, { ref: session.ref });
    const [[, fields]] = (await raw.xrevrange(AUDIT, '+', '-', 'COUNT', 1)) as [[string, string[]]];
    const plain = fields.filter((_, at) => !['note', 'owner'].includes(fields[at - (at % 2)] ?? ''));
    expect(plain).toEqual(expect.arrayContaining(['action', 'session_read', 'by', 'operator', session.ref]));
    for (const name of ['carol', 'stolen', 'ticket', 'alice']) expect(plain.join()).not.toContain(name);
  });
});

test('E11 an address is counted first: what it refuses counts for nobody else', async () => {
  const { ref } = newSession(Date.now());
  const session = { kind: 'session', of: ref, limit: 2, windowMs: 3_600_000 } as const;
  const address = { kind: 'address', of: '192.0.2.1', limit: 1, windowMs: 3_600_000 } as const;
  expect(await store.take([session, address])).toEqual({ allowed: true });
  expect(await store.take([session, address])).toMatchObject({ allowed: false, by: 'address' });
  expect(await store.take([session])).toEqual({ allowed: true });
  expect(await store.take([session])).toMatchObject({ allowed: false, by: 'session' });
});

test('E11 a counter is named by a hash, and goes when it has nothing to say', async () => {
  await store.take([{ kind: 'address', of: '192.0.2.1', limit: 4, windowMs: 60_000 }]);
  const [key, ...others] = await raw.keys('*');
  expect(others).toEqual([]);
  expect(key).toMatch(/^test:\{[0-9a-f]{2}\}:rate:address:[\w-]{22}$/);
  const ttlMs = await raw.pttl(key ?? '');
  expect(ttlMs).toBeGreaterThan(10_000);
  expect(ttlMs).toBeLessThanOrEqual(15_000);
});

test.each(['x', '1 nan', '1 inf', '1 -inf', '1 1e308'])(
  'D4 a counter that is damaged to "%s" is none, and is counted from there on',
  async (text) => {
    const take = { kind: 'address', of: '192.0.2.1', limit: 2, windowMs: 3_600_000 } as const;
    await store.take([take]);
    const [key = ''] = await raw.keys('*');
    await raw.set(key, text);
    expect(await store.take([take])).toEqual({ allowed: true });
    expect(await store.take([take])).toEqual({ allowed: true });
    expect(await store.take([take])).toMatchObject({ allowed: false, by: 'address' });
  },
);
