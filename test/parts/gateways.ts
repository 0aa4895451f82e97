/** Gateways, each run from the files in deploy/ with nothing changed but ports and timeouts. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startPart, untilReady, type Part } from '../../quickstart/part.ts';
import { caddyBinary, envoyBinary } from '../../quickstart/parts.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk } from '../../quickstart/wait.ts';
import type { BedGateway, GatewayPorts } from '../e2e/bed.ts';

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');

/** What each port of the shipped files is. */
const SHIPPED = {
  8080: 'ingress',
  9901: 'admin',
  9001: 'checks',
  9002: 'checks',
  9003: 'api',
  9090: 'ops',
  8081: 'app',
  8082: 'app',
} as const;

type Ports = GatewayPorts & { readonly ingress: number; readonly admin: number };

/** Changes the text of a shipped file on its way to the gateway. */
export type ChangeFile = (text: string) => string;

/** Copies a folder of deploy/ with other ports and more patience. @throws Error where a file of it has none of them */
async function shipped(name: string, folder: string, ports: Ports, change: ChangeFile): Promise<void> {
  await cp(join(DEPLOY, name), folder, { recursive: true });
  for (const file of await readdir(join(DEPLOY, name))) {
    const text = await readFile(join(folder, file), 'utf8');
    const moved = text.replace(/(?<=127\.0\.0\.1:|port_value: )\d+\b/g, (port) =>
      String(port in SHIPPED ? ports[SHIPPED[Number(port) as keyof typeof SHIPPED]] : port),
    );
    await writeFile(join(folder, file), change(patient(moved)));
  }
}

interface Program {
  readonly name: string;
  readonly command: () => Promise<string>;
  readonly args: (folder: string) => readonly string[];
}

/** As a bed has it over gRPC: longer than the check's own deadline there, so that it is Singlestate's answer that is seen. */
const patient: ChangeFile = (text) => text.replace(/\b(?:250ms|0\.25s)\b/g, '5s');

const asShipped: ChangeFile = (text) => text;

function gateway(
  kind: BedGateway['kind'] | 'grpc',
  deployed: string,
  { name, command, args }: Program,
  change: ChangeFile,
): BedGateway {
  return {
    ...(kind !== 'grpc' && { kind }),
    async start(given, folder, undo) {
      const ports = { ...given, ingress: await freePort(), admin: await freePort() };
      await shipped(deployed, folder, ports, change);
      const part: Part = await startPart({
        name,
        command: await command(),
        args: args(folder),
        logFile: join(folder, `${name}.log`),
        cwd: folder,
        env: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
      });
      undo.defer(() => part.stop());
      await untilReady(part, () => answersOk(`http://127.0.0.1:${ports.ingress}/healthz`), {
        timeoutMs: 20_000,
      });
      return ports.ingress;
    },
  };
}

/** The arguments of an Envoy that runs from a file. */
export const envoyArgs = (file: string): readonly string[] => [
  ...['-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'],
];

const ENVOY: Program = {
  name: 'Envoy',
  command: envoyBinary,
  args: (folder) => envoyArgs(join(folder, 'envoy.yaml')),
};

export function envoyOverGrpc(change = asShipped): BedGateway {
  return gateway('grpc', 'envoy', ENVOY, change);
}

/** Envoy with `http_service`. */
export function envoyOverHttp(change = asShipped): BedGateway {
  return gateway('envoy', 'envoy-http', ENVOY, change);
}

export function caddy(change = asShipped): BedGateway {
  const args = (folder: string) => ['run', '--config', join(folder, 'Caddyfile')];
  return gateway('caddy', 'caddy', { name: 'Caddy', command: caddyBinary, args }, change);
}

export function nginx(binary: () => Promise<string>, change = asShipped): BedGateway {
  // Root's workers would be somebody else, who may not use the folder.
  const settings = process.getuid?.() === 0 ? 'daemon off; user root;' : 'daemon off;';
  const args = (folder: string) => ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr', '-g', settings];
  return gateway('nginx', 'nginx', { name: 'nginx', command: binary, args }, change);
}
