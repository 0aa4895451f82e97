/**
 * One connection to a Redis or Valkey primary. Hides ioredis: its options, reconnecting, the deadline of each command,
 * and its errors, which become `StoreError` here and nowhere else.
 */
import { Redis, type RedisOptions } from 'ioredis';
import { createBackoff, type Backoff } from './backoff.ts';
import { explainTlsError, redisTlsOptions, type RedisTlsOptions } from './redis-tls.ts';
import { StoreError, type StoreOperation } from './store.ts';

export interface RedisConnectionOptions {
  /** `redis://HOST[:PORT][/DB]`, or `rediss:` for TLS, without credentials and parameters. */
  readonly url: string;
  /** For `rediss:`. Default: the CAs that come with Node are trusted, and no client certificate is shown. */
  readonly tls?: RedisTlsOptions | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Whenever the connection was lost: the password of the next one; undefined where it can't be told now. Never rejects. */
  readonly nextPassword?: (() => Promise<string | undefined>) | undefined;
  /** How long one command may take, waiting to be sent included. */
  readonly deadlineMs: number;
  /** `read` or `write`; the server's CLIENT LIST shows it. */
  readonly role: ConnectionRole;
  /** Each change of the connection's state, once; not each attempt to reconnect. */
  readonly onChange: (change: ConnectionChange) => void;
  /** The server refused a command because it is a replica: it was demoted. */
  readonly onDemoted: () => void;
}

export type ConnectionRole = 'read' | 'write';

export type ConnectionChange =
  | { readonly role: ConnectionRole; readonly state: 'ready' }
  | { readonly role: ConnectionRole; readonly state: 'lost'; readonly reason: string };

/** What a command calls when it is answered, in Node's order. */
export type Answered = (error: Error | null | undefined, reply?: unknown) => void;

export interface RedisConnection {
  readonly redis: Redis;
  /**
   * Sends one command and resolves with its reply within the deadline.
   * @throws StoreError at once while there is no primary to ask, and when the deadline is over.
   */
  readonly exchange: (operation: StoreOperation, send: (answered: Answered) => void) => Promise<unknown>;
  /** Asks whether the server still is a primary, and reconnects where it is not. */
  readonly verifyPrimary: () => void;
  readonly close: () => Promise<void>;
}

const CONNECT_TIMEOUT_MS = 1_000;
const DISCONNECT_TIMEOUT_MS = 100;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 500;
const LOADING_RETRY_MS = 200;

/** A server that is silent for this many deadlines, and for at least this long, is stalled: the socket is given up. */
const STALL_DEADLINES = 2;
const SHORTEST_STALL_MS = 500;

/** How many commands may be unanswered on one connection; beyond that they fail at once (D9). */
const MAX_UNANSWERED = 10_000;

/** An ACL or a proxy may forbid ROLE; that leaves the question open, and is the operator's choice. */
const ROLE_IS_NOT_TOLD = /^(NOPERM|ERR unknown command)/;

/** @throws TypeError where the URL is not one of a Redis. */
export function connectToRedis(options: RedisConnectionOptions): RedisConnection {
  const { deadlineMs } = options;
  // Reset by a primary, not by a connection: a replica counts as a failed attempt.
  const backoff = createBackoff({ firstMs: FIRST_RETRY_MS, longestMs: LONGEST_RETRY_MS });
  const redis = new Redis(redisOptions(options, nextAttempt));
  const primary = watchPrimary(redis, options, backoff);
  const holdBatch = batching(redis);

  /** How long ioredis waits before it, which is enough to read a file; else the one after that has the password. */
  function nextAttempt(): number {
    void options.nextPassword?.().then((password) => {
      if (password !== undefined) redis.options.password = password;
    });
    return backoff.nextMs();
  }

  const exchange = (operation: StoreOperation, send: (answered: Answered) => void): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const obstacle = primary.obstacle() ?? tooManyUnanswered(redis);
      if (obstacle !== undefined) {
        reject(unavailable(operation, obstacle, false));
        return;
      }
      const timer = setTimeout(() => {
        reject(new StoreError('ERR_STORE_TIMEOUT', `no answer to ${operation} within ${deadlineMs} ms`));
      }, deadlineMs);
      holdBatch();
      send((error, reply) => {
        clearTimeout(timer);
        if (error) reject(failure(operation, error, primary.obstacle()));
        else resolve(reply);
      });
    });

  return {
    redis,
    exchange,
    verifyPrimary: primary.verify,
    async close() {
      primary.end();
      await disconnect(redis);
    },
  };
}

function redisOptions(options: RedisConnectionOptions, nextAttempt: () => number) {
  const { url, tls = {}, username, password, role, deadlineMs, onDemoted } = options;
  const { isTls, ...address } = addressOf(url);
  return {
    ...address,
    ...(isTls && redisTlsOptions(address, tls, DISCONNECT_TIMEOUT_MS)),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    connectionName: `singlestate-${role}`,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    socketTimeout: Math.max(SHORTEST_STALL_MS, STALL_DEADLINES * deadlineMs),
    maxLoadingRetryTime: LOADING_RETRY_MS,
    // Nothing waits for a connection and nothing is sent a second time: what has failed may be past its deadline.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: nextAttempt,
    reconnectOnError: (error) => {
      const isDemoted = error.message.startsWith('READONLY');
      if (isDemoted) onDemoted();
      return isDemoted;
    },
  } satisfies RedisOptions;
}

interface PrimaryWatch {
  /** Why there is nobody to ask; undefined while there is a primary. */
  readonly obstacle: () => Error | undefined;
  readonly verify: () => void;
  readonly end: () => void;
}

/** Follows the connection, and asks each server that it reaches for its role: a replica's answer may be stale (A4). */
function watchPrimary(
  redis: Redis,
  { role, onChange }: Pick<RedisConnectionOptions, 'role' | 'onChange'>,
  backoff: Backoff,
): PrimaryWatch {
  let obstacle: Error | undefined = new Error('not connected yet');
  let state: ConnectionChange['state'] | undefined;
  let isEnded = false;

  const verify = () => {
    void redis.role((error, reply) => {
      // Without a reply the connection is lost, which is told elsewhere.
      if (isEnded || (error && error.name !== 'ReplyError')) return;
      if (error && !ROLE_IS_NOT_TOLD.test(error.message)) giveUp(error);
      else if (reply?.[0] === 'slave' || reply?.[0] === 'replica')
        giveUp(new Error('the server is a replica'));
      else found();
    });
  };
  const giveUp = (reason: Error) => {
    obstacle = withoutArguments(reason);
    redis.disconnect(true);
  };
  const found = () => {
    obstacle = undefined;
    backoff.reset();
    if (state !== 'ready') onChange({ role, state: (state = 'ready') });
  };
  const lost = () => {
    obstacle ??= new Error('the server closed the connection');
    if (state !== 'lost' && !isEnded) onChange({ role, state: (state = 'lost'), reason: reasonOf(obstacle) });
  };

  redis.on('error', (raised: Error) => {
    const error = redis.options.tls ? explainTlsError(raised, redis.status === 'connect') : raised;
    // ioredis goes on after some errors: with another database than asked for, where SELECT was refused.
    if (redis.status === 'connect' || redis.status === 'ready') giveUp(error);
    else obstacle = withoutArguments(error);
  });
  redis.on('ready', verify);
  redis.on('close', lost);
  return {
    obstacle: () => obstacle,
    verify,
    end: () => {
      isEnded = true;
      obstacle = new Error('the store is closed');
    },
  };
}

function tooManyUnanswered(redis: Redis): Error | undefined {
  if (redis.commandQueue.length < MAX_UNANSWERED) return undefined;
  return new Error(`${MAX_UNANSWERED} commands are unanswered`);
}

/**
 * Writes that belong to one turn of the event loop leave in one system call. Unlike ioredis' auto-pipelining, a batch
 * waits for no earlier one, so a slow answer delays nothing that was asked after it; and it costs half.
 */
function batching(redis: Redis): () => void {
  let held: Redis['stream'] | undefined;
  const release = () => {
    held?.uncork();
    held = undefined;
  };
  return () => {
    if (held !== undefined) return;
    held = redis.stream;
    held.cork();
    setImmediate(release);
  };
}

async function disconnect(redis: Redis): Promise<void> {
  if (redis.status === 'end') return;
  const isWaitingToReconnect = redis.status === 'reconnecting';
  const ended = new Promise<void>((resolve) => void redis.once('end', resolve));
  redis.disconnect();
  if (!isWaitingToReconnect) await ended;
}

interface StoreAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly isTls: boolean;
}

/** Parsed here and not by ioredis, which lets a URL's parameters override options. */
function addressOf(text: string): StoreAddress {
  const url = URL.parse(text);
  const [, db = '0'] = /^\/?(\d*)$/.exec(url?.pathname ?? '') ?? [, 'none'];
  const extra = url && (url.username || url.password || url.search || url.hash);
  const isTls = url?.protocol === 'rediss:';
  if (!url || !(isTls || url.protocol === 'redis:') || url.hostname === '' || db === 'none' || extra) {
    throw new TypeError(
      'the store URL must be redis[s]://HOST[:PORT][/DB], without credentials and parameters',
    );
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(url.port || 6379), db: Number(db), isTls };
}

/** Of a command that was sent. */
function failure(operation: StoreOperation, error: Error, obstacle: Error | undefined): StoreError {
  const answered = obstacle === undefined && error.name === 'ReplyError';
  return unavailable(operation, obstacle ?? error, answered);
}

function unavailable(operation: StoreOperation, cause: Error, answered: boolean): StoreError {
  const message = `the store can't answer ${operation}: ${reasonOf(cause)}`;
  return new StoreError('ERR_STORE_UNAVAILABLE', message, { cause: withoutArguments(cause), answered });
}

/** An error reply may quote the command, so only its code is told: `OOM`, `LOADING`, `NOAUTH`. */
function reasonOf(error: Error): string {
  if (error.name !== 'ReplyError') return error.message;
  return /^[A-Z]+/.exec(error.message)?.[0] ?? 'error reply';
}

/** ioredis attaches the command with its arguments: documents, and in a login the password. */
function withoutArguments(error: Error): Error {
  Reflect.deleteProperty(error, 'command');
  return error;
}
