import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { createResourceSchemas } from '../../../src/server/resource-schemas.ts';

const BACKTRACKING = { type: 'string', pattern: '^(a+)+$' };
const LONG = `${'a'.repeat(40)}b`;

function checkOf(schemas: ReturnType<typeof createResourceSchemas>, namespace: string, schema: object) {
  const compiled = schemas.compile(namespace, schema);
  if (!compiled.ok) throw new Error(compiled.problem);
  return compiled.check;
}

test('C4 a schema is compiled once for as long as its text stays, whatever object holds it', () => {
  const schemas = createResourceSchemas();
  const first = schemas.compile('shop', { type: 'string' });
  schemas.turnOver();
  expect(schemas.compile('shop', { type: 'string' })).toBe(first);
  schemas.turnOver();
  expect(schemas.compile('shop', { type: 'string' })).toBe(first);
  schemas.turnOver();
  schemas.turnOver();
  expect(schemas.compile('shop', { type: 'string' })).not.toBe(first);
});

test('C4 schemas of a namespace that take too long rest together, and no other namespace rests with them', () => {
  const schemas = createResourceSchemas();
  expect(checkOf(schemas, 'shop', BACKTRACKING)(LONG)).toContain('takes longer than 100 ms');
  schemas.turnOver();
  const resting = () => checkOf(schemas, 'shop', { ...BACKTRACKING, title: 'another' })(LONG);
  expect(resting).toThrow(expect.objectContaining({ code: Code.Unavailable }) as ConnectError);
  expect(checkOf(schemas, 'bank', BACKTRACKING)('aaa')).toBeUndefined();
});
