/** deploy/istio/istiod-values.yaml against the proto of Istio's mesh configuration, for which the API server has no schema. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../../quickstart/command.ts';
import { gatewayFiles } from '../parts/gateway-modules.ts';
import { replaced } from '../parts/shipped-objects.ts';

let meshConfig: protobuf.Type;
let shipped: object;
beforeAll(async () => {
  const folder = await gatewayFiles('istio');
  const root = new protobuf.Root();
  const places = [folder, join(folder, 'common-protos')];
  root.resolvePath = (_, path) => places.map((place) => join(place, path)).find(existsSync) ?? path;
  await root.load('mesh/v1alpha1/config.proto');
  meshConfig = root.lookupType('istio.mesh.v1alpha1.MeshConfig');
  const text = await readFile(join(ROOT, 'deploy', 'istio', 'istiod-values.yaml'), 'utf8');
  shipped = (parse(text) as { readonly meshConfig: object }).meshConfig;
}, 120_000);

/** What the proto has no place for, by its path. */
function wrongIn(type: protobuf.ReflectionObject | null, value: unknown, path = 'meshConfig'): string[] {
  if (Array.isArray(value)) return value.flatMap((one, index) => wrongIn(type, one, `${path}.${index}`));
  if (type instanceof protobuf.Enum) return String(value) in type.values ? [] : [path];
  if (!(type instanceof protobuf.Type) || type.fullName === '.google.protobuf.Duration') {
    return typeof value === 'object' ? [path] : [];
  }
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => {
    const field = type.fields[key]?.resolve();
    const isList = Array.isArray(inner);
    if (field?.repeated !== isList) return [`${path}.${key}`];
    return wrongIn(field.resolvedType, inner, `${path}.${key}`);
  });
}

test('the values have no field that a mesh configuration has not', () => {
  expect(wrongIn(meshConfig, shipped)).toEqual([]);
});

test.each([
  ['timeout', 'timeOut', 'meshConfig.extensionProviders.0.envoyExtAuthzGrpc.timeOut'],
  ['envoyExtAuthzGrpc', 'envoyExtAuthz', 'meshConfig.extensionProviders.0.envoyExtAuthz'],
])('a typing error in %s is found', (right, wrong, path) => {
  const mistyped = replaced(shipped, (_, value) =>
    typeof value === 'object' && value !== null && right in value
      ? Object.fromEntries(
          Object.entries(value).map(([key, inner]) => [key === right ? wrong : key, inner as unknown]),
        )
      : value,
  );
  expect(wrongIn(meshConfig, mistyped)).toEqual([path]);
});

test('so is a normalization that there is not', () => {
  const wrong = replaced(shipped, (key, value) => (key === 'normalization' ? 'MERGE' : value));
  expect(wrongIn(meshConfig, wrong)).toEqual(['meshConfig.pathNormalization.normalization']);
});
