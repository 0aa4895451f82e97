/** deploy/envoy-gateway through Envoy Gateway's own translator, in a real Envoy. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test, vi } from 'vitest';
import { envoyBinary } from '../../quickstart/parts.ts';
import { createBed } from '../e2e/bed.ts';
import {
  bootstrapOf,
  envoyGateway,
  patientEnvoyGateway,
  shippedEnvoyGateway,
  translate,
} from '../parts/envoy-gateway.ts';
import { egctlBinary } from '../parts/gateway-modules.ts';
import { ENVOY_OVER_GRPC, gatewayScenarios } from '../parts/gateway-scenarios.ts';
import { replaced, type ShippedObject } from '../parts/shipped-objects.ts';

const BUILD = 1_800_000;
const PORTS = { checks: 9001, api: 9003, app: 8081, ingress: 8080 };

// A translation takes seconds of a processor.
vi.setConfig({ testTimeout: 180_000 });

beforeAll(async () => {
  await egctlBinary();
  // Once for all beds.
  await translate(await patientEnvoyGateway());
}, BUILD);

gatewayScenarios('Envoy Gateway', envoyGateway(), ENVOY_OVER_GRPC);

async function envoyTakes(bootstrap: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'envoy-gateway-'));
  try {
    const file = join(folder, 'envoy.json');
    await writeFile(file, JSON.stringify(bootstrap));
    // Its access log goes to standard output, which it can open where that is no pipe.
    const { status, stderr } = spawnSync(await envoyBinary(), ['--mode', 'validate', '-c', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    return stderr;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('Envoy takes what the translator makes of the shipped objects', async () => {
  const dump = await translate(await shippedEnvoyGateway());
  expect(await envoyTakes(bootstrapOf(dump, PORTS))).not.toMatch(/deprecated/i);
});

test('the translator refuses a field that does not exist', async () => {
  const wrong = replaced(await shippedEnvoyGateway(), (key, value) =>
    key === 'extAuth' ? { ...(value as object), statusOnErr: 503 } : value,
  );
  await expect(translate(wrong)).rejects.toThrow('statusOnErr');
});

const withoutKey = (objects: readonly ShippedObject[], unwanted: string) =>
  replaced(objects, (key, value) => (key === unwanted ? undefined : value));

test.each([
  ['D2', 'timeout', '"timeout":"0.250s"'],
  ['D2', 'statusOnError', '"statusOnError":{"code":"ServiceUnavailable"}'],
  ['B5', 'passive', '"consecutive5xx":3'],
  ['B5', 'connectTimeout', '"connectTimeout":"0.250s","dnsLookupFamily"'],
  ['B5', 'panicThreshold', '"healthyPanicThreshold":{"value":1}'],
])('%s Envoy is told of %s, which Envoy Gateway does otherwise by default', async (_, key, told) => {
  const shipped = await shippedEnvoyGateway();
  expect(JSON.stringify(await translate(shipped))).toContain(told);
  expect(JSON.stringify(await translate(withoutKey(shipped, key)))).not.toContain(told);
});

test('H2 the context extensions of a route reach Singlestate', async () => {
  await using bed = await createBed({ gateway: envoyGateway() });
  const { token } = await bed.open({ scopes: ['reports:read'] });
  expect((await bed.ask('/reports/7', { token })).status).toBe(200);
  const extensions = [{ name: 'singlestate.app', type: 'Value', value: 'billing' }];
  const other = (objects: readonly ShippedObject[]) =>
    replaced(objects, (key, value) => (key === 'contextExtensions' ? extensions : value));
  await using wrong = await createBed({ gateway: envoyGateway(other) });
  const session = await wrong.open({ scopes: ['reports:read'] });
  const answer = await wrong.ask('/reports/7', { token: session.token });
  expect(JSON.parse(answer.body)).toMatchObject({ status: 403, reason: 'no_route' });
});

const CORS = (mergeType: object): ShippedObject => ({
  apiVersion: 'gateway.envoyproxy.io/v1alpha1',
  kind: 'SecurityPolicy',
  metadata: { name: 'cors', namespace: 'billing' },
  spec: {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'billing' }],
    ...mergeType,
    cors: { allowOrigins: ['https://app.example.com'] },
  },
});

test.each([
  ['that merges keeps the check', { mergeType: 'StrategicMerge' }, 401],
  ['that does not, as the page warns, switches it off', {}, 200],
])('a policy for a route %s', async (_, mergeType, status) => {
  await using bed = await createBed({ gateway: envoyGateway((objects) => [...objects, CORS(mergeType)]) });
  expect((await bed.ask('/me')).status).toBe(status);
});

test('E3 a policy whose Service may not be named answers 500, and lets nothing through', async () => {
  const ungranted = (objects: readonly ShippedObject[]) =>
    objects.filter(({ kind }) => kind !== 'ReferenceGrant');
  await using bed = await createBed({ gateway: envoyGateway(ungranted) });
  const { token } = await bed.open();
  expect((await bed.ask('/me', { token })).status).toBe(500);
});
