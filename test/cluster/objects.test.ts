import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { objectsOf, render, VALUE_SETS } from '../chart/helm.ts';
import { createNamespace, type Namespace } from './kubernetes.ts';

let namespace: Namespace;
beforeAll(async () => {
  namespace = await createNamespace(`objects-${randomBytes(3).toString('hex')}`);
});
afterAll(() => namespace.remove(), 120_000);

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
