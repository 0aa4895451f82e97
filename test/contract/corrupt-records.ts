/** What is stored and is no session (D4): told as corrupt, never used, never written to, and removable but for one kind. */
import { describe, expect, test } from 'vitest';
import { encodeDocument, SCHEMA_VERSION } from '../../src/session/document.ts';
import { validate } from '../../src/session/validity.ts';
import type { CurrentStore, RawFields } from './session-store.ts';
import { IDLE_TIMEOUT_MS, newDocument, newRef, newSession, revocationOf, writeOf } from './sessions.ts';

/** Part of every value below, so that a problem that tells a value is found out. */
const MARK = 'c0nf1dent1al';

const NOW = Date.now();
const DOCUMENT = newDocument(NOW, { attributes: { name: MARK } });
const TEXT = encodeDocument(DOCUMENT);
const SOUND = {
  version: '3',
  lastSeen: String(NOW),
  expires: String(DOCUMENT.expiresAtMs),
  document: TEXT,
} as const;

/** The sound document with some members replaced; undefined leaves one out. */
function changed(members: Record<string, unknown>): string {
  return JSON.stringify({ ...DOCUMENT, ...members });
}

const NOT_UTF8 = Buffer.concat([
  Buffer.from(TEXT.slice(0, TEXT.indexOf(MARK))),
  Buffer.from([0xff, 0xc0]),
  Buffer.from(TEXT.slice(TEXT.indexOf(MARK))),
]);

const DOCUMENTS: Record<string, string | Buffer> = {
  'empty text': '',
  'a text that is not JSON': MARK,
  'JSON that was cut off': TEXT.slice(0, -1),
  'JSON with bytes behind it': `${TEXT}${MARK}`,
  'bytes that are not UTF-8': NOT_UTF8,
  'a JSON string': JSON.stringify(MARK),
  'a JSON list': JSON.stringify([MARK]),
  'JSON null': 'null',
  'an empty object': '{}',
  'a document without a schema': changed({ schema: undefined }),
  'a document of schema 0': changed({ schema: 0 }),
  'a document of schema "2"': changed({ schema: '2' }),
  'a document of schema 1.5': changed({ schema: 1.5 }),
  'a document without an identity': changed({ identity: undefined }),
  'an identity without a subject': changed({ identity: { provider: MARK, issuer: MARK } }),
  'an identity with an empty subject': changed({ identity: { ...DOCUMENT.identity, subject: '' } }),
  'an unknown member': changed({ [MARK]: true }),
  'an unknown member of identity': changed({ identity: { ...DOCUMENT.identity, [MARK]: MARK } }),
  'scopes as one string': changed({ scopes: MARK }),
  'a scope that is a number': changed({ scopes: [MARK, 1] }),
  'an attribute that is an object': changed({ attributes: { [MARK]: { [MARK]: MARK } } }),
  'slices as a list': changed({ slices: [MARK] }),
  'an absolute timeout that is text': changed({ expiresAtMs: `${DOCUMENT.expiresAtMs}` }),
  'a negative absolute timeout': changed({ expiresAtMs: -1 }),
  'an absolute timeout beyond exact numbers': TEXT.replace(/"expiresAtMs":\d+/, '"expiresAtMs":1e300'),
};

function without(field: keyof typeof SOUND): RawFields {
  return Object.fromEntries(Object.entries(SOUND).filter(([name]) => name !== field));
}

const NUMBERS = ['0', '-1', '01', '+1', '1.5', '1e3', '0x10', ' 1', '', 'NaN', MARK, '1'.repeat(16)];

const RECORDS: Record<string, RawFields> = {
  ...Object.fromEntries(Object.entries(DOCUMENTS).map(([name, document]) => [name, { ...SOUND, document }])),
  ...Object.fromEntries(NUMBERS.map((version) => [`version "${version}"`, { ...SOUND, version }])),
  ...Object.fromEntries(NUMBERS.map((lastSeen) => [`lastSeen "${lastSeen}"`, { ...SOUND, lastSeen }])),
  'no version': without('version'),
  'no lastSeen': without('lastSeen'),
  'no document': without('document'),
  'a document alone': { document: TEXT },
  'a version alone': { version: '3' },
};

export function corruptRecordTests(current: CurrentStore): void {
  describe('corrupt records', () => {
    test.each(Object.entries(RECORDS))('D4 %s counts as no session, and is removable', async (_, fields) => {
      const { store, nowMs, inject } = current();
      const ref = newRef();
      await inject(ref, fields);
      const lookup = await store.read(ref);
      expect(lookup).toMatchObject({ state: 'corrupt', removable: true });
      expect(JSON.stringify(lookup)).not.toContain(MARK);
      expect(validate(lookup, NOW, IDLE_TIMEOUT_MS)).toEqual({ valid: false, reason: 'corrupt_session' });

      const before = await current().fields(ref);
      expect(await store.create(newSession(nowMs(), { ref }))).toEqual({ outcome: 'replayed' });
      expect(await current().fields(ref)).toEqual(before);
      const revocation = revocationOf(ref, nowMs(), 'corrupt');
      expect(await store.revoke(revocation)).toEqual({ outcome: 'revoked' });
      const tombstone = { state: 'revoked', cause: 'corrupt', revokedAtMs: revocation.nowMs };
      expect(await store.read(ref)).toEqual(tombstone);
      expect(JSON.stringify(await current().fields(ref))).not.toContain(MARK);
    });

    test.each([SCHEMA_VERSION + 1, SCHEMA_VERSION + 2, 1_000])(
      'D4 A9 a document of the newer schema %i is not removable',
      async (schema) => {
        const { store, inject, fields } = current();
        const ref = newRef();
        const record = { ...SOUND, document: changed({ schema, identity: { [MARK]: MARK } }) };
        await inject(ref, record);
        const lookup = await store.read(ref);
        expect(lookup).toEqual({
          state: 'corrupt',
          problem: `schema: newer than ${SCHEMA_VERSION}`,
          removable: false,
        });
        expect(await fields(ref)).toEqual(record);
      },
    );

    test.each(['version', 'lastSeen', 'expires', 'document'] as const)(
      'D4 a record without %s is neither written nor touched',
      async (field) => {
        const { store, inject, fields } = current();
        const ref = newRef();
        await inject(ref, without(field));
        expect(await store.write(writeOf({ ref, document: DOCUMENT }, 3))).toEqual({ outcome: 'absent' });
        await store.touch({ ref, seenAtMs: NOW + 5, idleTimeoutMs: IDLE_TIMEOUT_MS });
        expect(await fields(ref)).toEqual(without(field));
      },
    );

    test('E6 a tombstone that still holds a sound document is a tombstone', async () => {
      const { store, nowMs, inject, fields } = current();
      const ref = newRef();
      const record = { ...SOUND, revoked: 'operator', revokedAt: String(NOW) };
      await inject(ref, record);
      expect(await store.read(ref)).toEqual({ state: 'revoked', cause: 'operator', revokedAtMs: NOW });
      expect(await store.write(writeOf({ ref, document: DOCUMENT }, 3))).toEqual({ outcome: 'revoked' });
      await store.touch({ ref, seenAtMs: nowMs() + 5, idleTimeoutMs: IDLE_TIMEOUT_MS });
      expect(await fields(ref)).toEqual(record);
    });

    test('D4 the record that the others are made from is sound', async () => {
      const { store, inject } = current();
      const ref = newRef();
      await inject(ref, SOUND);
      const session = { ref, version: 3, lastSeenAtMs: NOW, document: DOCUMENT };
      expect(await store.read(ref)).toEqual({ state: 'live', session });
    });
  });
}
