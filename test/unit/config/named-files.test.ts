import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writtenSchema, type JsonSchema } from '../../../src/config/json-schema.ts';
import { load } from './minimal.ts';

const EXAMPLE = await readFile(join(import.meta.dirname, '../../../docs/reference/example.yaml'), 'utf8');
const LOADED = load(EXAMPLE, { VALKEY_HOST: 'valkey' });

/** Each key of the schema whose value is of one of these types, `*` for any name or index. */
function keysOfType(types: readonly string[], schema: JsonSchema, path: string): readonly string[] {
  const { properties = {}, items, additionalProperties, title } = schema;
  const inner = typeof additionalProperties === 'object' ? additionalProperties : items;
  return [
    ...(types.includes(title ?? '') ? [path] : []),
    ...Object.entries(properties).flatMap(([key, part]) =>
      keysOfType(types, part, path === '' ? key : `${path}.${key}`),
    ),
    ...(inner === undefined ? [] : keysOfType(types, inner, `${path}.*`)),
  ];
}

/** `apps.billing.identities.0.caFile` as the schema has it: `apps.*.identities.*.caFile`. */
function asInSchema(path: readonly (string | number)[]): string {
  return path
    .map((step, index) =>
      typeof step === 'number' || /^(apps|writes\w*)$/.test(String(path[index - 1])) ? '*' : step,
    )
    .join('.');
}

describe('the files and folders that a configuration names', () => {
  it('are all that the schema has keys for', () => {
    const named = new Set(LOADED.sound.files.map(({ path }) => asInSchema(path)));
    expect([...named].sort()).toEqual([...keysOfType(['file', 'folder'], writtenSchema(), '')].sort());
  });

  it('are each made absolute', () => {
    const config = LOADED.ok ? LOADED.config : undefined;
    expect(JSON.stringify(config)).not.toMatch(/"(tls|secrets|schemas)\/|"\w+-jwks\.json"/);
    expect([
      config?.apps['billing']?.writes['cart'],
      config?.tls.ops?.keyFile,
      config?.apps['billing']?.identities[1]?.jwksFile,
      config?.sealing?.keysDir,
    ]).toEqual([
      '/etc/singlestate/schemas/cart.json',
      '/etc/singlestate/tls/ops-key.pem',
      '/etc/singlestate/spire-jwks.json',
      '/etc/singlestate/sealing-keys',
    ]);
  });

  it('are looked at as secrets where they hold one', () => {
    const isSecret = /^(password|clientSecret|token|headers)File$/;
    const { files } = LOADED.sound;
    expect(files.filter(({ kind }) => kind === 'secret')).toEqual(
      files.filter(({ path }) => isSecret.test(String(path.at(-1)))),
    );
  });
});
