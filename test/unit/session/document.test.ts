import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeDocument,
  documentSize,
  encodeDocument,
  SCHEMA_VERSION,
  type SessionDocument,
} from '../../../src/session/document.ts';
import { anyText, newDocument } from '../../contract/sessions.ts';

const NOW = 1_700_000_000_000;
const DOCUMENT: SessionDocument = newDocument(NOW, {
  identity: { provider: 'main', issuer: 'https://idp.example.com', subject: 'alice', providerSession: 's1' },
  authentication: { atMs: NOW, acr: 'gold', amr: ['pwd', 'otp'] },
  slices: { cart: { items: [{ sku: 'a1', quantity: 2 }] }, empty: null },
});

/** The document's stored form with another value at one place. */
function storedWith(path: readonly string[], value: unknown): string {
  const copy = JSON.parse(encodeDocument(DOCUMENT)) as Record<string, unknown>;
  const last = path.at(-1) ?? '';
  const parent = path.slice(0, -1).reduce((node, name) => node[name] as Record<string, unknown>, copy);
  parent[last] = value;
  return JSON.stringify(copy);
}

test('A6 a document survives being stored', () => {
  expect(decodeDocument(encodeDocument(DOCUMENT))).toEqual({ ok: true, document: DOCUMENT });
});

test('A6 what is optional may be missing', () => {
  const document = newDocument(NOW);
  expect(decodeDocument(encodeDocument(document))).toEqual({ ok: true, document });
});

test('A5 the size is counted in bytes of the stored form', () => {
  const plain = documentSize(newDocument(NOW, { scopes: ['e'] }));
  expect(documentSize(newDocument(NOW, { scopes: ['é'] }))).toBe(plain + 1);
  expect(plain).toBe(Buffer.byteLength(encodeDocument(newDocument(NOW, { scopes: ['e'] }))));
});

test('D4 text that was damaged in its encoding is told from a replacement character of the document', () => {
  const document = newDocument(NOW, { attributes: { name: 'a\uFFFDb' } });
  const stored = encodeDocument(document);
  expect(decodeDocument(stored)).toEqual({ ok: true, document });
  const damaged = Buffer.concat([Buffer.from(stored.slice(0, -10)), Buffer.from([0xff])]).toString();
  expect(decodeDocument(damaged)).toEqual({ ok: false, problem: 'not UTF-8', removable: true });
});

test('D4 decoding never throws, whatever the text', () => {
  const text = fc.oneof(anyText, fc.json(), fc.constant('{"schema":1}'));
  fc.assert(
    fc.property(text, (stored) => {
      expect(decodeDocument(stored)).toMatchObject({ ok: false });
    }),
  );
});

test.each([
  { path: ['schema'], value: undefined, problem: 'schema: invalid_value' },
  { path: ['schema'], value: 0, problem: 'schema: invalid_value' },
  { path: ['identity'], value: 'alice', problem: 'identity: invalid_type' },
  { path: ['identity', 'subject'], value: '', problem: 'identity.subject: too_small' },
  { path: ['identity', 'secret'], value: 's3cret', problem: 'identity: unrecognized_keys' },
  { path: ['authentication', 'atMs'], value: 1.5, problem: 'authentication.atMs: invalid_type' },
  { path: ['authentication', 'amr'], value: 's3cret', problem: 'authentication.amr: invalid_type' },
  { path: ['scopes'], value: ['s3cret', null], problem: 'scopes: invalid_type' },
  { path: ['attributes', 's3cret'], value: 1, problem: 'attributes: invalid_type' },
  { path: ['slices'], value: ['s3cret'], problem: 'slices: invalid_type' },
  { path: ['s3cret'], value: 1, problem: 'document: unrecognized_keys' },
  { path: ['expiresAtMs'], value: -1, problem: 'expiresAtMs: too_small' },
  { path: ['createdAtMs'], value: Number.MAX_SAFE_INTEGER + 1, problem: 'createdAtMs: too_big' },
])('D4 a problem names the place by the schema, never a value: $problem', ({ path, value, problem }) => {
  expect(decodeDocument(storedWith(path, value))).toEqual({ ok: false, problem, removable: true });
});

test('A9 a document of schema 1 is read, and is of the present schema from then on', () => {
  expect(decodeDocument(storedWith(['schema'], 1))).toEqual({ ok: true, document: DOCUMENT });
});

test('A9 D4 schema 1 knew no CSRF token, so a document of it that has one is damage', () => {
  const document = { ...DOCUMENT, csrfToken: 'c'.repeat(22) };
  expect(decodeDocument(encodeDocument(document))).toEqual({ ok: true, document });
  const stored = JSON.stringify({ ...document, schema: 1 });
  expect(decodeDocument(stored)).toMatchObject({ ok: false, removable: true });
});

test('E13 a CSRF token that is too short to be one is refused before it is stored', () => {
  expect(() => encodeDocument({ ...DOCUMENT, csrfToken: 'c'.repeat(21) })).toThrow(TypeError);
});

test.each([SCHEMA_VERSION + 1, SCHEMA_VERSION + 100])(
  'A9 D4 a document of the newer schema %i is not guessed at, and not removable',
  (schema) => {
    const problem = `schema: newer than ${SCHEMA_VERSION}`;
    expect(decodeDocument(storedWith(['schema'], schema))).toEqual({ ok: false, problem, removable: false });
  },
);

test.each([1.5, '2', 1e300, null, true, {}])('D4 schema %j is damage, not a newer version', (schema) => {
  expect(decodeDocument(storedWith(['schema'], schema))).toMatchObject({ ok: false, removable: true });
});

test.each([
  { what: 'a fraction of a millisecond', changes: { createdAtMs: NOW + 0.5 } },
  { what: 'no absolute timeout', changes: { expiresAtMs: NaN } },
  { what: 'an empty subject', changes: { identity: { provider: 'main', issuer: 'i', subject: '' } } },
])('A6 a document with $what is refused before it is stored', ({ changes }) => {
  expect(() => encodeDocument({ ...DOCUMENT, ...changes })).toThrow(TypeError);
  expect(() => encodeDocument({ ...DOCUMENT, ...changes })).not.toThrow(/alice/);
});
