/**
 * HTTP/1.1 and HTTP/2 on one port: in cleartext by prior knowledge (RFC 9113 section 3.3), over TLS by ALPN. Hides the
 * look at a connection's first bytes, and the limits that keep slow and silent clients from holding on to it.
 */
import http from 'node:http';
import http2 from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export type Http1And2Request = http.IncomingMessage | http2.Http2ServerRequest;
export type Http1And2Response = http.ServerResponse | http2.Http2ServerResponse;
export type Http1And2Handler = (request: Http1And2Request, response: Http1And2Response) => void;

export interface Http1And2Limits {
  /** How long a new connection in cleartext may take to show its protocol, and an HTTP/1.1 request to send its headers. Default 10 s. */
  readonly headersTimeoutMs?: number;
  /** How long a request may take to arrive whole, body included; not less than `headersTimeoutMs`. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** How long a connection may do nothing before it is closed. Default 2 minutes. */
  readonly idleTimeoutMs?: number;
}

/** The first line of the connection preface (RFC 9113 section 3.4). No HTTP/1.1 request begins so. */
const PREFACE = Buffer.from('PRI * HTTP/2.0');
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONCURRENT_STREAMS = 100;

/**
 * A server for `handler`, which gets the requests of both protocols, as `connectNodeAdapter` of Connect takes them. It
 * is a node:http server: open it with `listen`. Closing it sends GOAWAY to HTTP/2 connections, ends idle HTTP/1.1
 * ones, and waits for requests that are under way. A connection's failure ends that connection and nothing else.
 */
export function createHttp1And2Server(handler: Http1And2Handler, limits: Http1And2Limits = {}): http.Server {
  const { headersTimeoutMs = 10_000, requestTimeoutMs = 30_000, idleTimeoutMs = 120_000 } = limits;
  return new Http1And2Server(handler, { headersTimeoutMs, requestTimeoutMs, idleTimeoutMs });
}

class Http1And2Server extends http.Server {
  readonly #http2: http2.Http2Server;
  readonly #unknown = new Set<Socket>();

  constructor(handler: Http1And2Handler, limits: Required<Http1And2Limits>) {
    const http1Options = {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.ceil(limits.headersTimeoutMs / 4),
      keepAliveTimeout: limits.idleTimeoutMs,
      maxHeaderSize: MAX_HEADER_BYTES,
    };
    super(http1Options, handler);
    this.#http2 = createHttp2(handler, limits);
    const serveHttp1 = this.listeners('connection');
    this.removeAllListeners('connection');
    this.on('connection', (socket: Socket) => {
      const serve = (isHttp2: boolean) => {
        if (isHttp2) this.#http2.emit('connection', socket);
        else for (const serveIt of serveHttp1) serveIt.call(this, socket);
      };
      if (socket instanceof TLSSocket) serve(socket.alpnProtocol === 'h2');
      else this.#whenKnown(socket, limits.headersTimeoutMs, serve);
    });
  }

  override close(callback?: (error?: Error) => void): this {
    this.#http2.close();
    for (const socket of this.#unknown) socket.destroy();
    return super.close(callback);
  }

  #whenKnown(socket: Socket, timeoutMs: number, serve: (isHttp2: boolean) => void): void {
    const silence = setTimeout(() => socket.destroy(), timeoutMs);
    const forget = () => {
      clearTimeout(silence);
      this.#unknown.delete(socket);
    };
    this.#unknown.add(socket);
    socket.once('close', forget);
    socket.on('error', ignore);
    readFirstBytes(socket, (isHttp2) => {
      forget();
      socket.off('close', forget);
      socket.off('error', ignore);
      serve(isHttp2);
    });
  }
}

/** Calls `decide` once enough has arrived, with all of it put back to be read again. */
function readFirstBytes(socket: Socket, decide: (isHttp2: boolean) => void): void {
  let seen = Buffer.alloc(0);
  const look = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, PREFACE.length);
    const agrees = seen.subarray(0, compared).equals(PREFACE.subarray(0, compared));
    if (agrees && compared < PREFACE.length) return;
    socket.off('readable', look);
    socket.off('end', end);
    socket.unshift(seen);
    decide(agrees);
  };
  const end = () => socket.destroy();
  socket.on('readable', look);
  socket.once('end', end);
}

function createHttp2(handler: Http1And2Handler, limits: Required<Http1And2Limits>): http2.Http2Server {
  const server = http2.createServer({
    settings: { maxConcurrentStreams: MAX_CONCURRENT_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES },
  });
  server.on('session', (session) => session.setTimeout(limits.idleTimeoutMs, () => session.close()));
  server.on('request', (request, response) => {
    limitArrival(request, limits.requestTimeoutMs);
    handler(request, response);
  });
  return server;
}

/** What `requestTimeout` does for HTTP/1.1; node:http2 has no such limit. */
function limitArrival({ stream }: http2.Http2ServerRequest, timeoutMs: number): void {
  if (stream.endAfterHeaders) return;
  const late = setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), timeoutMs);
  stream.once('end', () => clearTimeout(late));
  stream.once('close', () => clearTimeout(late));
}

function ignore(): void {
  // The connection ends by itself; there is nobody to tell.
}
