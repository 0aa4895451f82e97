/** An issuer of JWTs on a free port of this machine: discovery and keys over HTTP, which a test can change or break. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

export interface IssuerKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
  /** Signs these claims with this header. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** Signs exactly this header and these claims (ES256 keys). */
  signText(header: object, claims: string): Promise<string>;
}

export interface TestIssuer extends AsyncDisposable {
  readonly issuer: string;
  /** Paths that were asked for, oldest first. */
  readonly requests: string[];
  /** What discovery answers beside `issuer` and `jwks_uri`, or in their place. */
  metadata: Record<string, unknown>;
  /** The keys it publishes. */
  keys: JWK[];
  /** Answers in place of all this. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** Stops listening and cuts what is open. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
}

export async function createIssuerKey(alg: string, kid: string): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  const sign = (claims: Record<string, unknown>, header = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'JWT', ...header }).sign(privateKey);
  const signText = async (header: object, claims: string) => {
    const input = [JSON.stringify(header), claims]
      .map((text) => Buffer.from(text).toString('base64url'))
      .join('.');
    const hash = { name: 'ECDSA', hash: 'SHA-256' };
    const signature = await crypto.subtle.sign(hash, privateKey, Buffer.from(input));
    return `${input}.${Buffer.from(signature).toString('base64url')}`;
  };
  return { kid, privateKey, publicJwk, sign, signText };
}

export async function startTestIssuer(...keys: IssuerKey[]): Promise<TestIssuer> {
  const server = createServer((request, response) => {
    testIssuer.requests.push(request.url ?? '');
    if (testIssuer.answer !== undefined) testIssuer.answer(request, response);
    else answer(testIssuer, request, response);
  });
  const listen = (port: number) =>
    new Promise<number>((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        resolve((server.address() as AddressInfo).port);
      });
    });
  const port = await listen(0);
  const testIssuer: TestIssuer = {
    issuer: `http://127.0.0.1:${port}`,
    requests: [],
    metadata: {},
    keys: keys.map(({ publicJwk }) => publicJwk),
    answer: undefined,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
    start: async () => {
      await listen(port);
    },
    [Symbol.asyncDispose]: async () => {
      if (server.listening) await testIssuer.stop();
    },
  };
  return testIssuer;
}

function answer(
  { issuer, metadata, keys }: TestIssuer,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.setHeader('content-type', 'application/json');
  if (request.url === '/.well-known/openid-configuration') {
    response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks`, ...metadata }));
  } else if (request.url === '/jwks') {
    response.end(JSON.stringify({ keys }));
  } else {
    response.writeHead(404).end();
  }
}
