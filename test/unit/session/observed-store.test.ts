import { expect, test } from 'vitest';
import { createMemoryStore, type MemoryRecord } from '../../../src/session/memory-store.ts';
import { observeStore } from '../../../src/session/observed-store.ts';
import { StoreError, type SessionStore, type StoreErrorCode } from '../../../src/session/store.ts';
import { newProof, newRef, newSession } from '../../contract/sessions.ts';

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
  const revocation = { ref, cause: 'operator', nowMs: NOW } as const;
  const write = (expectedVersion: number) => store.write({ ref, expectedVersion, document });

  await store.read(ref);
  await write(1);
  await store.revoke(revocation);
  await store.create(session);
  await store.create({ ...session, proof: newProof(NOW) });
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

test.each<{ code: StoreErrorCode; outcome: string }>([
  { code: 'ERR_STORE_TIMEOUT', outcome: 'timeout' },
  { code: 'ERR_STORE_UNAVAILABLE', outcome: 'unavailable' },
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
