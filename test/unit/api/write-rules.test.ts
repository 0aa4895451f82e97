import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileWriteRules } from '../../../src/api/write-rules.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'singlestate-rules-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function schemaFile(text: string): Promise<string> {
  const path = join(folder, `${crypto.randomUUID()}.json`);
  await writeFile(path, text);
  return path;
}

async function check(schema: object, value: JsonValue): Promise<string | undefined> {
  const cart = await schemaFile(JSON.stringify(schema));
  const compiled = await compileWriteRules({ apps: { billing: { writes: { cart }, writesAttributes: {} } } });
  if (!compiled.ok) throw new Error(compiled.findings[0]?.message);
  return compiled.rules.get('billing')?.slice.get('cart')?.(value);
}

test('B1 a rule is of one app, of one kind of part, and of one name', async () => {
  const file = await schemaFile('{"type":"string"}');
  const compiled = await compileWriteRules({
    apps: {
      billing: { writes: { cart: file }, writesAttributes: { locale: file } },
      support: { writes: {}, writesAttributes: {} },
    },
  });
  if (!compiled.ok) expect.unreachable();
  const { rules } = compiled;
  expect([...rules.keys()]).toEqual(['billing', 'support']);
  expect([...(rules.get('billing')?.slice.keys() ?? [])]).toEqual(['cart']);
  expect([...(rules.get('billing')?.attribute.keys() ?? [])]).toEqual(['locale']);
  expect(rules.get('support')?.slice.size).toBe(0);
});

test('B1 a value that fits has no problem, and one that does not has the first, with its place', async () => {
  const schema = {
    type: 'object',
    properties: { items: { type: 'array', maxItems: 2 } },
    required: ['items'],
  };
  expect(await check(schema, { items: [1] })).toBeUndefined();
  expect(await check(schema, { items: [1, 2, 3] })).toBe('/items must NOT have more than 2 items');
  expect(await check(schema, {})).toBe("must have required property 'items'");
  expect(await check(schema, 'x')).toBe('must be object');
});

test('names that only the value has are not repeated', async () => {
  const schema = {
    type: 'object',
    properties: { by: { type: 'object', additionalProperties: { type: 'number' } } },
  };
  expect(await check(schema, { by: { 'bob@example.com': 'x' } })).toBe('/by/* must be number');
  const slashed = { type: 'object', properties: { 'a/b~c': { type: 'number' } } };
  expect(await check(slashed, { 'a/b~c': 'x' })).toBe('/a~1b~0c must be number');
});

test('a check changes nothing in the value', async () => {
  const schema = { type: 'object', properties: { count: { type: 'number', default: 1 } } };
  const value = { other: '1' };
  expect(await check(schema, value)).toBeUndefined();
  expect(value).toEqual({ other: '1' });
});

test.each<[string, object, JsonValue, JsonValue]>([
  ['a pattern that backtracks', { type: 'string', pattern: '^(a+)+$' }, `${'a'.repeat(60)}!`, 'a'],
  ['items that are all compared', { type: 'array', uniqueItems: true }, manyItems(30_000), [1]],
])(
  'C4 a schema with %s holds up nothing else for long, nor again and again',
  async (...[, schema, slow, sound]) => {
    const file = await schemaFile(JSON.stringify(schema));
    const apps = { billing: { writes: { cart: file, notes: file }, writesAttributes: {} } };
    const compiled = await compileWriteRules({ apps }, { longestMs: 20, restMs: 300 });
    const { cart, notes } = compiled.ok ? Object.fromEntries(compiled.rules.get('billing')?.slice ?? []) : {};
    const startedAt = performance.now();
    expect(cart?.(slow)).toBe('takes longer than 20 ms to check');
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(() => cart?.(sound)).toThrow(expect.objectContaining({ code: Code.Unavailable }));
    expect(notes?.(sound)).toBeUndefined();
    await expect.poll(() => cart?.(sound), { timeout: 5_000 }).toBeUndefined();
  },
);

function manyItems(count: number): JsonValue {
  return Array.from({ length: count }, (_, at) => ({ at }));
}

test.each<[string, string, RegExp]>([
  ['no JSON', '{', /is not JSON; it must be a JSON Schema$/],
  ['no object', '[]', /is not an object; it must be a JSON Schema$/],
  ['an unknown keyword', '{"maxLenght":1}', /is no JSON Schema of draft 2020-12: .*maxLenght/],
  ['a format, which nothing checks', '{"type":"string","format":"date"}', /unknown format "date"/],
  [
    'another draft',
    '{"$schema":"http://json-schema.org/draft-07/schema#"}',
    /"\$schema" must be "https:\/\/json-schema.org\/draft\/2020-12\/schema"/,
  ],
  ['a reference to elsewhere', '{"$ref":"https://example.com/cart.json"}', /can't resolve reference/],
  ['a check that answers later', '{"$async":true,"type":"string"}', /has "\$async"/],
])('C2 a schema file that is %s is a finding at its key', async (_what, text, message) => {
  const file = await schemaFile(text);
  const apps = { billing: { writes: { cart: file }, writesAttributes: { locale: file } } };
  const compiled = await compileWriteRules({ apps });
  if (compiled.ok) expect.unreachable();
  expect(compiled.findings.map(({ path }) => path)).toEqual([
    ['apps', 'billing', 'writes', 'cart'],
    ['apps', 'billing', 'writesAttributes', 'locale'],
  ]);
  for (const finding of compiled.findings) expect(finding.message).toMatch(message);
});

test('a file that is not there is a finding that names it', async () => {
  const compiled = await compileWriteRules({
    apps: { billing: { writes: { cart: '/nowhere/cart.json' }, writesAttributes: {} } },
  });
  expect(compiled).toMatchObject({ ok: false, findings: [{ message: '/nowhere/cart.json does not exist' }] });
});

test('C4 a pattern is not run while its schema is compiled, whatever properties are named beside it', async () => {
  const name = `${'a'.repeat(60)}b`;
  const schema = { type: 'object', properties: { [name]: {} }, patternProperties: { '^(a+)+$': {} } };
  expect(await check(schema, { a: 1 })).toBeUndefined();
});
