/** Records that other versions of the program laid out: used as they are, never destroyed, and found once they are used. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Redis } from 'ioredis';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import { createAftercare } from '../../src/session/aftercare.ts';
import { subjectHash } from '../../src/session/record.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import { partitionOf, type SessionRef } from '../../src/session/ref.ts';
import { RETENTION_MS, type RevocationTarget, type SessionStore } from '../../src/session/store.ts';
import {
  ABSOLUTE_TIMEOUT_MS,
  ALICE,
  auditAll,
  IDLE_TIMEOUT_MS,
  listAll,
  newDocument,
  newNote,
  newRef,
  newSession,
  refreshOf,
  revocationOf,
  writeOf,
} from '../contract/sessions.ts';
import { createTestSealer } from '../fakes/test-sealer.ts';
import { rawClient, whenStoreAnswers } from '../parts/valkey.ts';

const START = `test:{${partitionOf(ALICE.issuer, ALICE.subject)}}:`;
const NOW = Date.now();
const LATER = NOW + IDLE_TIMEOUT_MS / 2;

let valkey: RunningValkey;
let raw: Redis;
let store: SessionStore;
let sealer = unsealedText;

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
  sealer = unsealedText;
  store = createRedisStore({
    url: valkey.url,
    deadlineMs: 5_000,
    keyPrefix: 'test:',
    sealer: () => sealer,
    audit: () => ({ maxEntries: 1_000_000, maxAgeMs: 86_400_000 }),
  });
  await whenStoreAnswers(store);
});

afterEach(async () => store.close());

const keyOf = (ref: SessionRef) => `${START}session:${ref.slice(3)}`;

/** A session of Alice's as the first layout had it: document schema 1, in no index, its owner in the document alone. */
async function firstLayout(): Promise<SessionRef> {
  const ref = newRef();
  const identity = { provider: 'main', ...ALICE, providerSession: 'sid-1' };
  const document = { ...newDocument(NOW, { identity }), schema: 1 };
  const fields = { ref, version: '1', document: JSON.stringify(document), lastSeen: NOW };
  await raw.hset(keyOf(ref), { ...fields, expires: document.expiresAtMs });
  await raw.pexpireat(keyOf(ref), NOW + IDLE_TIMEOUT_MS + RETENTION_MS);
  return ref;
}

/** As a check does that comes some time after the last one. */
async function used(ref: SessionRef): Promise<void> {
  const lookup = await store.read(ref);
  if (lookup.state !== 'live') throw new Error(`the session is ${lookup.state}`);
  const { document } = lookup.session;
  await store.touch({ ref, seenAtMs: LATER, idleTimeoutMs: IDLE_TIMEOUT_MS, document });
}

describe('A9 a record of the first layout', () => {
  test('is read, written and ended', async () => {
    const ref = await firstLayout();
    expect(await store.read(ref)).toMatchObject({ state: 'live', session: { version: 1 } });
    const lookup = await store.read(ref);
    if (lookup.state !== 'live') expect.unreachable();
    const { document } = lookup.session;
    expect(await store.write(writeOf({ ref, document }))).toEqual({ outcome: 'written', version: 2 });
    expect(await store.revoke(revocationOf(ref, LATER))).toMatchObject({ outcome: 'revoked' });
    expect(await store.read(ref)).toMatchObject({ state: 'revoked' });
    expect(await raw.pexpiretime(keyOf(ref))).toBe(NOW + ABSOLUTE_TIMEOUT_MS + RETENTION_MS);
  });

  test('is of no refresh token, and lives on', async () => {
    const ref = await firstLayout();
    expect(await store.refresh(refreshOf(ref, 'any', 'next', NOW))).toEqual({ outcome: 'refused' });
    expect(await store.read(ref)).toMatchObject({ state: 'live' });
  });

  test('A7 is replaced by a new login of its subject', async () => {
    const ref = await firstLayout();
    const next = newSession(NOW, { replaces: { ref, version: 1 } });
    expect(await store.create(next)).toMatchObject({ outcome: 'created' });
    expect(await store.read(ref)).toMatchObject({ state: 'revoked', cause: 'superseded' });
  });

  test('is in every index and names its owner once it is used, also after a write', async () => {
    const refs = [await firstLayout(), await firstLayout()];
    const [touched, written] = refs as [SessionRef, SessionRef];
    const identity = { provider: 'main', ...ALICE, providerSession: 'sid-1' };
    await store.write(writeOf({ ref: written, document: newDocument(NOW, { identity }) }));
    expect(await listAll(store)).toEqual([]);
    await used(touched);
    await used(written);
    expect((await listAll(store)).map(({ ref }) => ref).sort()).toEqual(refs.toSorted());
    expect(await listAll(store, { subject: ALICE })).toHaveLength(2);
    const end = String(LATER + IDLE_TIMEOUT_MS);
    expect(await raw.zscore(`${START}subject:${subjectHash(ALICE)}`, touched.slice(3))).toBe(end);
    await store.revoke(revocationOf(touched, LATER));
    expect((await auditAll(store, { ref: touched })).at(-1)).toMatchObject({ subject: ALICE });
  });

  test.each<RevocationTarget>([
    { kind: 'subject', subject: ALICE },
    { kind: 'provider_session', issuer: ALICE.issuer, providerSession: 'sid-1' },
    { kind: 'all' },
  ])('E6 is ended with others, once it is used: $kind', async (target) => {
    const ref = await firstLayout();
    await used(ref);
    const note = newNote('session_revoked');
    expect(await store.revokeMany({ target, cause: 'operator', nowMs: LATER, note })).toBe(1);
    expect(await store.read(ref)).toMatchObject({ state: 'revoked', cause: 'operator' });
  });

  test('E12 counts towards the limit of its subject, once it is used', async () => {
    await used(await firstLayout());
    const limit = { max: 1, onExceed: 'refuse' } as const;
    expect(await store.create(newSession(LATER, { limit }))).toEqual({ outcome: 'limited' });
  });
});

describe('D4 A9 a check by a replica', () => {
  /** Reads as a check does, and answers whether the record is still the same afterwards. */
  async function survivesCheckOf(ref: SessionRef): Promise<boolean> {
    const before = await raw.hgetall(keyOf(ref));
    const failures: unknown[] = [];
    const aftercare = createAftercare(store, {
      onFailure: (...failure) => failures.push(failure),
      onRemoved: (...removal) => failures.push(removal),
    });
    expect(await aftercare.reader.read(ref)).toMatchObject({ state: 'corrupt', removable: false });
    await store.ping();
    expect(failures).toEqual([]);
    return JSON.stringify(await raw.hgetall(keyOf(ref))) === JSON.stringify(before);
  }

  test('of an earlier version destroys no record with a newer document', async () => {
    const ref = await firstLayout();
    await raw.hset(keyOf(ref), 'document', JSON.stringify({ schema: 3, identity: 'elsewhere' }));
    expect(await survivesCheckOf(ref)).toBe(true);
  });

  test('that has no sealing yet destroys no sealed record', async () => {
    sealer = createTestSealer();
    const session = newSession(NOW);
    await store.create(session);
    sealer = unsealedText;
    expect(await survivesCheckOf(session.ref)).toBe(true);
  });
});

describe('D4 a record whose time of creation is damaged', () => {
  test.each(['', 'abc', 'nan', 'inf', '-1'])('as "%s" is used and ended like any other', async (created) => {
    const session = newSession(NOW);
    await store.create(session);
    await raw.hset(keyOf(session.ref), 'created', created);
    await used(session.ref);
    expect(await raw.hget(keyOf(session.ref), 'lastSeen')).toBe(String(LATER));
    expect(await store.revoke(revocationOf(session.ref, LATER))).toMatchObject({ outcome: 'revoked' });
  });
});
