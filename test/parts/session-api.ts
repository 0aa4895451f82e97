/** The Session API on a free port: the real server, identities and token keys, the memory store, and all that it logs. */
import { createApiServer, type ApiServerOptions } from '../../src/api/api-server.ts';
import type { ApiDependencies } from '../../src/api/dependencies.ts';
import { createSharedKeys } from '../../src/identity/issuer-keys.ts';
import { createOperatorAuthenticator } from '../../src/identity/operator.ts';
import { createIdentityProvider } from '../../src/identity/provider.ts';
import { createWorkloadAuthenticator } from '../../src/identity/workload-authenticator.ts';
import { listen } from '../../src/net/listener.ts';
import type { TlsTermination } from '../../src/net/tls-termination.ts';
import { createLog } from '../../src/ops/log.ts';
import { createMemoryStore, type MemoryRecord } from '../../src/session/memory-store.ts';
import { createSessionTokenMinter } from '../../src/token/mint.ts';
import { createSessionTokenVerifier } from '../../src/token/verify.ts';
import { createIssuerKey, startTestIssuer, type IssuerKey, type TestIssuer } from './test-issuer.ts';
import { createTestRing } from './key-rings.ts';
import { createTestApps } from './session-api-apps.ts';

/** The nonce of every ID token, unless a test says otherwise. */
export const NONCE = 'n-0S6_WzA2Mj';
const MINUTE_MS = 60_000;
const ISSUER = 'https://sessions.test';

/** Two issuers, as in the field: one for users, one for operators. */
export interface Issuers extends AsyncDisposable {
  readonly idp: TestIssuer;
  readonly cluster: TestIssuer;
  readonly idpKey: IssuerKey;
  readonly clusterKey: IssuerKey;
}

export interface SessionApi extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** What the server uses; a test may swap a member for another, as a reload would. */
  readonly deps: { -readonly [Name in keyof ApiDependencies]: ApiDependencies[Name] };
  readonly records: Map<string, MemoryRecord>;
  /** What was counted, oldest first. */
  readonly counted: string[];
  /** The log so far, as text and as the fields of its calls. */
  readonly log: { text: string; calls(): Record<string, unknown>[] };
  /** An ID token of the provider `main` for alice. */
  idToken(claims?: Record<string, unknown>): Promise<string>;
  /** A JWT of the operator `on-call`. */
  operatorJwt(claims?: Record<string, unknown>, key?: IssuerKey): Promise<string>;
  /** A JWT of the app `billing`, or of another one. */
  appJwt(app?: string, claims?: Record<string, unknown>): Promise<string>;
}

export async function startIssuers(): Promise<Issuers> {
  const [idpKey, clusterKey] = await Promise.all([
    createIssuerKey('RS256', 'idp'),
    createIssuerKey('ES256', 'cluster'),
  ]);
  const [idp, cluster] = await Promise.all([startTestIssuer(idpKey), startTestIssuer(clusterKey)]);
  cluster.metadata = { id_token_signing_alg_values_supported: ['ES256'] };
  const stop = async () => {
    await Promise.all([idp[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()]);
  };
  return { idp, cluster, idpKey, clusterKey, [Symbol.asyncDispose]: stop };
}

export async function startSessionApi(
  { idp, cluster, idpKey, clusterKey }: Issuers,
  options: ApiServerOptions & { readonly operators?: boolean; readonly tls?: TlsTermination } = {},
): Promise<SessionApi> {
  const records = new Map<string, MemoryRecord>();
  const counted: string[] = [];
  const written = { text: '' };
  const fetching = {
    nowMs: Date.now,
    fetchTimeoutMs: 2_000,
    onFetchFailure: () => counted.push('fetch failed'),
  };
  const provider = createIdentityProvider(
    {
      ...{ name: 'main', issuer: idp.issuer, clientId: 'singlestate', scopes: ['openid'] },
      claims: { scopes: 'scope', attributes: { email_domain: 'hd' } },
    },
    fetching,
  );
  const operator = {
    name: 'on-call',
    issuer: cluster.issuer,
    subject: 'system:serviceaccount:ops:on-call',
    audience: 'singlestate',
  };
  const recognizing = { nowMs: Date.now, keysOf: createSharedKeys(fetching).of };
  const apps = await createTestApps(cluster.issuer);
  const { ring } = await createTestRing();
  const verifying = { keyRing: () => ring, issuer: ISSUER, audience: ISSUER, cacheSize: 100 };
  const minter = createSessionTokenMinter({ keyRing: () => ring, issuer: ISSUER, audience: ISSUER });
  const deps: SessionApi['deps'] = {
    store: createMemoryStore({ records }),
    limits: {
      ...{ idleTimeoutMs: 30 * MINUTE_MS, absoluteTimeoutMs: 60 * MINUTE_MS, maxBytes: 16_384 },
      ...{ carryOver: { slices: [], attributes: [] }, refreshGraceMs: 10_000 },
    },
    mint: (request) => minter.mintSessionToken({ ...request, ttlMs: 5 * MINUTE_MS }),
    nowMs: Date.now,
    onCreated: (name) => counted.push(`created ${name}`),
    onEnded: (cause, count) => counted.push(count === 1 ? `ended ${cause}` : `ended ${cause} ${count}`),
    onTokenIssued: (cause) => counted.push(`token ${cause}`),
    identityProviders: new Map([['main', provider]]),
    operators: await createOperatorAuthenticator(options.operators === false ? [] : [operator], recognizing),
    workloads: await createWorkloadAuthenticator(apps.config, recognizing),
    tokens: createSessionTokenVerifier(verifying),
    tokenIssuer: ISSUER,
    views: apps.views,
    writeRules: apps.writeRules,
    onWritten: (app, outcome) => counted.push(`write ${app} ${outcome}`),
    jwks: () => ring.publicJwks,
    log: createLog({
      level: 'debug',
      decisions: 'all',
      stream: { write: (line) => void (written.text += line) },
    }),
  };
  const listening = await listen(
    createApiServer(deps, options),
    { kind: 'tcp', host: '127.0.0.1', port: 0 },
    { name: 'api', tls: options.tls },
  );
  const port = listening.address.kind === 'tcp' ? listening.address.port : 0;
  const nowSeconds = () => Math.floor(Date.now() / 1000);
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    deps,
    records,
    counted,
    log: {
      get text() {
        return written.text;
      },
      calls: () => {
        const lines = written.text
          .trimEnd()
          .split('\n')
          .filter((line) => line !== '');
        return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      },
    },
    idToken: (claims) =>
      idpKey.sign({
        iss: idp.issuer,
        sub: 'alice',
        aud: 'singlestate',
        iat: nowSeconds(),
        exp: nowSeconds() + 300,
        nonce: NONCE,
        jti: crypto.randomUUID(),
        scope: 'invoices:read invoices:write',
        hd: 'example.com',
        sid: 'idp-session-1',
        acr: 'gold',
        amr: ['pwd', 'otp'],
        ...claims,
      }),
    operatorJwt: (claims, key = clusterKey) =>
      key.sign({
        iss: operator.issuer,
        sub: operator.subject,
        aud: operator.audience,
        iat: nowSeconds(),
        exp: nowSeconds() + 300,
        ...claims,
      }),
    appJwt: (app = 'billing', claims) =>
      clusterKey.sign({
        iss: cluster.issuer,
        sub: `system:serviceaccount:${app}:default`,
        aud: 'singlestate',
        iat: nowSeconds(),
        exp: nowSeconds() + 300,
        ...claims,
      }),
    [Symbol.asyncDispose]: () => listening.close(0),
  };
}
