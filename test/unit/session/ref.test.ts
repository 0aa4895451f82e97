import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createSessionId,
  isSessionId,
  isSessionRef,
  partitionOf,
  partitionOfRef,
  sessionRef,
} from '../../../src/session/ref.ts';

const ISSUER = 'https://idp.example.com';

test('A1 a new id is well-formed, and no two are alike', () => {
  const partition = partitionOf(ISSUER, 'alice');
  const ids = Array.from({ length: 1_000 }, () => createSessionId(partition));
  expect(ids.every(isSessionId)).toBe(true);
  expect(new Set(ids).size).toBe(1_000);
  expect(new Set(ids.map(sessionRef)).size).toBe(1_000);
});

test('E2 a ref keeps the partition, is always the same, and tells nothing else of the id', () => {
  const id = createSessionId(partitionOf(ISSUER, 'alice'));
  const ref = sessionRef(id);
  expect(isSessionRef(ref)).toBe(true);
  expect(sessionRef(id)).toBe(ref);
  expect(partitionOfRef(ref)).toBe(partitionOf(ISSUER, 'alice'));
  expect(ref).not.toContain(id.slice(3, 13));
});

test('E12 everything of one subject is in one partition, and subjects spread over all of them', () => {
  const partitions = Array.from({ length: 5_000 }, (_, n) => partitionOf(ISSUER, `user-${n}`));
  expect(partitionOf(ISSUER, 'user-0')).toBe(partitions[0]);
  expect(new Set(partitions).size).toBe(256);
  expect(partitions.every((partition) => /^[0-9a-f]{2}$/.test(partition))).toBe(true);
});

test('E2 issuer and subject are told apart where they meet', () => {
  const of = (pairs: [string, string][]) => pairs.map(([issuer, subject]) => partitionOf(issuer, subject));
  const pairs = Array.from({ length: 64 }, (_, n): [string, string] => ['a'.repeat(n), 'a'.repeat(64 - n)]);
  expect(new Set(of(pairs)).size).toBeGreaterThan(32);
});

test('a ref is no id and an id is no ref', () => {
  const id = createSessionId(partitionOf(ISSUER, 'alice'));
  expect(isSessionRef(id)).toBe(false);
  expect(isSessionId(sessionRef(id))).toBe(false);
});

test('E2 whatever a client sends for an id is refused unless it is one', () => {
  const id = createSessionId(partitionOf(ISSUER, 'alice'));
  for (const text of [
    '',
    id.slice(1),
    `${id}A`,
    `${id}\n`,
    id.replace('.', ':'),
    id.toUpperCase(),
    `{${id}}`,
  ]) {
    expect(isSessionId(text), text).toBe(false);
  }
  fc.assert(fc.property(fc.string(), (text) => !isSessionId(text) && !isSessionRef(text)));
});
