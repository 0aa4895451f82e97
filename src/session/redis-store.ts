/** The session store on Redis or Valkey: one hash a session, read by HMGET, changed by Lua. Hides its parts and connections. */
import type { Sealer } from '../sealing/sealer.ts';
import { createDocumentMemo } from './document-memo.ts';
import { corrupt, encodeWholeNumber, lookupOf, READ_FIELDS } from './record.ts';
import { createRedisAccess, type AuditLimits } from './redis-access.ts';
import { createRedisAudit } from './redis-audit.ts';
import {
  connectToRedis,
  type ConnectionChange,
  type ConnectionRole,
  type RedisConnection,
} from './redis-connection.ts';
import { redisKeys } from './redis-keys.ts';
import { createRedisList } from './redis-list.ts';
import { createRedisRates } from './redis-rates.ts';
import { createRedisRevokeMany } from './redis-revoke-many.ts';
import { createRedisSessions } from './redis-sessions.ts';
import type { RedisTlsOptions } from './redis-tls.ts';
import type { SessionRef } from './ref.ts';
import { StoreError, type SessionLookup, type SessionStore } from './store.ts';

export interface RedisStoreOptions {
  /** `redis://HOST[:PORT][/DB]`, or `rediss:` for TLS, without credentials and parameters. */
  readonly url: string;
  /** For `rediss:`. Default: the CAs that come with Node are trusted, and no client certificate is shown. */
  readonly tls?: RedisTlsOptions | undefined;
  /** The ACL user; `default` where only a password is given. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** See `RedisConnectionOptions`. */
  readonly nextPassword?: (() => Promise<string | undefined>) | undefined;
  /** How long one exchange with the server may take, in milliseconds. */
  readonly deadlineMs: number;
  /** Begins every key. */
  readonly keyPrefix: string;
  /** What seals documents and names; asked at each operation, so that a reload may swap it. */
  readonly sealer: () => Sealer;
  /** How much of the audit trail is kept; asked at each operation. */
  readonly audit: () => AuditLimits;
  /** Each time a connection is found or lost, for logs. */
  readonly onConnection?: (change: ConnectionChange) => void;
}

export type { AuditLimits, ConnectionChange };

/**
 * Connects in the background and for ever; until there is a primary, operations throw `StoreError` at once. Everything
 * goes to the primary only (A4); `read` over a connection of its own, so that no script delays it.
 * @throws TypeError where the URL is not one of a Redis.
 */
export function createRedisStore(options: RedisStoreOptions): SessionStore {
  const reads = connect('read');
  const writes = connect('write');
  const keys = redisKeys(options.keyPrefix);
  const decode = createDocumentMemo(options.sealer);
  const access = createRedisAccess(writes, { ...options, keys });

  function connect(role: ConnectionRole): RedisConnection {
    return connectToRedis({
      ...options,
      role,
      onChange: options.onConnection ?? (() => undefined),
      // Only a write finds out that its server was demoted; reads from there would be stale.
      onDemoted: () => reads.verifyPrimary(),
    });
  }

  async function read(ref: SessionRef): Promise<SessionLookup> {
    const key = keys.session(ref);
    let reply: unknown;
    try {
      reply = await reads.exchange(
        'read',
        (answered) => void reads.redis.hmget(key, 'ref', ...READ_FIELDS, answered),
      );
    } catch (error) {
      if (isWrongType(error)) return corrupt('record: not a hash');
      throw error;
    }
    const [owner, version, document, lastSeen, revoked, revokedAt] = reply as (string | null)[];
    // Tombstones name nobody: they let nobody in.
    if (owner != null && owner !== ref) {
      throw new StoreError('ERR_STORE_UNAVAILABLE', "the store answered read with another session's record", {
        answered: true,
      });
    }
    return lookupOf(ref, version, document, lastSeen, revoked, revokedAt, decode);
  }

  return {
    read,
    ...createRedisSessions(access, read, decode),
    revokeMany: createRedisRevokeMany(access),
    list: createRedisList(access),
    ...createRedisAudit(access),
    ...createRedisRates(access),
    async isSpent(hash) {
      const key = keys.spent(hash);
      return (await access.ask('isSpent', (redis, answered) => void redis.exists(key, answered))) === 1;
    },
    async spend({ hash, validUntilMs }) {
      const until = encodeWholeNumber(validUntilMs);
      await access.ask(
        'spend',
        (redis, answered) => void redis.set(keys.spent(hash), '1', 'PXAT', until, answered),
      );
    },
    async ping() {
      await Promise.all([ping(reads), ping(writes)]);
    },
    async close() {
      await Promise.all([reads.close(), writes.close()]);
    },
  };
}

async function ping({ exchange, redis }: RedisConnection): Promise<void> {
  await exchange('ping', (answered) => void redis.ping(answered));
}

function isWrongType(error: unknown): boolean {
  return (
    error instanceof StoreError && error.cause instanceof Error && error.cause.message.startsWith('WRONGTYPE')
  );
}
