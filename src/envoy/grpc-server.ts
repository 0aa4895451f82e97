/**
 * gRPC over node:http2: unary calls and server streams of whole messages, for methods given by path. Hides HTTP/2,
 * message framing, trailers, cancellation, connection age and draining. Why not a gRPC library: docs/decisions/0003-grpc-transport.md.
 */
import {
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';
import { Server as NetServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { jitteredAgeMs } from '../net/connection-age.ts';
import { TlsChannel } from '../net/tls-channel.ts';
import { GRPC_STATUS, type GrpcStatus } from './grpc-status.ts';
import { parseGrpcTimeout } from './grpc-timeout.ts';

/** One call, from its whole request message on. After its end, and after a cancellation, every method does nothing. */
export interface GrpcCall {
  /** How long the caller will wait, from `grpc-timeout`; `Infinity` when it did not say. */
  readonly timeoutMs: number;
  /** W3C Trace Context in the call's metadata, as it came. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  /** Sends the only response message and ends the call with OK. */
  respond(message: Uint8Array): void;
  /** Sends one message of a stream. */
  send(message: Uint8Array): void;
  /** Ends the call with a status. */
  end(status: GrpcStatus, message?: string): void;
  /** Calls `listener` once when the call is over: ended, cancelled or cut. */
  onClose(listener: () => void): void;
}

/** A synchronous throw ends the call with INTERNAL. */
export type GrpcMethod = (message: Buffer, call: GrpcCall) => void;

export interface GrpcServerOptions {
  /** By path: `/package.Service/Method`. Any other path is UNIMPLEMENTED. */
  readonly methods: ReadonlyMap<string, GrpcMethod>;
  /** Larger request messages end with RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /** How long a connection is kept before it is asked to move, give or take a tenth. Read at each new connection. */
  readonly maxConnectionAgeMs: () => number;
  /** Told of what a method threw. */
  readonly onError: (error: unknown) => void;
}

export interface GrpcServer {
  /** For `listen` of src/net, with TLS or without. Closing it drains. */
  readonly server: Http2Server;
  /**
   * Asks every client to open no more streams here (GOAWAY), lets calls finish, and ends connections that have none.
   * A call that has sent messages and not ended, a watch, would never finish: it is ended with UNAVAILABLE.
   */
  drain(): void;
}

/** Bytes before each message: a flag for compression and the length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const PREFIX_BYTES = 5;

/**
 * A GOAWAY that refuses nothing yet, so that no call on its way is lost (RFC 9113 section 6.8). Written by hand: after
 * node:http2's own, nghttp2 ignores every new stream, whatever stream id it names.
 */
const GOAWAY_NOTICE = Buffer.from('0000080700000000007fffffff00000000', 'hex');

/** Between the notice and the GOAWAY that is meant: more than a round trip to a proxy. */
const GOAWAY_GRACE_MS = 200;

/** How long a request message may take to arrive whole; a proxy sends it at once. */
const MAX_READ_MS = 5_000;

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const connections = new Map<ServerHttp2Session, WriteBetween>();
  const watches = new Set<GrpcCall>();
  const server = createServer({
    // Envoy resets the stream of each check that times out or whose client left: that is no attack.
    streamResetBurst: 100_000,
    streamResetRate: 50_000,
    settings: { enablePush: false, maxConcurrentStreams: 65_536 },
  });
  onEachSession(server, (session, writeBetween) => {
    connections.set(session, writeBetween);
    const leave = () => goAway(session, writeBetween);
    const age = setTimeout(leave, jitteredAgeMs(options.maxConnectionAgeMs())).unref();
    session.on('close', () => {
      connections.delete(session);
      clearTimeout(age);
    });
    // Its handshake outlasted the listener.
    if (!server.listening) leave();
  });
  server.on('sessionError', ignore);
  server.on('stream', (stream, headers) =>
    serveStream(stream as ServerHttp2Stream, headers, options, watches),
  );
  const drain = () => {
    connections.forEach((writeBetween, session) => goAway(session, writeBetween));
    const endWatches = () => watches.forEach((call) => call.end(GRPC_STATUS.UNAVAILABLE, 'draining'));
    setTimeout(endWatches, GOAWAY_GRACE_MS).unref();
  };
  // node:http2's own would close every session at once, and with it the calls that are on their way.
  server.close = (callback) => {
    drain();
    return NetServer.prototype.close.call(server, callback) as Http2Server;
  };
  return { server, drain };
}

/** Puts whole frames between those of node:http2. */
type WriteBetween = (frames: Uint8Array) => void;

/** node:http2 tells of a session while it is given its connection, and lets nobody write to it through the session. */
function onEachSession(
  server: Http2Server,
  begin: (session: ServerHttp2Session, writeBetween: WriteBetween) => void,
): void {
  const listeners = server.listeners('connection');
  let writeBetween: WriteBetween = ignore;
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true).setKeepAlive(true, 30_000);
    const channel = socket instanceof TLSSocket ? new TlsChannel(socket) : undefined;
    writeBetween = (frames) => {
      if (channel === undefined) socket.write(frames);
      else channel.writeBetween(frames);
    };
    for (const listener of listeners) Reflect.apply(listener, server, [channel ?? socket]);
  });
  server.on('session', (session) => begin(session, writeBetween));
}

function ignore(): void {
  // A connection or stream that broke tells it in its close event too; there is nothing to add.
}

function goAway(session: ServerHttp2Session, writeBetween: WriteBetween): void {
  if (session.destroyed || session.closed) return;
  writeBetween(GOAWAY_NOTICE);
  setTimeout(() => session.destroyed || session.close(), GOAWAY_GRACE_MS).unref();
}

function serveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  options: GrpcServerOptions,
  watches: Set<GrpcCall>,
): void {
  const timeoutMs = parseGrpcTimeout(headers['grpc-timeout'] as string | undefined);
  const call = createCall(stream, headers, timeoutMs ?? Infinity, watches);
  if (headers[':method'] !== 'POST') return refuseHttp(stream, 405);
  if (!isGrpc(headers['content-type'])) return refuseHttp(stream, 415);
  const method = options.methods.get(headers[':path'] ?? '');
  if (method === undefined) return call.end(GRPC_STATUS.UNIMPLEMENTED, 'no such method');
  if (timeoutMs === undefined) return call.end(GRPC_STATUS.INVALID_ARGUMENT, 'grpc-timeout is malformed');
  readMessage(stream, options.maxMessageBytes, Math.min(timeoutMs, MAX_READ_MS), (read) => {
    if (!Buffer.isBuffer(read)) return call.end(read.status, read.message);
    try {
      method(read, call);
    } catch (error) {
      options.onError(error);
      call.end(GRPC_STATUS.INTERNAL, 'internal error');
    }
  });
}

function isGrpc(contentType: string | undefined): boolean {
  return contentType === 'application/grpc' || contentType?.startsWith('application/grpc+proto') === true;
}

function refuseHttp(stream: ServerHttp2Stream, status: 405 | 415): void {
  stream.on('error', ignore);
  if (!stream.destroyed) stream.respond({ ':status': status }, { endStream: true });
}

interface Fault {
  readonly status: GrpcStatus;
  readonly message: string;
}

/** Reads the one message of a unary or server-streaming request, and settles once; a stream that is cut ends too. */
function readMessage(
  stream: ServerHttp2Stream,
  maxBytes: number,
  timeoutMs: number,
  done: (read: Buffer | Fault) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let reading = true;
  const settle = (read: Buffer | Fault) => {
    if (!reading) return;
    reading = false;
    clearTimeout(late);
    done(read);
  };
  const late = setTimeout(settle, timeoutMs, {
    status: GRPC_STATUS.DEADLINE_EXCEEDED,
    message: 'the request did not arrive in time',
  });
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes + PREFIX_BYTES) chunks.push(chunk);
    else settle({ status: GRPC_STATUS.RESOURCE_EXHAUSTED, message: `a message may have ${maxBytes} bytes` });
  });
  stream.on('end', () => {
    const [first] = chunks;
    const frame = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
    settle(frameFault(frame) ?? frame.subarray(PREFIX_BYTES));
  });
}

function frameFault(frame: Buffer): Fault | undefined {
  if (frame.length < PREFIX_BYTES || frame.readUInt32BE(1) !== frame.length - PREFIX_BYTES) {
    return {
      status: GRPC_STATUS.INVALID_ARGUMENT,
      message: 'the request is not one length-prefixed message',
    };
  }
  return frame[0] === 0
    ? undefined
    : { status: GRPC_STATUS.UNIMPLEMENTED, message: 'compression is not supported' };
}

const RESPONSE_HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;

function createCall(
  stream: ServerHttp2Stream,
  { traceparent, tracestate }: IncomingHttpHeaders,
  timeoutMs: number,
  watches: Set<GrpcCall>,
): GrpcCall {
  let trailers: Record<string, string> = { 'grpc-status': String(GRPC_STATUS.OK) };
  let over = false;
  // A stream that the client cancelled throws on respond(); what is left to do for it is nothing.
  const closed = () => over || stream.destroyed || stream.closed;
  stream.on('error', ignore);
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));

  const open = () => {
    if (!stream.headersSent) stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
  };
  const call: GrpcCall = {
    timeoutMs,
    // node:http2 gives a header that it does not know as one text.
    traceparent: traceparent as string | undefined,
    tracestate: tracestate as string | undefined,
    respond(message) {
      if (closed()) return;
      over = true;
      open();
      stream.end(framed(message));
    },
    send(message) {
      if (closed()) return;
      if (!stream.headersSent) {
        watches.add(call);
        stream.once('close', () => watches.delete(call));
      }
      open();
      stream.write(framed(message));
    },
    end(status, message) {
      if (closed()) return;
      over = true;
      trailers = {
        'grpc-status': String(status),
        ...(message && { 'grpc-message': encodeURIComponent(message) }),
      };
      if (stream.headersSent) stream.end();
      else stream.respond({ ...RESPONSE_HEADERS, ...trailers }, { endStream: true });
      // What the client still has to send is of no use (RFC 9113 section 8.1). Closed at once, the status would be lost.
      if (!stream.readableEnded) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
    },
    onClose: (listener) => stream.once('close', listener),
  };
  return call;
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}
