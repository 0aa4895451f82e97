/** The one Envoy of a run, made from bench/envoy.yaml: a listener for each variant. Hides templating and the admin API. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { envoyBinary } from '../../quickstart/parts.ts';
import { startPart, type Part } from '../../quickstart/part.ts';
import { answersOk } from '../../quickstart/wait.ts';
import type { CheckTransport } from './check-server.ts';
import { whenReady } from './readiness.ts';
import type { Run } from './run.ts';

/** Fixed, so that figures do not change meaning with the machine's cores; two is what a sidecar usually gets. */
export const ENVOY_WORKERS = 2;

export interface EnvoyVariant {
  readonly name: string;
  /** Where the variant's ext_authz server listens on 127.0.0.1; without it the variant asks nobody. */
  readonly checkPort?: number;
  readonly transport?: CheckTransport;
}

export interface BenchEnvoy {
  urlOf(variant: string): string;
  /** How many checks of this variant Envoy has seen answered, whatever the answer; 0 where it asks nobody. */
  checksOf(variant: string): Promise<number>;
  /** What has gone to the variant's server so far, and come from there, connections and health included. */
  trafficOf(variant: string): Promise<Traffic>;
}

export interface Traffic {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

interface Bootstrap {
  readonly static_resources: { readonly listeners: unknown[]; readonly clusters: unknown[] };
}

/** It ends with the run. */
export async function startBenchEnvoy(run: Run, variants: readonly EnvoyVariant[]): Promise<BenchEnvoy> {
  const configFile = join(run.dir, 'envoy.json');
  const adminFile = join(run.dir, 'envoy-admin-address');
  writeFileSync(configFile, JSON.stringify(bootstrap(variants)));
  const part = await startPart({
    name: 'Envoy',
    command: await envoyBinary(),
    args: [
      ...['-c', configFile, '--admin-address-path', adminFile, '--concurrency', String(ENVOY_WORKERS)],
      ...['--disable-hot-restart', '--log-level', 'warn'],
    ],
    logFile: join(run.dir, 'envoy.log'),
  });
  run.atEnd(() => part.stop());
  const admin = await adminUrl(part, adminFile);
  const urls = await listenerUrls(admin);
  return {
    urlOf: (variant) => urls.get(variant) ?? unknownVariant(variant),
    checksOf: (variant) => sumOfStats(admin, `ext_authz\\.${variant}\\.(ok|denied|error)$`),
    trafficOf: async (variant) => ({
      sentBytes: await sumOfStats(admin, `^cluster\\.${variant}\\.upstream_cx_tx_bytes_total$`),
      receivedBytes: await sumOfStats(admin, `^cluster\\.${variant}\\.upstream_cx_rx_bytes_total$`),
    }),
  };
}

function bootstrap(variants: readonly EnvoyVariant[]): object {
  const template = readFileSync(join(import.meta.dirname, '..', 'envoy.yaml'), 'utf8');
  const instances = variants.map((variant) => {
    const instance = parse(filled(template, variant)) as Bootstrap;
    if (variant.checkPort === undefined) return withoutCheck(instance);
    return variant.transport === 'http' ? overHttp(instance, variant.name) : instance;
  });
  return {
    ...instances[0],
    static_resources: {
      listeners: instances.flatMap((instance) => instance.static_resources.listeners),
      clusters: instances.flatMap((instance) => instance.static_resources.clusters),
    },
  };
}

function filled(template: string, variant: EnvoyVariant): string {
  const values = {
    VARIANT: variant.name,
    ADMIN_PORT: 0,
    LISTENER_PORT: 0,
    CHECK_PORT: variant.checkPort ?? 0,
  };
  return Object.entries(values).reduce(
    // A number must lose the quotes that keep the template itself valid YAML.
    (text, [name, value]) =>
      text.replaceAll(typeof value === 'number' ? `'\${${name}}'` : `\${${name}}`, String(value)),
    template,
  );
}

function withoutCheck(instance: Bootstrap): Bootstrap {
  const listeners = JSON.parse(JSON.stringify(instance.static_resources.listeners), (key, value: unknown) =>
    key === 'http_filters' && Array.isArray(value) ? value.slice(1) : value,
  ) as unknown[];
  return { ...instance, static_resources: { listeners, clusters: [] } };
}

/** As in deploy/envoy-http, as far as a request of the load is concerned. */
function overHttp(instance: Bootstrap, cluster: string): Bootstrap {
  const http = {
    allowed_headers: { patterns: [{ exact: 'cookie' }, { exact: 'accept' }, { prefix: 'x-session-' }] },
    http_service: {
      server_uri: { uri: `http://${cluster}`, cluster, timeout: '0.25s' },
      authorization_response: {
        allowed_upstream_headers: { patterns: [{ prefix: 'x-session-' }, { exact: 'cookie' }] },
      },
    },
  };
  return JSON.parse(JSON.stringify(instance), (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    if ('http2_protocol_options' in value) return { http_protocol_options: {} };
    return 'grpc_service' in value ? { ...value, grpc_service: undefined, ...http } : value;
  }) as Bootstrap;
}

async function adminUrl(part: Part, adminFile: string): Promise<string> {
  const url = () => `http://${readFileSync(adminFile, 'utf8')}`;
  await whenReady(part, async () => existsSync(adminFile) && (await answersOk(`${url()}/ready`)));
  return url();
}

interface ListenerStatus {
  readonly name: string;
  readonly local_address: { readonly socket_address: { readonly port_value: number } };
}

async function listenerUrls(admin: string): Promise<Map<string, string>> {
  const response = await fetch(`${admin}/listeners?format=json`);
  const { listener_statuses: statuses } = (await response.json()) as { listener_statuses: ListenerStatus[] };
  return new Map(
    statuses.map(({ name, local_address: at }) => [name, `http://127.0.0.1:${at.socket_address.port_value}`]),
  );
}

async function sumOfStats(admin: string, filter: string): Promise<number> {
  const response = await fetch(`${admin}/stats?filter=${encodeURIComponent(filter)}`);
  const lines = (await response.text()).split('\n').filter(Boolean);
  return lines.reduce((sum, line) => sum + Number(line.split(': ')[1]), 0);
}

function unknownVariant(variant: string): never {
  throw new Error(`Envoy has no listener named ${variant}`);
}
