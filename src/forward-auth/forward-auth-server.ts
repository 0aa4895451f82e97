/**
 * Checks over HTTP/1.1, for Envoy's `http_service` and for gateways that ask with a subrequest. Hides node:http: its
 * limits, kept-alive connections that have to move, and draining.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Checker } from '../authz/checker.ts';
import type { Policy } from '../authz/policy.ts';
import { jitteredAgeMs } from '../net/connection-age.ts';
import type { GatewayKind } from './gateways.ts';
import { httpAnswer, type HttpAnswer } from './http-answer.ts';
import { originalRequest } from './original-request.ts';
import type { TrustedPeers } from './trusted-peers.ts';

/** Of one configuration; a reload swaps it as a whole. */
export interface ForwardAuthSettings {
  readonly gateway: GatewayKind;
  readonly peers: TrustedPeers;
}

export interface ForwardAuthOptions {
  readonly checker: Checker;
  readonly settings: () => ForwardAuthSettings;
  readonly policy: () => Pick<Policy, 'headers' | 'configurableHeaderSet' | 'csrfHeader'>;
  /** How long a connection is kept before it is asked to move, give or take a tenth. Read at each new connection. */
  readonly maxConnectionAgeMs: () => number;
  /** Whether the server is on its way out: each connection then ends with its next answer. */
  readonly draining: () => boolean;
  /** Told of each request from a peer that is not trusted. */
  readonly onStranger: (address: string | undefined) => void;
  /** Told of what a check threw. */
  readonly onError: (error: unknown) => void;
}

const LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 2_500,
  // Longer than gateways keep an idle connection (Envoy: an hour), so that none sends into one that was just closed.
  keepAliveTimeout: 65 * 60_000,
  // The original URL comes beside all headers of a client, of which Envoy lets through 60 KiB.
  maxHeaderSize: 128 * 1024,
} as const;

/** No gateway takes it for a pass, and no reader of its log for a deny. */
const MISDIRECTED: HttpAnswer = {
  status: 421,
  headers: ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store'],
  body: 'This peer is not among http.trustedPeers\n',
};

const FAULT: HttpAnswer = {
  status: 503,
  headers: ['retry-after', '1', 'cache-control', 'no-store'],
  body: '',
};

/** A server that is not listening yet: open it with `listen` of src/net. Bodies are never read. */
export function createForwardAuthServer(options: ForwardAuthOptions): Server {
  const { checker, settings, policy, onError, onStranger } = options;
  const leavesAt = new WeakMap<Socket, number>();
  let overUnixSocket = false;

  const server = createServer(LIMITS, (request, response) => {
    const { gateway, peers } = settings();
    if (!peers.trusts(request.socket, overUnixSocket)) {
      onStranger(request.socket.remoteAddress);
      response.shouldKeepAlive = false;
      send(response, MISDIRECTED);
      return;
    }
    const failed = (error: unknown) => {
      onError(error);
      if (!response.headersSent) send(response, FAULT);
    };
    serve(request, gateway)
      .then((answer) => {
        if (options.draining() || isOld(request.socket)) response.shouldKeepAlive = false;
        send(response, answer);
      })
      .catch(failed);
  });

  async function serve(request: IncomingMessage, gateway: GatewayKind): Promise<HttpAnswer> {
    const current = policy();
    const asked = originalRequest(request, gateway, current);
    return httpAnswer(await checker.check(asked), asked, gateway, current.csrfHeader);
  }

  function isOld(socket: Socket): boolean {
    return performance.now() >= (leavesAt.get(socket) ?? Infinity);
  }

  // What is beyond it would be ignored in silence; `maxHeaderSize` bounds it anyhow.
  server.maxHeadersCount = 0;
  server.on('listening', () => (overUnixSocket = typeof server.address() === 'string'));
  server.on('connection', (socket) => {
    leavesAt.set(socket, performance.now() + jitteredAgeMs(options.maxConnectionAgeMs()));
  });
  return server;
}

/** node:http leaves out the body of an answer to HEAD by itself. */
function send(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  response.writeHead(status, [...headers, 'content-length', String(Buffer.byteLength(body))]);
  response.end(body);
}
