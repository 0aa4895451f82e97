/** Runs deploy/envoy/envoy.yaml as it is shipped, with nothing changed but the addresses. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { startPart, untilReady } from './part.ts';
import type { Part } from './part.ts';
import { portInUse } from './ports.ts';
import type { Reaper } from './reaper.ts';
import { answersOk } from './wait.ts';

const TEMPLATE = join(import.meta.dirname, '..', 'deploy', 'envoy', 'envoy.yaml');

/** Ports on 127.0.0.1. */
export interface EnvoyPorts {
  readonly ingress: number;
  readonly admin: number;
  /** Singlestate's listeners. */
  readonly check: number;
  readonly api: number;
  /** The two apps. */
  readonly billing: number;
  readonly reports: number;
}

const LISTENER = ['static_resources', 'listeners', 0] as const;
const ADDRESS = ['address', 'socket_address', 'port_value'] as const;
const ENDPOINT = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint', ...ADDRESS] as const;
const cluster = (index: number) => ['static_resources', 'clusters', index] as const;

/** The clusters in the order of the file, and whose port each of them is. */
const CLUSTERS = [
  ['singlestate', 'check'],
  ['singlestate-api', 'api'],
  ['billing', 'billing'],
  ['reports', 'reports'],
] as const satisfies readonly (readonly [name: string, port: keyof EnvoyPorts])[];

/** The shipped configuration with other ports. @throws Error where it has another shape than this file knows. */
export async function envoyConfig(ports: EnvoyPorts): Promise<string> {
  const document = parseDocument(await readFile(TEMPLATE, 'utf8'));
  expectName(document, LISTENER, 'ingress');
  setPort(document, [...LISTENER, ...ADDRESS], ports.ingress);
  setPort(document, ['admin', ...ADDRESS], ports.admin);
  CLUSTERS.forEach(([name, port], index) => {
    expectName(document, cluster(index), name);
    setPort(document, [...cluster(index), ...ENDPOINT], ports[port]);
  });
  // Otherwise a second Envoy would share the port with the first one in silence.
  document.setIn([...LISTENER, 'enable_reuse_port'], false);
  return document.toString({ lineWidth: 0 });
}

function expectName(document: Document, path: readonly unknown[], name: string): void {
  if (document.getIn([...path, 'name']) !== name)
    throw new Error(`${TEMPLATE} has no ${name} at ${path.join('.')}.`);
}

function setPort(document: Document, path: readonly unknown[], port: number): void {
  if (!document.hasIn(path)) throw new Error(`${TEMPLATE} has no ${path.join('.')}.`);
  document.setIn(path, port);
}

export interface EnvoyOptions {
  readonly binary: string;
  readonly folder: string;
  readonly ports: EnvoyPorts;
  /** Kills it, should this process be killed. */
  readonly reaper?: Reaper | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told as soon as the process runs, before it is ready. */
  readonly onStart: (part: Part) => void;
}

/** Resolves once Envoy takes requests. @throws PortError where the ingress port was taken meanwhile. */
export async function startEnvoy(options: EnvoyOptions): Promise<Part> {
  const { binary, folder, ports, reaper, signal, onStart } = options;
  const configFile = join(folder, 'envoy.yaml');
  await writeFile(configFile, await envoyConfig(ports));
  const part = await startPart({
    name: 'Envoy',
    command: binary,
    args: ['-c', configFile, '--disable-hot-restart', '--concurrency', '2', '--log-level', 'warning'],
    logFile: join(folder, 'envoy.log'),
    reaper,
  });
  onStart(part);
  const isReady = () => answersOk(`http://127.0.0.1:${ports.admin}/ready`);
  await untilReady(part, isReady, { timeoutMs: 20_000, signal }).catch((error: unknown) => {
    const isTaken =
      error instanceof Error && error.message.includes(`cannot bind '127.0.0.1:${ports.ingress}'`);
    throw isTaken ? portInUse(ports.ingress) : error;
  });
  return part;
}
