/** Apps that prove themselves: by a client certificate, and by tokens whose keys a Kubernetes API server guards. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AppConfig } from '../../src/config/schema.ts';
import { SessionService } from '../../src/gen/singlestate/session/v1/session_pb.ts';
import { createSharedKeys } from '../../src/identity/issuer-keys.ts';
import { createWorkloadAuthenticator } from '../../src/identity/workload-authenticator.ts';
import { createTlsTermination } from '../../src/net/tls-termination.ts';
import { createTestCa, type Identity } from '../parts/certificates.ts';
import { startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';
import { createIssuerKey, type IssuerKey } from '../parts/test-issuer.ts';

const ca = createTestCa('cluster');
const server = ca.issue({ dns: ['localhost'], ips: ['127.0.0.1'] });
const ABSENT_REF = '3f.AAAAAAAAAAAAAAAAAAAAAA';

describe('a client certificate', () => {
  let issuers: Issuers;
  let api: SessionApi;

  beforeAll(async () => {
    issuers = await startIssuers();
    const tls = createTlsTermination({
      material: {
        certificates: server.certificate,
        key: server.key,
        clientCas: [new X509Certificate(ca.certificate)],
      },
      protocols: ['h2', 'http/1.1'],
      clientCertificate: 'optional',
      onRefused: () => undefined,
    });
    api = await startSessionApi(issuers, { tls });
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await issuers[Symbol.asyncDispose]();
  });

  const tlsOptions = (identity?: Identity) => ({
    ca: ca.certificate,
    ...(identity && { cert: identity.certificate, key: identity.key }),
  });
  const transports = [
    [
      'gRPC',
      (identity?: Identity) => createGrpcTransport({ baseUrl: api.url, nodeOptions: tlsOptions(identity) }),
    ],
    [
      'Connect over HTTP/1.1',
      (identity?: Identity) =>
        createConnectTransport({ baseUrl: api.url, httpVersion: '1.1', nodeOptions: tlsOptions(identity) }),
    ],
  ] as const;

  test.each(transports)('C2 names the app, over %s', async (_name, transportOf) => {
    const billing = ca.issue({ uris: ['spiffe://cluster.test/billing'] });
    const sessions = createClient(SessionService, transportOf(billing));
    await expect(sessions.getSession({ ref: ABSENT_REF })).rejects.toThrow(/^\[not_found\]/);
    await expect(sessions.createSession({ provider: 'main', idToken: 'a.b.c', nonce: 'x' })).rejects.toThrow(
      /^\[permission_denied\]/,
    );
    expect(api.log.calls().at(-1)).toMatchObject({ app: 'billing', code: 'permission_denied' });
  });

  test.each(transports)('E3 of somebody else, or none, names nobody, over %s', async (_name, transportOf) => {
    for (const identity of [ca.issue({ uris: ['spiffe://cluster.test/other'] }), undefined]) {
      const sessions = createClient(SessionService, transportOf(identity));
      await expect(sessions.getSession({ ref: ABSENT_REF })).rejects.toThrow(/^\[unauthenticated\]/);
    }
  });

  test('is a credential at the OAuth endpoints as well', async () => {
    const billing = ca.issue({ uris: ['spiffe://cluster.test/billing'] });
    const answer = await new Promise<string>((resolve, reject) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const request = https.request(
        `${api.url}/oauth2/introspect`,
        { method: 'POST', headers, ...tlsOptions(billing) },
        (response) => {
          response.toArray().then((chunks) => resolve(Buffer.concat(chunks as Buffer[]).toString()), reject);
        },
      );
      request.once('error', reject);
      request.end('token=x');
    });
    expect(JSON.parse(answer)).toEqual({ active: false });
  });
});

describe('a Kubernetes API server', () => {
  let folder: string;
  let key: IssuerKey;
  let apiServer: https.Server;
  let issuer: string;
  /** What it takes for the service account token of Singlestate. */
  let accepted: string;
  let failures: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'singlestate-k8s-'));
    key = await createIssuerKey('RS256', 'k8s');
    accepted = 'first';
    failures = [];
    await writeFile(join(folder, 'ca.crt'), ca.certificate);
    await writeFile(join(folder, 'token'), `${accepted}\n`);
    apiServer = https.createServer({ cert: server.certificate, key: server.key }, (request, response) => {
      if (request.headers.authorization !== `Bearer ${accepted}`) response.writeHead(401).end();
      else if (request.url === '/.well-known/openid-configuration') {
        const metadata = {
          issuer,
          jwks_uri: `${issuer}/openid/v1/jwks`,
          response_types_supported: ['id_token'],
        };
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ ...metadata, id_token_signing_alg_values_supported: ['RS256'] }));
      } else if (request.url === '/openid/v1/jwks') {
        response.setHeader('content-type', 'application/jwk-set+json');
        response.end(JSON.stringify({ keys: [key.publicJwk] }));
      } else response.writeHead(404).end();
    });
    apiServer.listen(0, '127.0.0.1');
    await once(apiServer, 'listening');
    issuer = `https://127.0.0.1:${(apiServer.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    apiServer.close();
    apiServer.closeAllConnections();
    await rm(folder, { recursive: true });
  });

  const nowMs = Date.UTC(2026, 0, 1);
  const subject = 'system:serviceaccount:billing:default';
  const files = () => ({ caFile: join(folder, 'ca.crt'), tokenFile: join(folder, 'token') });

  async function authenticate(access: object, laterMs = 0) {
    const identity = { issuer, subject, audience: 'singlestate', ...access };
    const reads = { scopes: [], attributes: [], slices: [] };
    const billing: AppConfig = {
      ...{ identities: [identity], reads, writes: {}, writesAttributes: {} },
      assertion: false,
    };
    const fetching = {
      nowMs: () => nowMs + laterMs,
      fetchTimeoutMs: 2_000,
      onFetchFailure: (problem: string) => failures.push(problem),
    };
    const workloads = await createWorkloadAuthenticator(
      { billing },
      { nowMs: fetching.nowMs, keysOf: createSharedKeys(fetching).of },
    );
    const claims = { iss: issuer, sub: subject, aud: ['singlestate'], exp: nowMs / 1000 + 600 };
    const bearer = await key.sign(claims, { typ: undefined });
    return workloads.authenticate({ bearer, certificateNames: [] });
  }

  test.each([
    ['discovery', () => ({})],
    ['the address of its keys', () => ({ jwksUrl: `${issuer}/openid/v1/jwks` })],
  ])('E1 is asked for its keys with its own CA and a token, by %s', async (_how, where) => {
    expect(await authenticate({ ...files(), ...where() })).toEqual({ authenticated: true, app: 'billing' });
    expect(failures).toEqual([]);
  });

  test('is asked with the token as it is at that time, since Kubernetes rotates it', async () => {
    accepted = 'second';
    expect(await authenticate(files())).toMatchObject({ cause: 'keys_unavailable' });
    await writeFile(join(folder, 'token'), 'second');
    expect(await authenticate(files())).toMatchObject({ authenticated: true });
  });

  test.each<[string, () => object, RegExp]>([
    [
      'no CA',
      () => ({ tokenFile: join(folder, 'token') }),
      /can't be fetched: .*(self-signed|unable to verify|local issuer)/,
    ],
    ['no token', () => ({ caFile: join(folder, 'ca.crt') }), /answered with status 401; it must be 200/],
    ['a token file that is gone', () => ({ ...files(), tokenFile: '/nowhere' }), /ENOENT.*\/nowhere/],
  ])('E3 asked with %s gives no keys, and so nobody is an app', async (_what, access, problem) => {
    expect(await authenticate(access())).toMatchObject({ authenticated: false, cause: 'keys_unavailable' });
    expect(failures.join('\n')).toMatch(problem);
  });
});
