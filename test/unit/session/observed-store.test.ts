import { expect, test } from 'vitest';
import { createMemoryStore, type MemoryRecord } from '../../../src/session/memory-store.ts';
import { observeStore } from '../../../src/session/observed-store.ts';
import { StoreError, type SessionStore, type StoreErrorCode } from '../../../src/session/store.ts';
import { everyOperation } from '../../contract/life.ts';
import {
  newNote,
  newProof,
  newRef,
  newSession,
  refreshHash,
  refreshOf,
  revocationOf,
  writeOf,
} from '../../contract/sessions.ts';

const NOW = 1_700_000_000_000;

function observed(store: SessionStore = createMemoryStore({ now: () => NOW })) {
  const seen: string[] = [];
  const seconds: number[] = [];
  const wrapped = observeStore(store, (operation, outcome, took) => {
    seen.push(`${operation} ${outcome}`);
    seconds.push(took);
  });
  return { store: wrapped, seen, seconds };
}

test('H4 every operation is counted with its outcome, once', async () => {
  const records = new Map<string, MemoryRecord>();
  const { store, seen, seconds } = observed(createMemoryStore({ now: () => NOW, records }));
  const session = newSession(NOW);
  const { ref, document } = session;
  const revocation = revocationOf(ref, NOW);
  const write = (expectedVersion: number) => store.write(writeOf({ ref, document }, expectedVersion));

  await store.read(ref);
  await write(1);
  await store.revoke(revocation);
  await store.create(session);
  await store.create({ ...session, proof: newProof(NOW) });
  await store.create(newSession(NOW, { limit: { max: 1, onExceed: 'refuse' } }));
  await store.create(newSession(NOW, { replaces: { ref, version: 2 } }));
  await store.read(ref);
  await write(1);
  await write(1);
  await store.touch({ ref, seenAtMs: NOW, idleTimeoutMs: 1_000 });
  await store.revoke(revocation);
  await store.revoke(revocation);
  await store.read(ref);
  await write(2);
  const corrupt = newRef();
  const fields = { document: 'broken' };
  records.set(`${corrupt.slice(0, 2)}:session:${corrupt.slice(3)}`, { fields, forgetAtMs: NOW + 1 });
  await store.read(corrupt);
  await store.ping();
  await store.close();

  expect(seen).toEqual([
    'read absent',
    'write absent',
    'revoke absent',
    'create ok',
    'create replayed',
    'create limited',
    'create stale',
    'read ok',
    'write ok',
    'write conflict',
    'touch ok',
    'revoke ok',
    'revoke revoked',
    'read revoked',
    'write revoked',
    'read corrupt',
    'ping ok',
  ]);
  expect(seconds.every((took) => took >= 0 && took < 10)).toBe(true);
});

test('H4 each use of a refresh token is counted with its outcome', async () => {
  const { store, seen } = observed();
  const session = newSession(NOW, { refreshHash: refreshHash('first') });
  const { ref } = session;
  await store.create(session);
  const use = (token: string) => store.refresh(refreshOf(ref, token, 'second', NOW));
  for (const token of ['first', 'first', 'forged', 'first']) await use(token);
  expect(seen).toEqual(['create ok', 'refresh ok', 'refresh repeated', 'refresh reused', 'refresh refused']);
});

test('H4 what is asked of proofs, limits, lists and the audit trail is counted with its outcome', async () => {
  const { store, seen } = observed();
  const proof = newProof(NOW);
  const take = { kind: 'address', of: '192.0.2.1', limit: 1, windowMs: 1_000 } as const;
  await store.isSpent(proof.hash);
  await store.spend(proof);
  await store.isSpent(proof.hash);
  await store.take([take]);
  await store.take([take]);
  await store.list({ limit: 1 });
  await store.record(newNote('config_reloaded'));
  await store.audit({ limit: 1 });
  await store.revokeMany({ ...revocationOf(newRef(), NOW), target: { kind: 'all' } });
  expect(seen).toEqual([
    'isSpent ok',
    'spend ok',
    'isSpent replayed',
    'take ok',
    'take limited',
    'list ok',
    'record ok',
    'audit ok',
    'revokeMany ok',
  ]);
});

test('H4 no operation is left out', async () => {
  const { store, seen } = observed();
  const calls = everyOperation(store, newSession(NOW).document);
  await Promise.all(calls.map(([, call]) => call()));
  expect(seen.map((entry) => entry.split(' ')[0]).sort()).toEqual(calls.map(([name]) => name).sort());
});

test.each<{ code: StoreErrorCode; outcome: string }>([
  { code: 'ERR_STORE_TIMEOUT', outcome: 'timeout' },
  { code: 'ERR_STORE_UNAVAILABLE', outcome: 'unavailable' },
  { code: 'ERR_STORE_NOT_ASKED', outcome: 'breaker_open' },
])('H4 $code is counted as $outcome, and passed on as it is', async ({ code, outcome }) => {
  const error = new StoreError(code, 'no answer');
  const { store, seen } = observed({ ...createMemoryStore(), read: () => Promise.reject(error) });
  await expect(store.read(newRef())).rejects.toBe(error);
  expect(seen).toEqual([`read ${outcome}`]);
});

test("H4 a caller's mistake is counted as a fault", async () => {
  const { store, seen } = observed();
  const session = newSession(NOW);
  const broken = { ...session.document, createdAtMs: 0.5 };
  await expect(store.create({ ...session, document: broken })).rejects.toBeInstanceOf(TypeError);
  expect(seen).toEqual(['create fault']);
});
