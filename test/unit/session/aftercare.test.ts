import { expect, test } from 'vitest';
import { createAftercare, type AftercareTask } from '../../../src/session/aftercare.ts';
import { SCHEMA_VERSION } from '../../../src/session/document.ts';
import { createMemoryStore, type MemoryRecord } from '../../../src/session/memory-store.ts';
import type { SessionRef } from '../../../src/session/ref.ts';
import { StoreError, type SessionStore } from '../../../src/session/store.ts';
import { newRef, newSession } from '../../contract/sessions.ts';

const NOW = 1_700_000_000_000;

function open(wrap: (store: SessionStore) => SessionStore = (store) => store) {
  const records = new Map<string, MemoryRecord>();
  const store = wrap(createMemoryStore({ now: () => NOW, records }));
  const removed: [SessionRef, string][] = [];
  const failed: [AftercareTask, unknown][] = [];
  const aftercare = createAftercare(store, {
    now: () => NOW,
    onFailure: (task, error) => failed.push([task, error]),
    onRemoved: (ref, problem) => removed.push([ref, problem]),
  });
  const inject = (document: string) => {
    const ref = newRef();
    const key = `${ref.slice(0, 2)}:session:${ref.slice(3)}`;
    const fields = { version: '1', lastSeen: String(NOW), expires: String(NOW + 60_000), document };
    records.set(key, { fields, forgetAtMs: NOW + 60_000 });
    return ref;
  };
  return { store, removed, failed, aftercare, inject };
}

/** Returns once everything that was settled has been heard of. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('D4 B6 what is corrupt is told as corrupt, removed behind the answer, once, and in the audit trail', async () => {
  const { aftercare, store, removed, failed, inject } = open();
  const ref = inject('broken');
  const lookups = await Promise.all(Array.from({ length: 10 }, () => aftercare.reader.read(ref)));
  expect(lookups).toEqual(lookups.map(() => ({ state: 'corrupt', problem: 'not JSON', removable: true })));
  await settled();
  expect(await store.read(ref)).toEqual({ state: 'revoked', cause: 'corrupt', revokedAtMs: NOW });
  expect(await aftercare.reader.read(ref)).toMatchObject({ state: 'revoked' });
  expect(removed).toEqual([[ref, 'not JSON']]);
  expect(failed).toEqual([]);
  const { records } = await store.audit({ ref, limit: 10 });
  const told = { actor: { kind: 'singlestate', name: '' }, reason: 'corrupt', detail: 'not JSON' };
  expect(records).toMatchObject([{ action: 'session_removed', ref, ...told, after: 0 }]);
  expect(records).toHaveLength(1);
});

test('D4 A9 a document of a newer schema is left alone', async () => {
  const { aftercare, store, removed, inject } = open();
  const ref = inject(JSON.stringify({ schema: SCHEMA_VERSION + 1 }));
  expect(await aftercare.reader.read(ref)).toMatchObject({ state: 'corrupt', removable: false });
  await settled();
  expect(await store.read(ref)).toMatchObject({ state: 'corrupt' });
  expect(removed).toEqual([]);
});

test('D4 a sound session is left alone', async () => {
  const { aftercare, store, removed } = open();
  const session = newSession(NOW);
  await store.create(session);
  expect(await aftercare.reader.read(session.ref)).toMatchObject({ state: 'live' });
  await settled();
  expect(await store.read(session.ref)).toMatchObject({ state: 'live' });
  expect(removed).toEqual([]);
});

test('D2 a removal that fails is told, harms no read, and is tried again', async () => {
  const error = new StoreError('ERR_STORE_TIMEOUT', 'no answer');
  let failures = 1;
  const { aftercare, store, removed, failed, inject } = open((store) => ({
    ...store,
    revoke: (revocation) => (failures-- > 0 ? Promise.reject(error) : store.revoke(revocation)),
  }));
  const ref = inject('broken');
  expect(await aftercare.reader.read(ref)).toMatchObject({ state: 'corrupt' });
  await settled();
  expect(failed).toEqual([['remove_corrupt', error]]);
  expect(await aftercare.reader.read(ref)).toMatchObject({ state: 'corrupt' });
  await settled();
  expect(removed).toEqual([[ref, 'not JSON']]);
  expect(await store.read(ref)).toMatchObject({ state: 'revoked' });
});

test('D2 a read that fails is passed on', async () => {
  const error = new StoreError('ERR_STORE_UNAVAILABLE', 'gone');
  const { aftercare } = open((store) => ({ ...store, read: () => Promise.reject(error) }));
  await expect(aftercare.reader.read(newRef())).rejects.toBe(error);
});
