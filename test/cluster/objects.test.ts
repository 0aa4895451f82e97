/** What the chart renders, held against the schemas of the API server that runs, by kubeconform and by the server itself. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { objectsOf, render, VALUE_SETS } from '../chart/helm.ts';
import { kubeconformBinary } from '../parts/kubeconform.ts';
import { definitionsIn } from './definitions.ts';
import { foreignDefinitions } from './foreign-definitions.ts';
import { createNamespace, type Namespace } from './kubernetes.ts';
import {
  locationOf,
  writeDefinitionSchemas,
  writePublishedSchemas,
  type PublishedApi,
} from './object-schemas.ts';

let namespace: Namespace;
let schemas: string;
let kubeconform: string;
beforeAll(async () => {
  schemas = await mkdtemp(join(tmpdir(), 'schemas-'));
  namespace = await createNamespace(`objects-${randomBytes(3).toString('hex')}`);
  kubeconform = await kubeconformBinary();
  const published = await namespace.kubectl(['get', '--raw', '/openapi/v2']);
  await writePublishedSchemas(schemas, JSON.parse(published) as PublishedApi);
  for (const file of await foreignDefinitions()) {
    for (const definition of await definitionsIn(file)) await writeDefinitionSchemas(schemas, definition);
  }
}, 600_000);
afterAll(async () => {
  await rm(schemas, { recursive: true });
  await namespace.remove();
}, 120_000);

/** What kubeconform says of objects: a line for each that is wrong or has no schema, and a summary. */
async function judge(objects: string): Promise<string> {
  const args = ['-strict', '-summary', '-schema-location', locationOf(schemas), '-'];
  return new Promise((resolve) => {
    const child = execFile(kubeconform, args, (_error, stdout, stderr) =>
      resolve(`${stdout}${stderr}`.trim()),
    );
    child.stdin?.end(objects);
  });
}

describe('kubeconform', () => {
  test.each(VALUE_SETS)('H3 finds every object of %s.yaml as its schema says', async (set) => {
    const text = await render(set);
    const count = objectsOf(text).length;
    const fine = `Valid: ${count}, Invalid: 0, Errors: 0, Skipped: 0`;
    expect(await judge(text)).toBe(`Summary: ${count} resources found parsing stdin - ${fine}`);
  });

  test.each([
    ['a field that does not exist', 'deployment', /^ {2}replicas: 2$/m, '  replica: 2'],
    ['a value of another type', 'deployment', /^ {2}replicas: 2$/m, '  replicas: two'],
    ['a wrong field of a foreign kind', 'servicemonitor', /^ {4}- port: http-ops$/m, '    - prt: http-ops'],
    ['an unknown kind', 'gadget', /^kind: PodDisruptionBudget$/m, 'kind: Gadget'],
  ])('finds %s', async (_what, kind, right, wrong) => {
    const text = await render('full', '--set', 'autoscaling.enabled=false');
    expect(text).toMatch(right);
    const judged = await judge(text.replace(right, wrong));
    expect(judged.toLowerCase()).toContain(kind);
    expect(judged).toMatch(/Invalid: (?:1, Errors: 0|0, Errors: 1), Skipped: 0$/);
  });
});

/** The API server has no schema for these unless their operators are installed. */
const FOREIGN = ['cert-manager.io', 'monitoring.coreos.com'];

test.each(VALUE_SETS)('H3 the API server takes every object of %s.yaml, and warns of none', async (set) => {
  const objects = objectsOf(await render(set)).filter(
    ({ apiVersion }) => !FOREIGN.some((group) => apiVersion.startsWith(`${group}/`)),
  );
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const server = ['--dry-run=server', '--validate=strict', '--warnings-as-errors'];
  const fresh = list.replaceAll('"namespace":"sessions"', `"namespace":"${namespace.name}"`);
  const applied = await namespace.kubectl(['apply', ...server, '-f', '-'], fresh);
  expect(applied.trim().split('\n')).toHaveLength(objects.length);
});

test('H3 the API server refuses a field that does not exist', async () => {
  const [object] = objectsOf(await render('minimal')).filter(({ kind }) => kind === 'Deployment');
  const wrong = JSON.stringify({ ...object, spec: { ...(object?.['spec'] as object), replica: 2 } });
  await expect(
    namespace.kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], wrong),
  ).rejects.toThrow('unknown field "spec.replica"');
});
