import { spawnSync } from 'node:child_process';
import { appendFile, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { publishedSchema, writtenSchema, type JsonSchema } from '../../../src/config/json-schema.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { MINIMAL, problemsOf } from './minimal.ts';

// A process that loads the formatter takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const REFERENCE = join(import.meta.dirname, '../../../docs/reference');
const EXAMPLE = await readFile(join(REFERENCE, 'example.yaml'), 'utf8');

/** Every key of the schema, as a path in which `[]` is any item and `*` any name. */
function keysOf(schema: JsonSchema, path: string): readonly [path: string, schema: JsonSchema][] {
  const { properties = {}, items, additionalProperties } = schema;
  return [
    ...Object.entries(properties).flatMap(([key, part]): [string, JsonSchema][] => {
      const at = path === '' ? key : `${path}.${key}`;
      return [[at, part], ...keysOf(part, at)];
    }),
    ...(items ? keysOf(items, `${path}[]`) : []),
    ...(typeof additionalProperties === 'object' ? keysOf(additionalProperties, `${path}.*`) : []),
  ];
}

const KEYS = keysOf(writtenSchema(), '');

describe('the published JSON Schema', () => {
  const validate = new Ajv2020({ allErrors: true }).compile(publishedSchema());

  it('describes every key', () => {
    expect(KEYS.length).toBeGreaterThan(50);
    expect(KEYS.filter(([, { description }]) => description === undefined).map(([path]) => path)).toEqual([]);
  });

  it('has defaults as users write them, and they are what the program takes', () => {
    const presets = KEYS.filter(([, schema]) => schema.default !== undefined && schema.type !== 'object');
    expect(Object.fromEntries(presets.map(([path, schema]) => [path, schema.default]))).toMatchObject({
      'check.deadline': '150ms',
      'session.maxBytes': '16KiB',
      'check.maxInFlight': 2000,
    });
    // A mapping that needs other keys has no defaults for as long as it is not there.
    const needy = KEYS.filter(([, { required = [] }]) => required.length > 0).map(([path]) => `${path}.`);
    const written = presets.filter(
      ([path]) => !/\[\]|\*/.test(path) && !needy.some((mapping) => path.startsWith(mapping)),
    );
    for (const [path, schema] of written) {
      const [section = '', ...rest] = path.split('.');
      const value = rest.reduceRight<unknown>((inner, key) => ({ [key]: inner }), schema.default);
      const text = `${section}: ${JSON.stringify(value)}\n`;
      expect(problemsOf(MINIMAL + text)).toEqual([]);
    }
  });

  it('takes the example', () => {
    validate(parse(EXAMPLE));
    expect(validate.errors ?? []).toEqual([]);
  });

  it('takes a variable wherever a value stands', () => {
    validate(
      parse(`store: { url: "\${URL}", deadline: "\${MS}ms" }
token: { issuer: "https://\${HOST}", keysDir: "\${DIR}" }
check: { maxInFlight: "\${MAX}" }
log: { level: "\${LEVEL}" }
apps: { a: { assertion: "\${ON}", reads: { scopes: ["\${SCOPE}"] } } }
routes: [{ match: { path: "\${PATH}" }, require: { public: "\${OPEN}" } }]`),
    );
    expect(validate.errors ?? []).toEqual([]);
  });

  it.each([
    ['an unknown key', 'chek: {}'],
    ['an unknown key within', 'check: { deadlin: 1s }'],
    ['a duration without unit', 'check: { deadline: 50 }'],
    ['a malformed duration', 'check: { deadline: 1h30m }'],
    ['a number out of bounds', 'check: { maxInFlight: 0 }'],
    ['an unknown word', 'log: { level: verbose }'],
    ['an app with a bad name', 'apps: { Billing: {} }'],
    ['two requirements', 'routes: [{ match: { path: / }, require: { public: true, session: true } }]'],
    ['no requirement', 'routes: [{ match: { path: / } }]'],
    ['a mapping without a key that it needs', 'sealing: {}'],
    ['an origin with a path', 'login: { origins: ["https://a/b"] }'],
    ['a header in capitals', 'csrf: { header: X-CSRF }'],
    ['false for true', 'routes: [{ match: { path: / }, require: { public: false } }]'],
    [
      'two sources of keys',
      'operators: [{ name: a, issuer: a, subject: a, audience: a, jwksFile: a, jwksUrl: https://a }]',
    ],
  ])('refuses %s, as the program does', (_fault, text) => {
    expect(validate(parse(MINIMAL))).toBe(true);
    expect(validate(parse(MINIMAL + text))).toBe(false);
    expect(problemsOf(MINIMAL + text)).not.toEqual([]);
  });
});

describe('the example', () => {
  it('is taken by the program', () => {
    const env = { VALKEY_HOST: 'valkey' };
    const loaded = loadConfig({ text: EXAMPLE, file: join(REFERENCE, 'example.yaml'), env });
    expect(loaded.ok ? [] : loaded.problems).toEqual([]);
  });

  it('has every key', () => {
    const has = (value: unknown, [step, ...rest]: readonly string[]): boolean => {
      if (step === undefined) return value !== undefined;
      if (typeof value !== 'object' || value === null) return false;
      const parts =
        step === '[]' || step === '*'
          ? Object.values(value)
          : [Object.entries(value).find(([key]) => key === step)?.[1]];
      return parts.some((part) => has(part, rest));
    };
    const example: unknown = parse(EXAMPLE);
    const steps = (path: string) => path.replaceAll('[]', '.[]').split('.');
    expect(KEYS.map(([path]) => path).filter((path) => !has(example, steps(path)))).toEqual([]);
  });
});

describe('the generated reference', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'config-docs-'));
    await cp(REFERENCE, folder, { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  const check = () =>
    spawnSync(process.execPath, ['scripts/generate-config-docs.ts', '--check', folder], {
      cwd: join(REFERENCE, '../..'),
      encoding: 'utf8',
    });

  it('is fresh', () => {
    expect(check()).toMatchObject({ status: 0, stderr: '' });
  });

  it('is refused where it is stale, and the files are named', async () => {
    const files = ['configuration.md', 'config.schema.json'];
    for (const file of files) await appendFile(join(folder, file), '\n');
    const { status, stderr } = check();
    expect(status).toBe(1);
    for (const file of files) expect(stderr).toContain(`${file} is stale`);
  });
});
