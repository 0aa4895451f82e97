/** A replica to which everything happens that its metrics count: for what asks Prometheus about it. */
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { freePort } from '../../quickstart/ports.ts';
import { waitUntil } from '../../quickstart/wait.ts';
import { createStandInApiServer } from './api-server-stand-in.ts';
import { createTestCa } from './certificates.ts';
import { startReplicas, SUBJECT_ISSUER, TOKEN_ISSUER, type Replica, type Replicas } from './replicas.ts';
import { overJson, type Call } from './session-api-callers.ts';
import { createIssuerKey, startTestIssuer, type IssuerKey } from './test-issuer.ts';
import { rawClient } from './valkey.ts';

const MINUTE_MS = 60_000;
const MAX_IN_FLIGHT = 8;
const NONCE = 'n-0S6_WzA2Mj';

export interface EventfulReplica extends AsyncDisposable {
  /** The listener of its metrics, HOST:PORT. */
  readonly ops: string;
  /** Sessions are opened, written, refreshed and ended in every way; a changed configuration is refused. */
  everydayLife(): Promise<void>;
  /** While the store is silent: more checks than are taken at once, and a revocation. From then on it is gone. */
  outage(): Promise<void>;
  /** Checks that can't be decided, and connections that TLS refuses. */
  someFailures(): Promise<void>;
}

interface Scene extends Pick<Replicas, 'open' | 'store' | 'valkey' | 'folder'> {
  readonly replica: Replica;
  /** Of the Session API, in the name of `on-call` or of an app. @throws Error where its code is another one. */
  readonly call: (name: Call, body: JsonObject, caller?: string, code?: string) => Promise<JsonObject>;
  readonly idToken: () => Promise<string>;
}

export async function startEventfulReplica(): Promise<EventfulReplica> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'singlestate-eventful-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const key = await createIssuerKey('ES256', 'idp');
  const idp = undo.use(await startTestIssuer(key));
  idp.metadata = { id_token_signing_alg_values_supported: ['ES256'] };
  const tlsPort = await freePort();
  const config = { ...configOf(idp.issuer), ...(await tlsConfig(folder, tlsPort)) };
  await writeFile(join(folder, 'cart.json'), '{}');
  // It is gone as soon as the replica is ready; a collector of traces was never there.
  const apiServer = await createStandInApiServer();
  await apiServer.start();
  await writeFile(join(folder, 'kubeconfig'), apiServer.kubeconfig);
  const kubernetes = { sessionRoutes: true, kubeconfigFile: join(folder, 'kubeconfig') };
  const tracing = { endpoint: `http://127.0.0.1:${await freePort()}` };
  const apps = { billing: { ...BILLING, writes: { cart: join(folder, 'cart.json') } } };
  const whole = { ...config, apps, kubernetes, tracing };
  const replicas = undo.use(await startReplicas(1, { apps: ['billing'], config: whole }));
  const [replica] = replicas.replicas;
  if (replica === undefined) throw new Error('There is no replica.');
  const scene: Scene = {
    ...replicas,
    replica,
    idToken: () => signIdToken(key, idp.issuer),
    async call(name, body, caller = 'on-call', expected = 'ok') {
      const answer = await overJson(replica.api, name, body, await replicas.credential(caller));
      if (answer.code !== expected) throw new Error(`${name}: ${answer.code} (${answer.message ?? ''})`);
      return answer.body;
    },
  };
  await apiServer[Symbol.asyncDispose]();
  await untilMetrics(replica, /^singlestate_kubernetes_watch_up\{resource="sessionroutes"\} 0$/m);
  const { token } = await replicas.open('dave');
  const down = undo.move();
  return {
    ops: replica.ops,
    async everydayLife() {
      await loginAndWrite(scene);
      await everyEnd(scene);
      await appendFile(join(replicas.folder, 'replica-0.yaml'), 'nonsense: true\n');
      await untilMetrics(replica, /^singlestate_config_last_reload_successful 0$/m);
    },
    async outage() {
      replicas.valkey.pause();
      const checks = Array.from({ length: MAX_IN_FLIGHT + 4 }, () => replica.check(token));
      await scene.call('revokeSession', { ref: ANY_REF, reason: 'SEC-17' }, 'on-call', 'unavailable');
      await Promise.all(checks);
      await replicas.valkey.kill();
    },
    async someFailures() {
      await Promise.all(Array.from({ length: 4 }, () => replica.check(token)));
      await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, () => speakNoTls(tlsPort)));
    },
    [Symbol.asyncDispose]: () => down.disposeAsync(),
  };
}

const ANY_REF = '3f.k1vXN2s0gq7d2mYzQf3a0w';

const BILLING = {
  identities: [
    { issuer: 'quickstart', subject: 'billing', audience: 'singlestate', jwksFile: 'billing.jwks.json' },
  ],
  reads: { slices: ['cart'] },
};

function configOf(issuer: string): Record<string, unknown> {
  return {
    check: { deadline: '5s', drainDelay: '0s', maxInFlight: MAX_IN_FLIGHT },
    token: { issuer: TOKEN_ISSUER, keysDir: 'token-keys', ttl: '1h', refreshGrace: '0ms' },
    identityProviders: [{ name: 'main', issuer, clientId: 'singlestate' }],
    routes: [{ match: { path: '/me' }, app: 'billing', require: { session: true } }],
  };
}

/** The listener `http` has a certificate that has lived for 59 of its 60 minutes. */
async function tlsConfig(folder: string, port: number): Promise<Record<string, unknown>> {
  const [notBefore, notAfter] = [-59, 1].map((minutes) => new Date(Date.now() + minutes * MINUTE_MS));
  const { certificate, key } = createTestCa('root').issue({
    dns: ['localhost'],
    ...(notBefore && { notBefore }),
    ...(notAfter && { notAfter }),
  });
  const [certFile, keyFile] = [join(folder, 'http.pem'), join(folder, 'http.key')];
  await writeFile(certFile, certificate);
  await writeFile(keyFile, key);
  return { listen: { http: `127.0.0.1:${port}` }, tls: { http: { certFile, keyFile } } };
}

function signIdToken(key: IssuerKey, iss: string): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  const who = { iss, sub: 'alice', aud: 'singlestate', nonce: NONCE, jti: crypto.randomUUID() };
  return key.sign({ ...who, iat, exp: iat + 300 });
}

async function loginAndWrite({ call, replica, idToken }: Scene): Promise<void> {
  const login = { provider: 'main', id_token: await idToken(), nonce: NONCE, refreshable: true };
  const { session, token, refresh_token } = await call('createSession', login);
  const { ref } = session as { readonly ref: string };
  const changes = [{ slice: 'cart', value: { items: 1 } }];
  await call('updateSession', { ref, expected_version: 1, changes, reason: 'cart.changed' }, 'billing');
  const { allowed } = await replica.check(token as string);
  if (!allowed) throw new Error('A session that was just opened is not allowed.');
  await call('refreshSession', { refresh_token: refresh_token ?? '' });
  await call('refreshSession', { refresh_token: refresh_token ?? '' }, 'on-call', 'unauthenticated');
}

async function everyEnd({ call, replica, valkey, ...replicas }: Scene): Promise<void> {
  const [revoked, corrupt] = [await replicas.open('bob'), await replicas.open('carol')];
  await call('revokeSession', { ref: revoked.ref, reason: 'SEC-17' });
  await call('revokeSessions', { subject: { issuer: SUBJECT_ISSUER, subject: 'erin' }, reason: 'SEC-17' });
  await replica.check(revoked.token);
  const [partition = '', hash = ''] = corrupt.ref.split('.');
  const redis = rawClient(valkey.url);
  await redis.hset(`singlestate:{${partition}}:session:${hash}`, 'document', '{');
  redis.disconnect();
  await replica.check(corrupt.token);
  await untilMetrics(replica, /^singlestate_sessions_ended_total\{cause="corrupt"\} 1$/m);
}

async function untilMetrics({ ops }: Replica, expected: RegExp): Promise<void> {
  const isThere = async () => expected.test(await (await fetch(`http://${ops}/metrics`)).text());
  await waitUntil(isThere, { what: `${expected.source} in the metrics`, timeoutMs: 15_000 });
}

function speakNoTls(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\n\r\n'));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.resume();
  });
}
