import { expect, test } from 'vitest';
import { unsealedText, type Sealer } from '../../../src/sealing/sealer.ts';
import { createDocumentMemo } from '../../../src/session/document-memo.ts';
import {
  documentContext,
  decodeDocument,
  encodeDocument,
  SCHEMA_VERSION,
} from '../../../src/session/document.ts';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';

const [ref, other] = [newRef(), newRef()];

const unsealed = () => unsealedText;

/** Seals by writing the context in front of the text. */
const contextual: Sealer = {
  seal: (text, context) => `${context}|${text}`,
  unseal: (sealed, context) =>
    sealed.startsWith(`${context}|`)
      ? { ok: true, text: sealed.slice(context.length + 1) }
      : { ok: false, problem: 'of another context', isDamaged: true },
};

const keyless: Sealer = {
  ...contextual,
  unseal: () => ({ ok: false, problem: 'no key', isDamaged: false }),
};

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
  const decode = createDocumentMemo(unsealed);
  const first = decode(ref, 1, textOf('a'));
  expect(decode(ref, 1, textOf('a'))).toBe(first);
});

test('A4 E2 another text of the session, and the same text of another session, are what they are', () => {
  const decode = createDocumentMemo(unsealed);
  const texts = [textOf('a'), textOf('b'), textOf('a')];
  for (const text of texts) {
    expect(decode(ref, 1, text)).toEqual(decodeDocument(text));
    expect(decode(other, 1, text)).toEqual(decodeDocument(text));
  }
});

test('D4 what is no document is not remembered, and forgets nothing that was sound', () => {
  const decode = createDocumentMemo(unsealed);
  const sound = decode(ref, 1, textOf('a'));
  expect(decode(ref, 1, '{"schema":1')).toMatchObject({ ok: false });
  expect(decode(ref, 1, textOf('a'))).toBe(sound);
});

test('E2 what readers share can not be changed by one of them', () => {
  const decoded = createDocumentMemo(unsealed)(ref, 1, textOf('a'));
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
  const decode = createDocumentMemo(unsealed, textOf('a').length);
  const first = decode(ref, 1, textOf('a'));
  decode(other, 1, textOf('a'));
  expect(decode(ref, 1, textOf('a'))).not.toBe(first);
});

test('E5 a text is of its session and its version alone, also where it was remembered', () => {
  const decode = createDocumentMemo(() => contextual);
  const text = contextual.seal(textOf('a'), documentContext(ref, 2));
  expect(decode(ref, 2, text)).toMatchObject({ ok: true });
  const swapped = { ok: false, problem: 'of another context', removable: true };
  expect(decode(ref, 3, text)).toEqual(swapped);
  expect(decode(other, 2, text)).toEqual(swapped);
  expect(decode(ref, 2, text)).toMatchObject({ ok: true });
});

test('D4 E5 what was readable with a key is not without it, and that is no damage', () => {
  let sealer = contextual;
  const decode = createDocumentMemo(() => sealer);
  const text = contextual.seal(textOf('a'), documentContext(ref, 1));
  expect(decode(ref, 1, text)).toMatchObject({ ok: true });
  sealer = keyless;
  expect(decode(ref, 1, text)).toEqual({ ok: false, problem: 'no key', removable: false });
  sealer = contextual;
  expect(decode(ref, 1, text)).toMatchObject({ ok: true });
});
