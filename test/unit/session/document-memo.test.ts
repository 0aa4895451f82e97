import { expect, test } from 'vitest';
import { createDocumentMemo } from '../../../src/session/document-memo.ts';
import { decodeDocument, encodeDocument, SCHEMA_VERSION } from '../../../src/session/document.ts';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';

const [ref, other] = [newRef(), newRef()];

function newRef() {
  return sessionRef(createSessionId(partitionOf('https://idp.example.com', 'alice')));
}

function textOf(...scopes: string[]): string {
  return encodeDocument({
    schema: SCHEMA_VERSION,
    identity: { provider: 'main', issuer: 'https://idp.example.com', subject: 'alice' },
    authentication: { atMs: 1 },
    scopes,
    attributes: {},
    slices: {},
    createdAtMs: 1,
    expiresAtMs: 2,
  });
}

test('a text that has not changed is decoded once', () => {
  const decode = createDocumentMemo();
  const first = decode(ref, textOf('a'));
  expect(decode(ref, textOf('a'))).toBe(first);
});

test('A4 E2 another text of the session, and the same text of another session, are what they are', () => {
  const decode = createDocumentMemo();
  const texts = [textOf('a'), textOf('b'), textOf('a')];
  for (const text of texts) {
    expect(decode(ref, text)).toEqual(decodeDocument(text));
    expect(decode(other, text)).toEqual(decodeDocument(text));
  }
});

test('D4 what is no document is not remembered, and forgets nothing that was sound', () => {
  const decode = createDocumentMemo();
  const sound = decode(ref, textOf('a'));
  expect(decode(ref, '{"schema":1')).toMatchObject({ ok: false });
  expect(decode(ref, textOf('a'))).toBe(sound);
});

test('E2 what readers share can not be changed by one of them', () => {
  const decoded = createDocumentMemo()(ref, textOf('a'));
  if (!decoded.ok) throw new Error(decoded.problem);
  const { document } = decoded;
  for (const part of [
    document,
    document.identity,
    document.authentication,
    document.scopes,
    document.attributes,
  ]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});

test('it remembers as much as it is told to and no more', () => {
  const decode = createDocumentMemo(textOf('a').length);
  const first = decode(ref, textOf('a'));
  decode(other, textOf('a'));
  expect(decode(ref, textOf('a'))).not.toBe(first);
});
