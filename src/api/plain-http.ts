/**
 * What the `api` listener answers to requests that are no calls of its services: routes in terms of the web platform's
 * Request and Response, over HTTP/1.1 and HTTP/2. Hides how those are made of Node's, and that bodies are bounded.
 */
import { TLSSocket } from 'node:tls';
import type { Http1And2Request } from '../net/http1-and-2.ts';
import { clientCertificateNames } from '../net/tls-client-names.ts';
import type { WebPeer, WebRoutes } from '../net/web-handler.ts';
import { PROBLEM_TYPE, problemText } from '../net/web-problem.ts';

/** What responses of node:http and node:http2 have in common, as far as it is used here. */
interface PlainResponse {
  statusCode: number;
  readonly writableFinished: boolean;
  setHeader(name: string, value: string | readonly string[]): unknown;
  end(body?: Uint8Array | string): unknown;
  once(event: 'close', listener: () => void): unknown;
}

export type OnFault = (path: string, thrown: unknown) => void;

/** The largest body that is read, in bytes. */
const MAX_BODY_BYTES = 64 * 1024;

/** A host and perhaps a port, and nothing that a URL would read as more than that. */
const AUTHORITY = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;

/** By exact path; other paths are a 404. What a handler throws is a 500 that says nothing more, and is told to `onFault`. */
export async function answerPlain(
  request: Http1And2Request,
  response: PlainResponse,
  routes: WebRoutes,
  onFault: OnFault,
): Promise<void> {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const handler = routes.get(path);
  if (handler === undefined) {
    answerProblem(response, 404, 'Not Found');
    return;
  }
  const body = boundedBody(request);
  const asked = webRequest(request, response, body.stream);
  if (asked === undefined) {
    answerProblem(response, 400, 'Bad Request');
    return;
  }
  try {
    const answer = await handler(asked, peerOf(request));
    const content = new Uint8Array(await answer.arrayBuffer());
    if (asked.signal.aborted) return;
    if (body.isTooLarge()) answerProblem(response, 413, 'Content Too Large');
    else write(response, answer, asked.method === 'HEAD' ? undefined : content, content.byteLength);
  } catch (thrown) {
    if (asked.signal.aborted) return;
    if (body.isTooLarge()) {
      answerProblem(response, 413, 'Content Too Large');
    } else {
      onFault(path, thrown);
      answerProblem(response, 500, 'Internal Server Error');
    }
  }
}

/** RFC 9457. */
export function answerProblem(response: PlainResponse, status: number, title: string): void {
  const text = problemText(status, title);
  response.statusCode = status;
  setHeaders(response, { 'content-type': PROBLEM_TYPE }, Buffer.byteLength(text));
  response.end(text);
}

/** The connection behind a request. */
export function peerOf({ socket }: Http1And2Request): WebPeer {
  return { address: socket.remoteAddress, certificateNames: clientCertificateNames(socket) };
}

function write(
  response: PlainResponse,
  answer: Response,
  content: Uint8Array | undefined,
  length: number,
): void {
  response.statusCode = answer.status;
  // RFC 9110 section 8.6.
  const hasLength = answer.status !== 204 && answer.status !== 304;
  setHeaders(response, Object.fromEntries(answer.headers), hasLength ? length : undefined);
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) response.setHeader('set-cookie', cookies);
  response.end(content);
}

/** With defaults on the safe side: kept by no cache, and taken for no other type than it has. */
function setHeaders(
  response: PlainResponse,
  headers: Readonly<Record<string, string>>,
  length: number | undefined,
): void {
  const all = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...(length !== undefined && { 'content-length': String(length) }),
  };
  for (const [name, value] of Object.entries(all)) response.setHeader(name, value);
}

/** Undefined where the request names no host, or its method is none of the web platform's. */
function webRequest(
  request: Http1And2Request,
  response: PlainResponse,
  body: ReadableStream<Uint8Array>,
): Request | undefined {
  const { method = 'GET', url = '/' } = request;
  const authority = 'authority' in request ? request.authority : request.headers.host;
  if (authority === undefined || !AUTHORITY.test(authority)) return undefined;
  const scheme = request.socket instanceof TLSSocket ? 'https' : 'http';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  try {
    return new Request(`${scheme}://${authority}${url}`, {
      method,
      headers: webHeaders(request),
      signal: goneSignal(response),
      ...(hasBody && { body, duplex: 'half' }),
    });
  } catch {
    return undefined;
  }
}

function webHeaders(request: Http1And2Request): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    for (const one of typeof value === 'string' ? [value] : value) headers.append(name, one);
  }
  return headers;
}

/** Aborts when the client is gone before its answer is. */
function goneSignal(response: PlainResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

/** Nothing is read before somebody reads the stream, which fails beyond the bound. */
function boundedBody(request: Http1And2Request) {
  let size = 0;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    // To stop reading must not end the connection: the answer has to go out on it.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > MAX_BODY_BYTES) throw new RangeError(`The body is larger than ${MAX_BODY_BYTES} bytes`);
      yield chunk;
    }
  }
  return { stream: ReadableStream.from(chunks()), isTooLarge: () => size > MAX_BODY_BYTES };
}
