/** The objects of deploy/ that are gateways' own, held by the API server against the gateways' schemas. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gatewayFiles } from '../parts/gateway-modules.ts';
import { replaced, shippedObjects, type ShippedObject } from '../parts/shipped-objects.ts';
import { definitionsIn, makeDefinitions } from './definitions.ts';
import { createNamespace, type Namespace } from './kubernetes.ts';

const MINUTE = 60_000;

/** Where a gateway's module has its schemas, and a field of the example's that a typing error makes unknown. */
const GATEWAYS = [
  {
    name: 'envoyGateway',
    schemas: 'charts/gateway-helm/charts/crds/crds',
    file: 'envoy-gateway/gateway.yaml',
    field: 'statusOnError',
  },
  {
    name: 'contour',
    schemas: 'examples/contour/01-crds.yaml',
    file: 'contour/httpproxy.yaml',
    field: 'responseTimeout',
  },
  {
    name: 'istio',
    schemas: 'kubernetes/customresourcedefinitions.gen.yaml',
    file: 'istio/gateway.yaml',
    field: 'notPaths',
  },
  {
    name: 'emissary',
    schemas: 'pkg/api/getambassador.io/crds.yaml',
    file: 'emissary/mappings.yaml',
    field: 'status_on_error',
  },
] as const;

describe.each(GATEWAYS)('the objects of deploy/$file', ({ name, schemas, file, field }) => {
  const undo = new AsyncDisposableStack();
  let namespace: Namespace;
  let objects: readonly ShippedObject[];

  beforeAll(async () => {
    namespace = await createNamespace(`gateway-objects-${randomBytes(3).toString('hex')}`);
    undo.defer(() => namespace.remove());
    const definitions = await definitionsIn(join(await gatewayFiles(name), schemas));
    await makeDefinitions(namespace, definitions.map(oneVersion), undo);
    objects = replaced(await shippedObjects(file), (key, value) =>
      key === 'namespace' ? namespace.name : value,
    );
  }, 5 * MINUTE);
  afterAll(() => undo.disposeAsync(), 5 * MINUTE);

  const apply = async (items: readonly ShippedObject[]) => {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const strictly = ['--dry-run=server', '--validate=strict', '--warnings-as-errors'];
    return (await namespace.kubectl(['apply', ...strictly, '-f', '-'], list)).trim().split('\n');
  };

  test('are what the schemas want', async () => {
    expect(await apply(objects)).toHaveLength(objects.length);
  });

  test(`are refused with a typing error in ${field}`, async () => {
    const wrong = replaced(objects, (_, value) =>
      isRecord(value) && field in value
        ? { ...value, [field]: undefined, [`${field}x`]: value[field] }
        : value,
    );
    await expect(apply(wrong)).rejects.toThrow(`${field}x`);
  });
});

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Emissary's older versions are converted by Emissary, which is not there: only the newest is left of its definitions. */
function oneVersion(definition: ShippedObject): ShippedObject {
  const { conversion, versions } = definition.spec as {
    readonly conversion?: { readonly strategy: string };
    readonly versions: readonly { readonly name: string }[];
  };
  const newest = versions.find((version) => version.name === 'v3alpha1');
  if (newest === undefined) return definition;
  const spec = { ...definition.spec, versions: [{ ...newest, served: true, storage: true }] };
  return {
    ...definition,
    spec: conversion === undefined ? spec : { ...spec, conversion: { strategy: 'None' } },
  };
}
