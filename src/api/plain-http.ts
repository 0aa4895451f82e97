/** What the `api` listener answers to a request that is no call of the Session API: the public keys, or a problem. */
import type { PublicJwks } from '../token/jwks.ts';

/** What requests of node:http and node:http2 have in common, as far as it is read here. */
interface PlainRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
}

/** What responses of node:http and node:http2 have in common, as far as it is used here. */
interface PlainResponse {
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body: string): unknown;
}

/** How long fetched keys may be kept: no longer than `keys rotate` publishes a new key before it signs. */
const JWKS_MAX_AGE_SECONDS = 300;

export function answerPlain(request: PlainRequest, response: PlainResponse, jwks: () => PublicJwks): void {
  if (request.url?.split('?', 1)[0] !== '/.well-known/jwks.json') {
    answerProblem(response, 404, 'Not Found');
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    answerProblem(response, 405, 'Method Not Allowed', { allow: 'GET, HEAD' });
  } else {
    const headers = { 'cache-control': `public, max-age=${JWKS_MAX_AGE_SECONDS}` };
    answerJson(response, 200, 'application/jwk-set+json', jwks(), headers);
  }
}

/** RFC 9457. */
export function answerProblem(
  response: PlainResponse,
  status: number,
  title: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  answerJson(response, status, 'application/problem+json', { type: 'about:blank', title, status }, headers);
}

function answerJson(
  response: PlainResponse,
  status: number,
  type: string,
  body: object,
  headers: Readonly<Record<string, string>>,
): void {
  const text = JSON.stringify(body);
  const length = String(Buffer.byteLength(text));
  response.writeHead(status, { ...headers, 'content-type': type, 'content-length': length });
  response.end(text);
}
