/** deploy/envoy-gateway without a cluster: Envoy Gateway's own translator, and a real Envoy that runs what comes of it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPart, untilReady } from '../../quickstart/part.ts';
import { envoyBinary } from '../../quickstart/parts.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk } from '../../quickstart/wait.ts';
import type { BedGateway } from '../e2e/bed.ts';
import { envoyArgs } from './gateways.ts';
import { egctlBinary } from './gateway-modules.ts';
import { replaced, shippedObjects, type ShippedObject } from './shipped-objects.ts';

const SHIPPED = 'envoy-gateway/gateway.yaml';

export const shippedEnvoyGateway = (): Promise<ShippedObject[]> => shippedObjects(SHIPPED);

/** With a timeout that is not what is shown (gateways.ts says why). */
export async function patientEnvoyGateway(): Promise<ShippedObject[]> {
  return replaced(await shippedEnvoyGateway(), (_, value) => (value === '250ms' ? '5s' : value));
}

/** What each port of the Services that the example names is, in a bed. */
const PORTS = { 9001: 'checks', 9003: 'api', 80: 'app' } as const;

type Ports = Readonly<Record<(typeof PORTS)[keyof typeof PORTS], number>>;

/** The translator sends to the address of a Service. */
const service = (namespace: string, name: string, port: keyof typeof PORTS): ShippedObject => {
  const spec = { clusterIP: '127.0.0.1', ports: [{ name: 'port', port }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec };
};

const SERVICES = [
  service('sessions', 'singlestate-check', 9001),
  service('sessions', 'singlestate', 9003),
  service('billing', 'billing', 80),
  service('billing', 'reports', 80),
];

/** A resource of xDS, in the JSON of its proto. */
type Resource = Readonly<Record<string, unknown>>;

interface ConfigDump {
  readonly configs: readonly {
    readonly dynamicEndpointConfigs?: readonly { readonly endpointConfig: Resource }[];
    readonly dynamicActiveClusters?: readonly { readonly cluster: Resource }[];
    readonly dynamicListeners?: readonly { readonly activeState: { readonly listener: Resource } }[];
    readonly dynamicRouteConfigs?: readonly { readonly routeConfig: Resource }[];
  }[];
}

const translated = new Map<string, Promise<ConfigDump>>();

/** What Envoy Gateway would tell its Envoy of these objects; asked once of each set. @throws Error with what the translator said */
export async function translate(objects: readonly ShippedObject[]): Promise<ConfigDump> {
  const text = [...objects, ...SERVICES].map((object) => JSON.stringify(object)).join('\n---\n');
  const found = translated.get(text) ?? runTranslator(text);
  translated.set(text, found);
  return found;
}

async function runTranslator(text: string): Promise<ConfigDump> {
  const folder = await mkdtemp(join(tmpdir(), 'envoy-gateway-'));
  try {
    const file = join(folder, 'objects.yaml');
    await writeFile(file, text);
    const from = ['x', 'translate', '--from', 'gateway-api', '--to', 'xds', '-o', 'json', '-f', file];
    const options = { maxBuffer: 64 * 1024 * 1024 };
    const { stdout } = await promisify(execFile)(await egctlBinary(), from, options);
    const { xds } = JSON.parse(stdout) as { readonly xds: Readonly<Record<string, ConfigDump>> };
    const dump = xds['gateways/edge'];
    if (dump === undefined) throw new Error(`${SHIPPED} has no Gateway gateways/edge`);
    return dump;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A configuration for an Envoy of its own: what came from the control plane is static, with the ports of this machine. */
export function bootstrapOf({ configs }: ConfigDump, ports: Ports & { readonly ingress: number }): object {
  const routes = configs.flatMap(({ dynamicRouteConfigs: found = [] }) =>
    found.map((one) => one.routeConfig),
  );
  const endpoints = configs.flatMap(({ dynamicEndpointConfigs: found = [] }) =>
    found.map(({ endpointConfig }) => endpointConfig),
  );
  const clusters = configs.flatMap(({ dynamicActiveClusters: found = [] }) =>
    found.map((one) => one.cluster),
  );
  const listeners = configs
    .flatMap(({ dynamicListeners: found = [] }) => found.map(({ activeState }) => activeState.listener))
    // The other one is for the kubelet's probes.
    .filter(({ name }) => name === 'gateways/edge/http');
  return {
    staticResources: {
      listeners: listeners.map((listener) => withRoutes(typeless(listener), routes, ports.ingress)),
      clusters: clusters.map((cluster) => withEndpoints(typeless(cluster), endpoints, ports)),
    },
  };
}

function without(resource: Resource, unwanted: string): Resource {
  return Object.fromEntries(Object.entries(resource).filter(([key]) => key !== unwanted));
}

/** As it is where its type is known. */
const typeless = (resource: Resource) => without(resource, '@type');

function withRoutes(listener: Resource, routes: readonly Resource[], port: number): object {
  const address = { socketAddress: { address: '127.0.0.1', portValue: port } };
  const inline = replaced(listener, (_, value) => {
    if (typeof value !== 'object' || value === null || !('rds' in value)) return value;
    const { rds, ...manager } = value as { readonly rds: { readonly routeConfigName: string } };
    const routeConfig = routes.find(({ name }) => name === rds.routeConfigName);
    if (routeConfig === undefined) throw new Error(`the translator gave no routes ${rds.routeConfigName}`);
    return { ...manager, routeConfig: typeless(routeConfig) };
  });
  return { ...inline, address, enableReusePort: false };
}

function withEndpoints(cluster: Resource, endpoints: readonly Resource[], ports: Ports): object {
  if (cluster['type'] !== 'EDS') return cluster;
  const found = endpoints.find(({ clusterName }) => clusterName === cluster['name']);
  if (found === undefined) throw new Error(`the translator gave no endpoints of ${String(cluster['name'])}`);
  const loadAssignment = replaced(typeless(found), (key, value) =>
    key === 'portValue' ? ports[PORTS[value as keyof typeof PORTS]] : value,
  );
  return { ...without(cluster, 'edsClusterConfig'), type: 'STATIC', loadAssignment };
}

/** Changes the shipped objects on their way to the translator. */
export type ChangeObjects = (objects: readonly ShippedObject[]) => readonly ShippedObject[];

/** A real Envoy that runs what the translator makes of the shipped objects. */
export function envoyGateway(change: ChangeObjects = (objects) => objects): BedGateway {
  return {
    async start(ports, folder, undo) {
      const ingress = await freePort();
      const dump = await translate(change(await patientEnvoyGateway()));
      const file = join(folder, 'envoy.json');
      await writeFile(file, JSON.stringify(bootstrapOf(dump, { ...ports, ingress })));
      const part = await startPart({
        name: 'Envoy',
        command: await envoyBinary(),
        args: envoyArgs(file),
        logFile: join(folder, 'envoy.log'),
      });
      undo.defer(() => part.stop());
      const isReady = () => answersOk(`http://127.0.0.1:${ingress}/healthz`);
      await untilReady(part, isReady, { timeoutMs: 20_000 });
      return ingress;
    },
  };
}
