import { expect, test } from 'vitest';
import { createMemoryStore, type MemoryRecord } from '../../../src/session/memory-store.ts';
import { RETENTION_MS } from '../../../src/session/store.ts';
import {
  ALICE,
  auditAll,
  IDLE_TIMEOUT_MS,
  newNote,
  newSession,
  revocationOf,
} from '../../contract/sessions.ts';

const NOW = 1_700_000_000_000;

function open() {
  const records = new Map<string, MemoryRecord>();
  const clock = { nowMs: NOW };
  const bounds = { maxEntries: 3, maxAgeMs: 1_000 };
  const store = createMemoryStore({ now: () => clock.nowMs, records, audit: () => bounds });
  return { store, records, clock, bounds };
}

test('A5 what has ended by its timeout is not listed while its record is kept, and leaves the index with it', async () => {
  const { store, records, clock } = open();
  await store.create(newSession(NOW));
  clock.nowMs = NOW + IDLE_TIMEOUT_MS - 1;
  expect(await store.list({ limit: 1 })).toHaveLength(1);
  clock.nowMs += 1;
  expect(await store.list({ limit: 1 })).toEqual([]);
  expect(records.size).toBe(1);
  clock.nowMs += RETENTION_MS;
  for (let turn = 0; turn < 3; turn += 1) await store.ping();
  expect(records.size).toBe(0);
  const target = { kind: 'subject', subject: ALICE } as const;
  expect(await store.revokeMany({ ...revocationOf(newSession(NOW).ref, NOW), target })).toBe(0);
});

test('E7 the trail keeps as many records as it may, the newest, and none that is too old', async () => {
  const { store, clock, bounds } = open();
  const details = async () => (await auditAll(store, {}, 1)).map(({ detail }) => detail);
  for (const detail of ['a', 'b', 'c', 'd']) await store.record(newNote('login_failed', { detail }));
  expect(await details()).toEqual(['b', 'c', 'd']);
  clock.nowMs += 500;
  await store.record(newNote('login_failed', { detail: 'e' }));
  clock.nowMs += 501;
  expect(await details()).toEqual(['e']);
  bounds.maxEntries = 1;
  await store.record(newNote('login_failed', { detail: 'f' }));
  expect(await details()).toEqual(['f']);
});

test('E7 a position outlives what was forgotten behind it', async () => {
  const { store } = open();
  const { position } = await store.audit({ limit: 1 });
  for (const detail of ['a', 'b', 'c', 'd', 'e']) await store.record(newNote('login_failed', { detail }));
  const page = await store.audit({ limit: 10, after: position });
  expect(page.records.map(({ detail }) => detail)).toEqual(['c', 'd', 'e']);
  expect(page.more).toBe(false);
});
