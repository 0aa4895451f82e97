/** Several Singlestate processes on one Valkey, as in a cluster: what is acknowledged by one must hold for all. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { stringify } from 'yaml';
import { createCaller } from '../../quickstart/caller.ts';
import { singlestate, SINGLESTATE } from '../../quickstart/command.ts';
import { startPart, untilReady, type Part } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { answersOk } from '../../quickstart/wait.ts';
import { checkMethod, encodeRequest } from '../unit/envoy/ext-authz-wire.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import { SCHEMA_VERSION } from '../../src/session/document.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import { createSessionId, partitionOf, sessionRef, type SessionRef } from '../../src/session/ref.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { createSessionTokenMinter, type SessionTokenMinter } from '../../src/token/mint.ts';
import { loadKeyRing } from '../../src/token/signing-keys.ts';
import { whenStoreAnswers } from './valkey.ts';

export interface Replica {
  readonly part: Part;
  readonly api: string;
  /** The check listener, HOST:PORT. */
  readonly address: string;
  /** The listener of the metrics, HOST:PORT. */
  readonly ops: string;
  /** One check of a GET with this session token: whether it was allowed, and else the reason. */
  check(token: string, path?: string): Promise<CheckResult>;
}

export interface CheckResult {
  readonly allowed: boolean;
  /** Set on the request to the app, where it was allowed. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the problem details, where it was refused. */
  readonly reason?: string;
}

export interface Opened {
  readonly ref: SessionRef;
  readonly token: string;
}

export interface Replicas extends AsyncDisposable {
  readonly valkey: RunningValkey;
  readonly replicas: readonly Replica[];
  /** Their configurations, keys, logs, and `NAME.jwt` of each caller; gone at the end. */
  readonly folder: string;
  /** A client of the same store, beside the replicas. */
  readonly store: SessionStore;
  /** A session of this subject of `SUBJECT_ISSUER`, straight into the store. */
  open(subject: string, providerSession?: string): Promise<Opened>;
  /** A JWT of the operator `on-call`, and of the app of that name. */
  credential(name: string): Promise<string>;
}

export const SUBJECT_ISSUER = 'https://idp.test';
export const TOKEN_ISSUER = 'https://sessions.test';
export const STORE_DEADLINE_MS = 2_000;

export interface ReplicasOptions {
  /** Merged over the replicas' own, key by key at the top; `listen` may name further listeners. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Get an identity each, by their name. */
  readonly apps?: readonly string[];
  /** Further arguments of Valkey. Without any it keeps nothing on disk. */
  readonly valkeyArguments?: readonly string[];
  /** How long a replica may take to be ready. Default 30 s. */
  readonly readyWithinMs?: number;
}

export async function startReplicas(count: number, options: ReplicasOptions = {}): Promise<Replicas> {
  const { config = {}, apps = [], valkeyArguments, readyWithinMs = 30_000 } = options;
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'singlestate-replicas-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const valkey = undo.use(await startValkey({ directory: folder, arguments: valkeyArguments }));
  for (const name of ['on-call', ...apps]) {
    const caller = await createCaller(folder, name);
    undo.defer(() => caller.stop());
  }
  const keysDir = join(folder, 'token-keys');
  await singlestate(['keys', 'generate', '--dir', keysDir]);
  const replicas = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startReplica(undo, { folder, index, valkey, config, readyWithinMs }),
    ),
  );
  const keys = await loadKeyRing(keysDir, Date.now());
  if (!keys.ok) throw new Error(keys.problems.join('\n'));
  const minter = createSessionTokenMinter({
    keyRing: () => keys.ring,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_ISSUER,
  });
  const store = createRedisStore({
    url: valkey.url,
    deadlineMs: 5_000,
    keyPrefix: 'singlestate:',
    sealer: () => unsealedText,
    audit: () => ({ maxEntries: 1_000_000, maxAgeMs: 86_400_000 }),
  });
  undo.defer(() => store.close());
  await whenStoreAnswers(store);
  const down = undo.move();
  return {
    valkey,
    replicas,
    folder,
    store,
    open: (subject, providerSession) => openSession(store, minter, subject, providerSession),
    credential: async (name) => (await readFile(join(folder, `${name}.jwt`), 'utf8')).trim(),
    [Symbol.asyncDispose]: () => down.disposeAsync(),
  };
}

const HOUR_MS = 3_600_000;

async function openSession(
  store: SessionStore,
  minter: SessionTokenMinter,
  subject: string,
  providerSession: string | undefined,
): Promise<Opened> {
  const nowMs = Date.now();
  const sessionId = createSessionId(partitionOf(SUBJECT_ISSUER, subject));
  const ref = sessionRef(sessionId);
  const expiresAtMs = nowMs + HOUR_MS;
  const created = await store.create({
    ref,
    document: {
      schema: SCHEMA_VERSION,
      identity: {
        provider: 'main',
        issuer: SUBJECT_ISSUER,
        subject,
        ...(providerSession !== undefined && { providerSession }),
      },
      authentication: { atMs: nowMs },
      scopes: [],
      attributes: {},
      slices: {},
      createdAtMs: nowMs,
      expiresAtMs,
    },
    idleTimeoutMs: HOUR_MS / 2,
    proof: { hash: ref.slice(3), validUntilMs: nowMs + 60_000 },
    nowMs,
    note: { action: 'session_created', actor: { kind: 'operator', name: 'test' } },
  });
  if (created.outcome !== 'created') throw new Error(`The session was not created: ${created.outcome}.`);
  const times = { nowMs, ttlMs: HOUR_MS, notAfterMs: expiresAtMs };
  const { token } = await minter.mintSessionToken({ sessionId, ...times });
  return { ref, token };
}

interface Place {
  readonly folder: string;
  readonly index: number;
  readonly valkey: RunningValkey;
  readonly config: Readonly<Record<string, unknown>>;
  readonly readyWithinMs: number;
}

async function startReplica(
  undo: AsyncDisposableStack,
  { folder, index, valkey, config, readyWithinMs }: Place,
): Promise<Replica> {
  const [check, api, ops] = [await freePort(), await freePort(), await freePort()];
  const configFile = join(folder, `replica-${index}.yaml`);
  const local = (port: number) => `127.0.0.1:${port}`;
  const whole = {
    check: { deadline: '5s', drainDelay: '0s' },
    store: { url: valkey.url, deadline: `${STORE_DEADLINE_MS}ms` },
    token: { issuer: TOKEN_ISSUER, keysDir: 'token-keys', ttl: '1h' },
    operators: [
      {
        name: 'on-call',
        issuer: 'quickstart',
        subject: 'on-call',
        audience: 'singlestate',
        jwksFile: 'on-call.jwks.json',
      },
    ],
    routes: [{ match: { path: '/me' }, require: { session: true } }],
    log: { decisions: 'off' },
    ...config,
    listen: {
      ...(config['listen'] as object | undefined),
      check: local(check),
      api: local(api),
      ops: local(ops),
    },
  };
  await writeFile(configFile, stringify(whole));
  const part = await startPart({
    name: `replica ${index}`,
    command: SINGLESTATE,
    args: ['serve', '--config', configFile],
    logFile: join(folder, `replica-${index}.log`),
  });
  undo.defer(() => part.stop());
  await untilReady(part, () => answersOk(`http://${local(ops)}/readyz`), { timeoutMs: readyWithinMs });
  const checks = openChecks(local(check));
  undo.defer(() => checks.close());
  const places = { api: `http://${local(api)}`, address: local(check), ops: local(ops) };
  return { part, ...places, check: checks.ask };
}

/** A client of one check listener, as Envoy is. */
export function openChecks(address: string): { ask: Replica['check']; close: () => void } {
  const client = new Client(address, credentials.createInsecure());
  return { ask: (token, path = '/me') => ask(client, token, path), close: () => client.close() };
}

interface WireAnswer {
  readonly status?: { readonly code?: number } | null;
  readonly okResponse?: {
    readonly headers?: readonly { readonly header?: { readonly key?: string; readonly value?: string } }[];
  } | null;
  readonly deniedResponse?: { readonly body?: string } | null;
}

function ask(client: Client, token: string, path: string): Promise<CheckResult> {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
  const http = { id: 'test', method: 'GET', host: 'app.test', path, headers };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      checkMethod.path,
      (request: Buffer) => request,
      (bytes) => checkMethod.responseDeserialize(bytes) as WireAnswer,
      encodeRequest({ attributes: { request: { http } } }),
      (error, answer) => {
        if (error) reject(error);
        else resolve(resultOf(answer ?? {}));
      },
    );
  });
}

function resultOf({ status, okResponse, deniedResponse }: WireAnswer): CheckResult {
  if ((status?.code ?? 0) === 0 && !deniedResponse) {
    const headers = (okResponse?.headers ?? []).map(({ header }) => [header?.key ?? '', header?.value ?? '']);
    return { allowed: true, headers: Object.fromEntries(headers) as Record<string, string> };
  }
  const { reason } = JSON.parse(deniedResponse?.body ?? '{}') as { reason?: string };
  return { allowed: false, ...(reason !== undefined && { reason }) };
}
