/**
 * A real Envoy in front of a demo app, asking a Singlestate in this process on a real Valkey: what a test of the wire
 * needs, with seams for time and for injected faults.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { request as httpRequest, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument, stringify, type Document } from 'yaml';
import { createDemoApp, type Received } from '../../examples/demo-app/app.ts';
import { envoyConfig } from '../../quickstart/envoy.ts';
import { startPart, untilReady } from '../../quickstart/part.ts';
import { envoyBinary } from '../../quickstart/parts.ts';
import { freePort } from '../../quickstart/ports.ts';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { answersOk, waitUntil } from '../../quickstart/wait.ts';
import type { Config } from '../../src/config/schema.ts';
import { formatAddress, type Address } from '../../src/net/address.ts';
import { createLog } from '../../src/ops/log.ts';
import { startServer, type RunningServer, type ServerOptions } from '../../src/server/start.ts';
import { generateSealingKey } from '../../src/sealing/key-files.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import type { AuditNote } from '../../src/session/audit.ts';
import { SCHEMA_VERSION, type SessionDocument } from '../../src/session/document.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import {
  createSessionId,
  partitionOf,
  sessionRef,
  type SessionId,
  type SessionRef,
} from '../../src/session/ref.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { generateKey } from '../../src/token/key-files.ts';
import { createSessionTokenMinter, type SessionTokenMinter } from '../../src/token/mint.ts';
import { loadKeyRing } from '../../src/token/signing-keys.ts';

export const ISSUER = 'https://sessions.test';

export interface BedOptions {
  /** Merged over the bed's own configuration, key by key at the top. */
  readonly config?: Readonly<Record<string, unknown>> & {
    readonly check?: object;
    readonly store?: object;
    readonly http?: object;
  };
  readonly seams?: ServerOptions['seams'];
  /** Another gateway in place of the shipped Envoy. */
  readonly gateway?: BedGateway;
  /** Changes the shipped Envoy configuration; paths as `yaml` takes them. */
  readonly envoy?: (document: Document) => void;
  /** What the app adds to each of its responses. */
  readonly appHeaders?: Readonly<Record<string, string | string[]>>;
}

/** Ports on 127.0.0.1, of what a gateway has to know. */
export interface GatewayPorts {
  /** The listener that it asks: `http`, or `check` where it asks over gRPC. */
  readonly checks: number;
  readonly api: number;
  readonly ops: number;
  readonly app: number;
}

export interface BedGateway {
  /** What `http.gateway` says of it; without it, it asks over gRPC. */
  readonly kind?: Config['http']['gateway'] | undefined;
  /** Starts it with its files in the folder, to be ended by `undo`. Resolves to its port, once it takes requests. */
  readonly start: (ports: GatewayPorts, folder: string, undo: AsyncDisposableStack) => Promise<number>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** What reached the app, where the app answered. */
  readonly received: Received | undefined;
}

export interface Ask {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Which of the loopback addresses to come from. */
  readonly localAddress?: string;
}

export interface OpenedSession {
  readonly id: SessionId;
  readonly ref: SessionRef;
  readonly token: string;
  /** The headers of a browser that has the session. */
  readonly cookie: { readonly cookie: string };
  readonly document: SessionDocument;
}

export interface Bed extends AsyncDisposable {
  readonly url: string;
  /** Envoy's admin interface, where the gateway is the bed's own Envoy. */
  readonly admin: string;
  readonly server: RunningServer;
  readonly valkey: RunningValkey;
  /** A second client of the same store. */
  readonly store: SessionStore;
  readonly minter: SessionTokenMinter;
  readonly configFile: string;
  readonly envoyLog: string;
  /** Every log line of Singlestate so far. */
  readonly lines: string[];
  /** The path as it is on the request line: nothing is normalised on the way to Envoy. */
  ask(path: string, ask?: Ask): Promise<Answer>;
  open(document?: Partial<SessionDocument>): Promise<OpenedSession>;
  metrics(): Promise<string>;
}

const SEALING_KEYS = 'sealing-keys';
const PROVIDER_SECRET = 'idp-secret';

/** What a configuration needs so that routes may send browsers to log in. Nobody is at home at the provider. */
export const WITH_LOGIN = {
  login: { origins: ['https://app.test'] },
  // The second client of the store seals nothing.
  sealing: { keysDir: SEALING_KEYS, acceptUnsealed: true },
  identityProviders: [
    { name: 'test', issuer: 'https://idp.test', clientId: 'app', clientSecretFile: PROVIDER_SECRET },
  ],
};

const CONFIG = {
  listen: { check: '127.0.0.1:0', api: '127.0.0.1:0', ops: '127.0.0.1:0' },
  token: { issuer: ISSUER, keysDir: 'keys', ttl: '1h' },
  // Long enough for a busy machine: what a deadline does is shown where it is the point.
  store: { deadline: '1s' },
  check: { deadline: '2s', drainDelay: '0s' },
  apps: {
    billing: {
      reads: { scopes: ['invoices:*'], attributes: ['email_domain'], slices: ['cart'] },
      assertion: true,
    },
    reports: { reads: { scopes: ['reports:*'] } },
  },
  routes: [
    { match: { path: '/public/{rest*}' }, require: { public: true } },
    { match: { path: '/home' }, require: { optional: true } },
    { match: { path: '/me' }, require: { session: true } },
    { match: { path: '/shadow' }, app: 'billing', require: { all: ['invoices:read'] }, mode: 'shadow' },
    {
      match: { path: '/billing/invoices/{id}', methods: ['GET'] },
      app: 'billing',
      require: { all: ['invoices:read'] },
    },
    {
      match: { path: '/reports/{rest*}' },
      app: 'reports',
      require: { any: ['reports:read', 'reports:admin'] },
    },
    {
      match: { path: '/vault' },
      require: { session: true },
      authentication: { acr: ['gold'], maxAge: '5m' },
    },
    { match: { path: '/own-csrf' }, require: { session: true }, csrf: false },
    {
      match: { path: '/tenants/{tenant}/users' },
      app: 'billing',
      require: { all: ['tenant:{tenant}:read'] },
    },
  ],
};

/** Starts all of it; ends it with `await using`. */
export async function createBed(options: BedOptions = {}): Promise<Bed> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'singlestate-e2e-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const valkey = undo.use(await startValkey());

  const keysDir = join(folder, 'keys');
  await generateKey(keysDir, 'EdDSA', Date.now());
  await generateSealingKey(join(folder, SEALING_KEYS), Date.now());
  await writeFile(join(folder, PROVIDER_SECRET), 'secret');
  const configFile = join(folder, 'singlestate.yaml');
  const { store: storeConfig, check, ...rest } = { ...CONFIG, ...options.config };
  const kind = options.gateway?.kind;
  const http = kind && { gateway: kind, ...options.config?.http };
  const config = {
    ...rest,
    ...(http && { http, listen: { ...CONFIG.listen, http: '127.0.0.1:0' } }),
    check: { ...CONFIG.check, ...check },
    store: { url: valkey.url, ...storeConfig },
  };
  await writeFile(configFile, stringify(config));

  const lines: string[] = [];
  const settings = {
    level: 'debug',
    decisions: 'all',
    stream: { write: (line: string) => void lines.push(line) },
  } as const;
  const seams = { log: createLog(settings), ...options.seams };
  const server = await startServer({ configFile, env: {}, version: '0.0.0-test', seams });
  undo.defer(() => server.stop());
  const ops = formatAddress(server.addresses.ops);
  await waitUntil(() => answersOk(`http://${ops}/readyz`), {
    what: "Singlestate's readiness",
    timeoutMs: 10_000,
  });

  const proxy = await startProxy(undo, folder, server, options);
  const store = createRedisStore({
    url: valkey.url,
    deadlineMs: 5_000,
    keyPrefix: 'singlestate:',
    sealer: () => unsealedText,
    audit: () => ({ maxEntries: 1_000_000, maxAgeMs: 86_400_000 }),
  });
  undo.defer(() => store.close());
  await waitUntil(
    () =>
      store.ping().then(
        () => true,
        () => false,
      ),
    { what: 'the store', timeoutMs: 10_000 },
  );
  const keys = await loadKeyRing(keysDir, Date.now());
  if (!keys.ok) throw new Error(keys.problems.join('\n'));
  const minter = createSessionTokenMinter({ keyRing: () => keys.ring, issuer: ISSUER, audience: ISSUER });

  const down = undo.move();
  return {
    ...proxy,
    server,
    valkey,
    store,
    minter,
    configFile,
    envoyLog: join(folder, 'envoy.log'),
    lines,
    ask: (path, ask) => askEnvoy(proxy.url, path, ask),
    open: (document) => openSession(store, minter, document),
    metrics: async () => (await fetch(`http://${ops}/metrics`)).text(),
    [Symbol.asyncDispose]: () => down.disposeAsync(),
  };
}

async function startProxy(
  undo: AsyncDisposableStack,
  folder: string,
  server: RunningServer,
  { envoy: change, appHeaders = {}, gateway }: BedOptions,
): Promise<Pick<Bed, 'url' | 'admin'>> {
  const app = createDemoApp();
  app.prependListener('request', (_, response: ServerResponse) => {
    for (const [name, value] of Object.entries(appHeaders)) response.setHeader(name, value);
  });
  await new Promise<void>((resolve) => void app.listen(0, '127.0.0.1', resolve));
  undo.defer(() => {
    app.closeAllConnections();
    app.close();
  });
  const { check, http, api, ops } = server.addresses;
  const appPort = (app.address() as AddressInfo).port;
  if (gateway !== undefined) {
    const checks = portOf(gateway.kind === undefined ? check : http);
    const given = { checks, api: portOf(api), ops: portOf(ops), app: appPort };
    return { url: `http://127.0.0.1:${await gateway.start(given, folder, undo)}`, admin: '' };
  }
  const ports = {
    ingress: await freePort(),
    admin: await freePort(),
    check: portOf(check),
    api: portOf(api),
    billing: appPort,
    reports: appPort,
  };
  const document = parseDocument(await envoyConfig(ports));
  // As long as the check's own deadline in a bed, so that it is Singlestate's answer that is seen.
  document.setIn([...EXT_AUTHZ, 'grpc_service', 'timeout'], '5s');
  change?.(document);
  const file = join(folder, 'envoy.yaml');
  await writeFile(file, document.toString({ lineWidth: 0 }));
  const quiet = ['--disable-hot-restart', '--log-level', 'warning', '--concurrency', '1'];
  const args = ['-c', file, ...quiet, '--file-flush-interval-msec', '50'];
  const part = await startPart({
    name: 'Envoy',
    command: await envoyBinary(),
    args,
    logFile: join(folder, 'envoy.log'),
  });
  undo.defer(() => part.stop());
  await untilReady(part, () => answersOk(`http://127.0.0.1:${ports.admin}/ready`), { timeoutMs: 20_000 });
  return { url: `http://127.0.0.1:${ports.ingress}`, admin: `http://127.0.0.1:${ports.admin}` };
}

function portOf(address: Address | undefined): number {
  if (address?.kind !== 'tcp') throw new Error('a gateway is given ports');
  return address.port;
}

/** Where things are in deploy/envoy/envoy.yaml. */
export const HCM = [
  'static_resources',
  'listeners',
  0,
  'filter_chains',
  0,
  'filters',
  0,
  'typed_config',
] as const;
export const EXT_AUTHZ = [...HCM, 'http_filters', 0, 'typed_config'] as const;

/** Takes out what Envoy does against forged headers and odd paths, so that only Singlestate is left to do it. */
export function unguarded(document: Document): void {
  document.deleteIn([...HCM, 'early_header_mutation_extensions']);
  document.deleteIn([...HCM, 'common_http_protocol_options', 'headers_with_underscores_action']);
  document.setIn([...HCM, 'normalize_path'], false);
  document.setIn([...HCM, 'merge_slashes'], false);
  document.setIn([...HCM, 'path_with_escaped_slashes_action'], 'KEEP_UNCHANGED');
}

function askEnvoy(
  url: string,
  path: string,
  { method = 'GET', token, headers = {}, localAddress }: Ask = {},
): Promise<Answer> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, {
      method,
      path,
      headers: { ...authorization, ...headers },
      agent: false,
      ...(localAddress !== undefined && { localAddress }),
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const [status, body] = [response.statusCode ?? 0, Buffer.concat(chunks).toString()];
        const received = status === 200 ? (JSON.parse(body) as Received) : undefined;
        resolve({ status, headers: response.headers, body, received });
      });
    });
    request.end();
  });
}

let subjects = 0;

async function openSession(
  store: SessionStore,
  minter: SessionTokenMinter,
  change: Partial<SessionDocument> = {},
): Promise<OpenedSession> {
  const nowMs = Date.now();
  const identity = { provider: 'test', issuer: 'https://idp.test', subject: `user-${(subjects += 1)}` };
  const document: SessionDocument = {
    schema: SCHEMA_VERSION,
    identity,
    authentication: { atMs: nowMs },
    scopes: ['invoices:read'],
    attributes: {},
    slices: {},
    createdAtMs: nowMs,
    expiresAtMs: nowMs + 3_600_000,
    ...change,
  };
  const id = createSessionId(partitionOf(document.identity.issuer, document.identity.subject));
  const ref = sessionRef(id);
  const proof = { hash: ref.slice(3), validUntilMs: nowMs + 60_000 };
  await store.create({ ref, document, idleTimeoutMs: 1_800_000, proof, nowMs, note: CREATED });
  const { token } = await minter.mintSessionToken({
    sessionId: id,
    nowMs,
    ttlMs: 3_600_000,
    notAfterMs: Infinity,
  });
  return { id, ref, token, cookie: { cookie: `__Host-session=${token}` }, document };
}

const CREATED: AuditNote = { action: 'session_created', actor: { kind: 'singlestate', name: 'test' } };

/** Ends a session by the second client of the store. */
export async function revoke({ store }: Pick<Bed, 'store'>, ref: SessionRef): Promise<void> {
  const note: AuditNote = { ...CREATED, action: 'session_revoked' };
  await store.revoke({ ref, cause: 'operator', nowMs: Date.now(), note });
}

/** The configuration file of a bed, changed in place. */
export async function changeConfig(bed: Bed, change: (text: string) => string): Promise<void> {
  await writeFile(bed.configFile, change(await readFile(bed.configFile, 'utf8')));
}
