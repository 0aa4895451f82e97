/** The whole demo on real parts: Valkey, an identity provider, two apps, Singlestate and Envoy; started and ended as one. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { createBillingApp } from '../examples/billing-app/app.ts';
import { createReportsApp } from '../examples/reports-app/app.ts';
import { ROOT, SINGLESTATE, singlestate } from './command.ts';
import { startDurableValkey } from './durable-valkey.ts';
import { startEnvoy } from './envoy.ts';
import { createCaller } from './caller.ts';
import { startPart, untilReady } from './part.ts';
import type { Part, PartOptions } from './part.ts';
import { envoyBinary, valkeyBinary } from './parts.ts';
import { assertPortFree, freePort } from './ports.ts';
import { startReaper } from './reaper.ts';
import type { Reaper } from './reaper.ts';
import type { RunningValkey } from './valkey.ts';
import { answersOk } from './wait.ts';
import { watchParts } from './watch.ts';
import type { Loss, Watch } from './watch.ts';

export interface StackOptions {
  /** Envoy's port on 127.0.0.1. Default: one that is free. */
  readonly port?: number;
  /**
   * Singlestate's configuration. Default: quickstart/singlestate.yaml. It has the variables CHECK_PORT, API_PORT,
   * OPS_PORT, VALKEY_PORT, DEMO_ISSUER, ORIGIN (Envoy's) and RUN_DIR.
   */
  readonly configFile?: string;
  /** Gives up the start-up; what was started until then is ended. */
  readonly signal?: AbortSignal;
  /** How long after its end Valkey is started again, as an orchestrator would do it. Default: it stays ended. */
  readonly restartValkeyAfterMs?: number;
  /** Told of Valkey's ends and starts, in sentences. */
  readonly say?: (sentence: string) => void;
}

export interface Stack extends AsyncDisposable {
  /** Envoy: `http://127.0.0.1:PORT`, as are `admin`, `api`, `ops`, `billing`, `reports` and `issuer`. */
  readonly url: string;
  readonly admin: string;
  /** The Session API. */
  readonly api: string;
  readonly ops: string;
  /** The gRPC check listener, HOST:PORT. */
  readonly check: string;
  /** The demo apps, without Envoy before them. */
  readonly billing: string;
  readonly reports: string;
  /** The demo identity provider. */
  readonly issuer: string;
  readonly valkey: RunningValkey;
  readonly singlestate: Part;
  readonly envoy: Part;
  /** The JWT of the operator who may use the Session API. */
  readonly credentialFile: string;
  /** Logs, keys and configurations; gone after `stop`. */
  readonly folder: string;
  /** Resolves when Envoy, Singlestate or the identity provider ended though nobody stopped the stack. */
  readonly loss: Promise<Loss>;
  /** Ends every part, front to back, and removes the folder. May be called again. */
  stop(): Promise<void>;
}

/**
 * Resolves once requests to Envoy are decided. What was started is ended where that fails.
 * @throws PartError, PortError, or Error with the end of the log of the part that did not start.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { signal } = options;
  if (options.port !== undefined) await assertPortFree(options.port);
  const [envoyProgram, valkeyProgram] = await unlessAborted(
    Promise.all([envoyBinary(), valkeyBinary()]),
    signal,
  );

  await using undo = new AsyncDisposableStack();
  const folder = await makeFolder(undo);
  const reaper = startReaper(folder);
  undo.defer(() => reaper.end());
  const building: Building = { folder, undo, reaper, watch: watchParts(), signal };
  const operator = await createCaller(folder, 'operator');
  undo.defer(() => operator.stop());
  const billingIdentity = await createCaller(folder, 'billing');
  undo.defer(() => billingIdentity.stop());
  const ports = await choosePorts(options.port);
  const origin = local(ports.ingress);
  const valkey = await startStore(building, valkeyProgram, options);
  const issuer = await startProvider(building, origin, local(ports.api));
  const server = await startServer(building, { options, valkey, issuer, origin, ports });
  const { credentialFile } = billingIdentity;
  const billing = await startApp(building, createBillingApp({ api: local(ports.api), credentialFile }));
  const reports = await startApp(building, createReportsApp());
  const envoy = await startEnvoy({
    binary: envoyProgram,
    folder,
    ports: { ...ports, billing, reports },
    reaper,
    signal,
    onStart: (part) => keep(building, part),
  });
  undo.defer(() => building.watch.stopping());

  const everything = undo.move();
  let stopped: Promise<void> | undefined;
  const stop = async () => (stopped ??= everything.disposeAsync());
  return {
    url: origin,
    admin: local(ports.admin),
    api: local(ports.api),
    ops: local(ports.ops),
    check: `127.0.0.1:${ports.check}`,
    billing: local(billing),
    reports: local(reports),
    issuer,
    valkey,
    singlestate: server,
    envoy,
    credentialFile: operator.credentialFile,
    folder,
    loss: building.watch.loss,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** What every part is started with, and what ends it again. */
interface Building {
  readonly folder: string;
  readonly undo: AsyncDisposableStack;
  readonly reaper: Reaper;
  readonly watch: Watch;
  readonly signal: AbortSignal | undefined;
}

/** Envoy's and Singlestate's, chosen before anything starts: the identity provider must know where browsers come back to. */
async function choosePorts(ingress: number | undefined) {
  return {
    ingress: ingress ?? (await freePort()),
    admin: await freePort(),
    check: await freePort(),
    api: await freePort(),
    ops: await freePort(),
  };
}

const START_MS = 30_000;
const local = (port: number) => `http://127.0.0.1:${port}`;

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(signal.reason as Error);
  signal.addEventListener('abort', giveUp, { once: true });
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', giveUp));
}

async function makeFolder(undo: AsyncDisposableStack): Promise<string> {
  await mkdir(join(ROOT, '.run'), { recursive: true });
  const folder = await mkdtemp(join(ROOT, '.run', 'stack-'));
  undo.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** From here on the part is ended with the rest, and its own end is noticed. */
function keep({ watch, undo }: Building, part: Part): void {
  watch.part(part);
  undo.defer(() => part.stop());
}

async function startKept(
  building: Building,
  options: Omit<PartOptions, 'logFile' | 'reaper'> & { readonly log: string; readonly readyUrl: string },
): Promise<Part> {
  const { folder, reaper } = building;
  const part = await startPart({ ...options, logFile: join(folder, options.log), reaper });
  keep(building, part);
  const ready = { timeoutMs: START_MS, signal: building.signal };
  await untilReady(part, () => answersOk(options.readyUrl), ready);
  return part;
}

async function startStore(
  { folder, undo, reaper, signal }: Building,
  binary: string,
  { restartValkeyAfterMs: restartAfterMs, say }: StackOptions,
): Promise<RunningValkey> {
  signal?.throwIfAborted();
  const { valkey, stop } = await startDurableValkey({ binary, folder, reaper, restartAfterMs, say });
  undo.defer(stop);
  return valkey;
}

/**
 * A process of its own, as its library prints to the terminal of whoever loads it. Browsers come back from it to `origin`;
 * when a user logs out there, it tells Singlestate at `api`.
 */
async function startProvider(building: Building, origin: string, api: string): Promise<string> {
  const port = await freePort();
  const secret = randomBytes(32).toString('base64url');
  await writeFile(join(building.folder, 'client-secret'), secret, { mode: 0o600 });
  await startKept(building, {
    name: 'The identity provider',
    command: process.execPath,
    args: [join(ROOT, 'examples', 'identity-provider', 'provider.ts')],
    env: { PORT: String(port), CLIENT_SECRET: secret, ORIGIN: origin, API: api },
    log: 'identity-provider.log',
    readyUrl: `${local(port)}/.well-known/openid-configuration`,
  });
  return local(port);
}

/** In this process, as it does next to nothing. Resolves to its port. */
async function startApp({ undo }: Building, app: Server & { closeAllConnections(): void }): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    app.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  undo.defer(async () => {
    const closed = new Promise<void>((resolve) => app.close(() => resolve()));
    app.closeAllConnections();
    await closed;
  });
  return (app.address() as AddressInfo).port;
}

interface ServerPlace {
  readonly options: StackOptions;
  readonly valkey: RunningValkey;
  readonly issuer: string;
  readonly origin: string;
  readonly ports: { readonly check: number; readonly api: number; readonly ops: number };
}

async function startServer(building: Building, place: ServerPlace): Promise<Part> {
  const { folder, signal } = building;
  const { options, valkey, issuer, origin, ports } = place;
  await singlestate(['keys', 'generate', '--dir', join(folder, 'token-keys')], signal);
  await singlestate(['keys', 'generate', '--use', 'enc', '--dir', join(folder, 'sealing-keys')], signal);
  return startKept(building, {
    name: 'Singlestate',
    command: SINGLESTATE,
    args: ['serve', '--config', options.configFile ?? join(import.meta.dirname, 'singlestate.yaml')],
    env: {
      CHECK_PORT: String(ports.check),
      API_PORT: String(ports.api),
      OPS_PORT: String(ports.ops),
      VALKEY_PORT: String(valkey.port),
      DEMO_ISSUER: issuer,
      ORIGIN: origin,
      RUN_DIR: folder,
    },
    log: 'singlestate.log',
    readyUrl: `${local(ports.ops)}/readyz`,
  });
}
