/**
 * Listening on an address, and ending it. Hides stale socket files, socket modes, kept-alive connections and the
 * connections that have to be cut when the time for ending is over.
 */
import { access, chmod, lstat, unlink } from 'node:fs/promises';
import { Server as HttpServer, type ServerResponse } from 'node:http';
import { connect, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { formatAddress, type Address } from './address.ts';
import type { TlsTermination } from './tls-termination.ts';

export interface Listening {
  /** The actual address: with the port that the system chose where 0 was asked for. */
  readonly address: Address;
  /**
   * Stops accepting at once, removes a unix socket's file, and resolves when every connection has ended. Connections
   * that are still open after `graceMs` are cut; without it they are waited for. Later calls wait for the same end,
   * and may shorten the time.
   */
  readonly close: (graceMs?: number) => Promise<void>;
}

export interface ListenOptions {
  /** What messages call it: the key under `listen` of the configuration. */
  readonly name: string;
  /** Permissions of a unix socket's file. Default 0o660: owner and group may connect. */
  readonly socketMode?: number;
  /** Without it, cleartext. */
  readonly tls?: TlsTermination | undefined;
}

/** A listener could not be opened. The message names the listener, the address and the reason; `cause` is the system's error. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'ERR_LISTEN';
}

const DEFAULT_SOCKET_MODE = 0o660;
/** Whoever listens on a unix socket accepts at once; a socket that stays silent for so long is in use. */
const LIVE_SOCKET_TIMEOUT_MS = 1_000;

/**
 * Opens `server` (of node:net, node:http or node:http2) on `address`, with TLS before it where that is given. Rejects
 * with `ListenError`. The socket file that a dead process left behind is replaced; one that somebody listens on, and
 * any file that is no socket, is refused.
 */
export async function listen(server: Server, address: Address, options: ListenOptions): Promise<Listening> {
  options.tls?.attach(server);
  const connections = trackConnections(server);
  const running = isHttpServer(server) ? trackResponses(server) : new Set<ServerResponse>();
  try {
    await open(server, address, options);
  } catch (error) {
    throw listenError(error, address, options.name);
  }
  return { address: actualAddress(server, address), close: createClose(server, connections, running) };
}

async function open(server: Server, address: Address, options: ListenOptions): Promise<void> {
  if (address.kind === 'tcp') {
    await bind(server, { port: address.port, ...(address.host === '' ? {} : { host: address.host }) });
    return;
  }
  // Binding would call a missing folder EACCES.
  await access(dirname(address.path));
  await removeStaleSocket(address.path);
  await bind(server, { path: address.path });
  await chmod(address.path, options.socketMode ?? DEFAULT_SOCKET_MODE);
}

function bind(server: Server, where: { path: string } | { port: number; host?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() !== true || (await isLive(path))) return;
  await unlink(path);
}

/** Whether anybody listens there; connecting is the only way to know. */
function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (live: boolean) => {
      socket.destroy();
      resolve(live);
    };
    socket.setTimeout(LIVE_SOCKET_TIMEOUT_MS, () => settle(true));
    socket.on('connect', () => settle(true));
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code !== 'ECONNREFUSED'));
  });
}

function actualAddress(server: Server, asked: Address): Address {
  const bound = server.address();
  if (asked.kind === 'unix' || bound === null || typeof bound === 'string') return asked;
  return { ...asked, port: bound.port };
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use: stop what listens there, or choose another address',
  EACCES: 'permission denied: choose a port or a folder that this user may use',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'the host name is not known',
  ENOENT: 'the folder of the socket does not exist',
};

function listenError(cause: unknown, address: Address, name: string): ListenError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason = REASONS[code ?? ''] ?? message;
  return new ListenError(`The listener "${name}" can't listen on ${formatAddress(address)}: ${reason}`, {
    cause,
  });
}

function trackConnections(server: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  return connections;
}

/** A plain `instanceof` leaves the type parameters of node:http's server as `any`. */
function isHttpServer(server: Server): server is HttpServer {
  return server instanceof HttpServer;
}

/** Closing a node:http server ends the connections that are idle then; those that become idle later are ended here. */
function trackResponses(server: HttpServer): ReadonlySet<ServerResponse> {
  const running = new Set<ServerResponse>();
  server.prependListener('request', (_request, response) => {
    running.add(response);
    response.shouldKeepAlive &&= server.listening;
    response.once('close', () => {
      running.delete(response);
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
  });
  return running;
}

function createClose(
  server: Server,
  connections: ReadonlySet<Socket>,
  running: ReadonlySet<ServerResponse>,
): Listening['close'] {
  let closed: Promise<void> | undefined;
  return async (graceMs) => {
    closed ??= new Promise((resolve) => void server.close(() => resolve()));
    for (const response of running) response.shouldKeepAlive = false;
    if (graceMs === undefined) return closed;
    const cut = setTimeout(() => connections.forEach((socket) => socket.destroy()), graceMs);
    await closed.finally(() => clearTimeout(cut));
  };
}
