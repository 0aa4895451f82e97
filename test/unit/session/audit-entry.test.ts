import { expect, test } from 'vitest';
import type { Sealer } from '../../../src/sealing/sealer.ts';
import { unsealedText } from '../../../src/sealing/sealer.ts';
import { aboutSubject, entryOf, recordIn, type AuditEntry } from '../../../src/session/audit-entry.ts';
import type { AuditNote, AuditQuery } from '../../../src/session/audit.ts';
import { ALICE, BOB, newRef } from '../../contract/sessions.ts';
import { createTestSealer } from '../../fakes/test-sealer.ts';

const PLACE = { id: 'ab.1-0', atMs: 1 };
const ref = newRef();
const NOTE: AuditNote = {
  action: 'session_revoked',
  actor: { kind: 'operator', name: 'carol' },
  reason: 'stolen laptop',
  detail: 'ticket 7',
};
const KEYLESS: Sealer = {
  seal: (text) => text,
  unseal: () => ({ ok: false, problem: 'sealed with a key that is not here', isDamaged: false }),
};

function entry(changes: Partial<AuditEntry> = {}): Partial<AuditEntry> {
  const about = aboutSubject(ALICE, ref, unsealedText);
  return { ...entryOf(NOTE, ref, unsealedText), ...about, ref, before: '3', after: '0', ...changes };
}

const ask = (query: Partial<AuditQuery> = {}, stored = entry(), sealer = unsealedText) =>
  recordIn(stored, PLACE, { limit: 1, ...query }, sealer);

test('E7 a record comes back as it was taken down', () => {
  expect(ask()).toEqual({ ...PLACE, ...NOTE, ref, subject: ALICE, before: 3, after: 0 });
});

test.each<[string, Partial<AuditQuery>]>([
  ['its action', { action: 'session_revoked' }],
  ['its ref', { ref }],
  ['its subject', { subject: ALICE }],
  ["its actor's kind", { actor: { kind: 'operator' } }],
  ["its actor's name", { actor: { name: 'carol' } }],
])('E7 a record is found by %s', (_, query) => {
  expect(ask(query)).toMatchObject(NOTE);
});

test.each<[string, Partial<AuditQuery>]>([
  ['action', { action: 'session_created' }],
  ['ref', { ref: newRef() }],
  ['subject', { subject: BOB }],
  ['kind of actor', { actor: { kind: 'app' } }],
  ['name of an actor', { actor: { kind: 'operator', name: 'dave' } }],
])('E7 a record is not found by another %s', (_, query) => {
  expect(ask(query)).toBeUndefined();
});

test('E5 a record that can not be unsealed tells what is plain, and says so', () => {
  const record = ask({ ref, subject: ALICE }, entry(), KEYLESS);
  expect(record).toEqual({
    ...PLACE,
    action: NOTE.action,
    actor: { kind: 'operator', name: '' },
    detail: 'not readable here: sealed with a key that is not here',
    ref,
    before: 3,
    after: 0,
  });
  expect(ask({ actor: { name: '' } }, entry(), KEYLESS)).toBeUndefined();
});

test.each<[string, Partial<AuditEntry>]>([
  ['a note that is no JSON', { note: 'broken' }],
  ['a note that is JSON null', { note: 'null' }],
  ['an owner that is no JSON', { owner: 'broken' }],
  ['an owner without a subject', { owner: '{"issuer":"x"}' }],
  ['a ref that is none', { ref: 'x' }],
  ['versions that are none', { before: '-1', after: 'x' }],
])('D4 an entry with %s is still a record', (_, damage) => {
  expect(ask({}, entry(damage))).toMatchObject({
    ...PLACE,
    action: NOTE.action,
    actor: { kind: 'operator' },
  });
});

test.each<[string, Partial<AuditEntry>]>([
  ['action', { action: 'session_read' }],
  ['kind of actor', { by: 'app' }],
  ['session', { ref: newRef() }],
])('E5 a note can not be moved below another %s', (_, changes) => {
  const sealer = createTestSealer();
  const stored = entry(entryOf(NOTE, ref, sealer));
  expect(ask({}, stored, sealer)).toMatchObject(NOTE);
  const moved = ask({}, { ...stored, ...changes }, sealer);
  expect(moved).toMatchObject({ actor: { name: '' }, detail: 'not readable here: does not unseal' });
  expect(moved).not.toHaveProperty('reason');
});

test('E5 a note about many is readable at each of them, and below no other action', () => {
  const sealer = createTestSealer();
  const stored = entry(entryOf(NOTE, undefined, sealer));
  expect(ask({}, stored, sealer)).toMatchObject(NOTE);
  expect(ask({}, { ...stored, ref: newRef() }, sealer)).toMatchObject(NOTE);
  expect(ask({}, { ...stored, action: 'session_read' }, sealer)).not.toHaveProperty('reason');
});
