/** Singlestate in a cluster, to be put behind a gateway: the chart, an app, an identity provider, a client. Hides namespaces. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHART } from '../chart/helm.ts';
import { createNamespace, type Namespace } from '../cluster/kubernetes.ts';
import { appPod, clientPod, IMAGES, providerPod } from '../cluster/pods.ts';
import {
  callApi,
  createIssuer,
  openSession,
  operatorToken,
  type Issuer,
  type OpenSession,
} from '../cluster/sessions.ts';
import { chartValues } from '../cluster/values.ts';
import { createTestCa } from '../parts/certificates.ts';
import { replaced, shippedObjects, type ShippedObject } from '../parts/shipped-objects.ts';

export interface GatewayRig {
  /** Where the app is, and Singlestate. */
  readonly inner: Namespace;
  /** Where a gateway's own objects are. */
  readonly edge: Namespace;
  /** Applies a file of deploy/ as it is shipped, with nothing changed but namespaces and timeouts. */
  applyShipped(file: string): Promise<void>;
  open(scope: string): Promise<OpenSession>;
  revoke(session: OpenSession): Promise<void>;
  remove(): Promise<void>;
}

export async function createGatewayRig(): Promise<GatewayRig> {
  const name = `gateways-${randomBytes(3).toString('hex')}`;
  await using undo = new AsyncDisposableStack();
  const inner = await createNamespace(name);
  undo.defer(() => inner.remove());
  const edge = await createNamespace(`${name}-edge`);
  undo.defer(() => edge.remove());
  const issuer = await createIssuer('https://provider');
  await installAround(inner, issuer);
  const down = undo.move();
  return {
    inner,
    edge,
    applyShipped: async (file) => {
      const objects = moved(await shippedObjects(file), { gateways: edge.name, '': inner.name });
      const isEdge = ({ metadata }: ShippedObject) => metadata.namespace === edge.name;
      const atEdge = objects.filter(isEdge);
      // Contour has none there.
      if (atEdge.length > 0) await edge.apply(...atEdge);
      await inner.apply(...objects.filter((object) => !isEdge(object)));
    },
    open: (scope) => openSession(inner, issuer, scope),
    revoke: async ({ ref }) => {
      await callApi(inner, 'RevokeSession', await operatorToken(issuer), { ref, reason: 'test' });
    },
    remove: () => down.disposeAsync(),
  };
}

/** With the namespaces of this run, and time for a machine that has a whole cluster to run (test/cluster/values.ts says why). */
function moved(
  objects: readonly ShippedObject[],
  namespaces: Readonly<Record<string, string>>,
): readonly ShippedObject[] {
  return replaced(objects, (key, value) => {
    if (key === 'namespace' && typeof value === 'string') return namespaces[value] ?? namespaces[''];
    return value === '250ms' ? '2s' : value;
  });
}

async function installAround(namespace: Namespace, issuer: Issuer): Promise<void> {
  const ca = createTestCa('provider');
  const discovery = await namespace.kubectl(['get', '--raw', '/.well-known/openid-configuration']);
  const { issuer: clusterIssuer } = JSON.parse(discovery) as { readonly issuer: string };
  const values = chartValues({ namespace: namespace.name, issuer, ca: ca.certificate, clusterIssuer });
  const { config } = values;
  const reports = { match: { path: '/reports' }, app: 'reports', require: { all: ['reports:read'] } };
  await namespace.apply(
    ...providerPod(issuer.url, { keys: [issuer.key.publicJwk] }, ca.issue({ dns: ['provider'] })),
    ...appPod('app', 'singlestate'),
    appService('billing'),
    appService('reports'),
    clientPod(),
  );
  await install(namespace, {
    ...values,
    config: {
      ...config,
      apps: { ...config.apps, reports: { reads: { scopes: ['reports:*'] } } },
      routes: [...config.routes, reports],
    },
  });
  await namespace.kubectl(['wait', 'pod', '--all', '--for=condition=Ready', '--timeout=120s']);
}

/** As the examples name them. */
function appService(name: string): object {
  const spec = { selector: { app: 'app' }, ports: [{ port: 80, targetPort: 8081 }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec };
}

async function install(namespace: Namespace, values: object): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gateways-'));
  try {
    const file = join(folder, 'values.json');
    await writeFile(file, JSON.stringify(values));
    await namespace.helm(['install', 'singlestate', CHART, '--values', file, '--wait', '--timeout', '240s']);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The images of controllers; by default those that test/images/gateways.sh makes. */
export const GATEWAY_IMAGES = {
  envoy: IMAGES.envoy,
  envoyGateway: process.env['ENVOY_GATEWAY_IMAGE'] ?? 'localhost/envoy-gateway:1',
  contour: process.env['CONTOUR_IMAGE'] ?? 'localhost/contour:1',
} as const;
