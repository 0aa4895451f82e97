/** An ext_authz server under measurement: a process, and the port where it answers Check. */
import { join } from 'node:path';
import { startPart } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { accepts, whenReady } from './readiness.ts';
import type { Run } from './run.ts';

export interface CheckServer {
  readonly pid: number;
  /** Of 127.0.0.1. */
  readonly checkPort: number;
  readonly transport: CheckTransport;
}

/** How Envoy asks there: by its `grpc_service` or its `http_service`. */
export type CheckTransport = 'grpc' | 'http';

export interface CheckServerOptions {
  readonly name: string;
  readonly command: string;
  /** The arguments that make it listen on `port` of 127.0.0.1. */
  readonly argsFor: (port: number) => readonly string[];
  /** Takes its output, in place of a file in the run's folder. */
  readonly logFile?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default `grpc`. */
  readonly transport?: CheckTransport;
}

/** Resolves once the server accepts connections. It ends with the run. */
export async function startCheckServer(run: Run, options: CheckServerOptions): Promise<CheckServer> {
  const { name, command } = options;
  const checkPort = await freePort();
  const args = options.argsFor(checkPort);
  const { env = {}, transport = 'grpc' } = options;
  const part = await startPart({
    env,
    name,
    command,
    args,
    logFile: options.logFile ?? join(run.dir, `${name}.log`),
  });
  run.atEnd(() => part.stop());
  await whenReady(part, () => accepts(checkPort));
  return { pid: part.pid, checkPort, transport };
}
