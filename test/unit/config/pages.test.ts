import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it, test } from 'vitest';
import { compileRoutes } from '../../../src/authz/routes.ts';
import { generateSealingKey } from '../../../src/sealing/key-files.ts';
import { loadRuntime } from '../../../src/server/load-runtime.ts';
import { generateKey } from '../../../src/token/key-files.ts';
import { load, problemsOf } from './minimal.ts';
import { CONFIG_KEYS, configFragment, isMapping, madeWhole, ROOT, yamlBlocks } from './yaml-in-pages.ts';

const BLOCKS = yamlBlocks();
const VALUES_SCHEMA = JSON.parse(
  await readFile(join(ROOT, 'helm/singlestate/values.schema.json'), 'utf8'),
) as {
  readonly properties: object;
};
const VALUES_KEYS = Object.keys(VALUES_SCHEMA.properties);

/** Keys of the chart alone; `tls` and a few others are keys of both. */
const isValues = (value: unknown) =>
  isMapping(value) &&
  Object.keys(value).some((key) => VALUES_KEYS.includes(key) && !CONFIG_KEYS.includes(key));

const VALUES = BLOCKS.filter(({ value }) => isValues(value));
const FRAGMENTS = BLOCKS.flatMap(({ place, value }) => {
  const fragment = isValues(value) ? (value as { config?: unknown }).config : value;
  const found = configFragment(fragment);
  return found ? [{ place, fragment: found }] : [];
});
const WHOLE = FRAGMENTS.filter(
  ({ fragment }) => 'store' in fragment && 'token' in fragment && 'routes' in fragment,
);

describe('the configuration that pages show', () => {
  it('is found', () => {
    expect(FRAGMENTS.length).toBeGreaterThan(15);
    expect(WHOLE.length).toBeGreaterThan(0);
  });

  it.each(FRAGMENTS)('is right: $place', ({ fragment }) => {
    const text = madeWhole(fragment);
    expect(problemsOf(text)).toEqual([]);
    const routes = compileRoutes(load(text).sound.routes.map(({ route }) => route));
    expect(routes.ok ? [] : routes.problems).toEqual([]);
  });

  it.each(WHOLE)(
    'is what check-config takes, with every file that it names: $place',
    async ({ fragment }) => {
      const folder = await mkdtemp(join(tmpdir(), 'page-'));
      try {
        const file = join(folder, 'singlestate.yaml');
        const text = madeWhole(fragment);
        await writeFile(file, text);
        await putFiles(folder, text);
        const loaded = await loadRuntime(file, {}, { now: Date.now, onFetchFailure: () => undefined });
        expect(loaded.ok ? [] : loaded.problems).toEqual([]);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});

/** What the files that a page's configuration names may hold. Pages with whole configurations name no certificates. */
async function putFiles(folder: string, text: string): Promise<void> {
  await generateKey(join(folder, 'token-keys'), 'EdDSA', Date.now());
  await generateSealingKey(join(folder, 'sealing-keys'), Date.now());
  for (const { path, kind, location } of load(text).sound.files) {
    if (kind === 'folder') continue;
    const place = join(folder, location.replace('/etc/singlestate/', ''));
    await mkdir(dirname(place), { recursive: true });
    const isSchema = path.some((step) => String(step).startsWith('writes'));
    await writeFile(place, isSchema ? '{"type":"object"}' : 'a-secret', { mode: 0o600 });
  }
}

test.each(VALUES)('H3 the chart takes the values that a page shows: $place', ({ value }) => {
  const validate = new Ajv2020({ allErrors: true, strict: false }).compile({
    ...VALUES_SCHEMA,
    required: [],
  });
  validate(value);
  // What the whole of it must have, such as `config.store`, is not in every excerpt.
  const problems = (validate.errors ?? []).filter(({ keyword }) => keyword !== 'required');
  expect(problems.map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`)).toEqual([]);
});
