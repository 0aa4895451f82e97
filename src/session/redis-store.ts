/** The session store on Redis or Valkey: one hash a session, read by HMGET, changed by Lua. Hides keys and fields. */
import { createDocumentMemo } from './document-memo.ts';
import { encodeDocument } from './document.ts';
import {
  connectToRedis,
  type ConnectionChange,
  type ConnectionRole,
  type RedisConnection,
} from './redis-connection.ts';
import { defineScripts, type ScriptName } from './redis-scripts.ts';
import { corrupt, encodeWholeNumber, forgetAtMs, lookupOf, otherExpires, READ_FIELDS } from './record.ts';
import { partitionOfRef, type SessionRef } from './ref.ts';
import {
  CORRUPT_TOMBSTONE_MS,
  RETENTION_MS,
  StoreError,
  type CreateOutcome,
  type NewSession,
  type RevokeOutcome,
  type SessionLookup,
  type SessionStore,
  type SessionWrite,
  type StoreOperation,
  type WriteOutcome,
} from './store.ts';

export interface RedisStoreOptions {
  /** `redis://HOST[:PORT][/DB]`, without credentials and parameters. */
  readonly url: string;
  /** The ACL user; `default` where only a password is given. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** How long one operation may take, in milliseconds. */
  readonly deadlineMs: number;
  /** Begins every key. */
  readonly keyPrefix: string;
  /** Each time a connection is found or lost, for logs. */
  readonly onConnection?: (change: ConnectionChange) => void;
}

export type { ConnectionChange };

/**
 * Connects in the background and for ever; until there is a primary, operations throw `StoreError` at once. Reads go
 * to the primary only (A4), over a connection of their own, so that no script delays them. Every key of a subject
 * carries its partition as hash tag, and no key holds a secret.
 * @throws TypeError where the URL is not one of a Redis.
 */
export function createRedisStore(options: RedisStoreOptions): SessionStore {
  const reads = connect('read');
  const writes = connect('write');
  const runScript = defineScripts(writes.redis);
  const keys = keyNames(options.keyPrefix);
  const decode = createDocumentMemo();

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
      throw new StoreError('ERR_STORE_UNAVAILABLE', "the store answered read with another session's record");
    }
    return lookupOf(ref, version, document, lastSeen, revoked, revokedAt, decode);
  }

  async function run(name: ScriptName, keysAndArguments: readonly string[]): Promise<unknown[]> {
    const reply = await writes.exchange(name, (answered) => runScript(name, keysAndArguments, answered));
    return Array.isArray(reply) ? (reply as unknown[]) : [];
  }

  async function create(session: NewSession): Promise<CreateOutcome> {
    const { ref, document, nowMs, idleTimeoutMs, proof } = session;
    const { expiresAtMs } = document;
    const [outcome] = await run('create', [
      keys.session(ref),
      keys.proof(ref, proof.hash),
      encodeDocument(document),
      encodeWholeNumber(nowMs),
      encodeWholeNumber(expiresAtMs),
      encodeWholeNumber(forgetAtMs(expiresAtMs, nowMs, idleTimeoutMs)),
      encodeWholeNumber(proof.validUntilMs),
      ref,
    ]);
    if (outcome === 'created') {
      return { outcome, session: { ref, version: 1, lastSeenAtMs: nowMs, document } };
    }
    if (outcome === 'replayed') return { outcome };
    throw unexpected('create');
  }

  async function write({ ref, expectedVersion, document }: SessionWrite): Promise<WriteOutcome> {
    const [outcome, version] = await run('write', [
      keys.session(ref),
      encodeWholeNumber(expectedVersion),
      encodeDocument(document),
      encodeWholeNumber(document.expiresAtMs),
    ]);
    if (outcome === 'written') return { outcome, version: Number(version) };
    if (outcome === 'conflict') return { outcome, currentVersion: Number(version) };
    if (outcome === 'absent' || outcome === 'revoked') return { outcome };
    if (outcome === 'other_expires') throw otherExpires();
    throw unexpected('write');
  }

  return {
    read,
    create,
    write,
    async revoke({ ref, cause, nowMs }): Promise<RevokeOutcome> {
      const [outcome] = await run('revoke', [
        keys.session(ref),
        cause,
        encodeWholeNumber(nowMs),
        encodeWholeNumber(RETENTION_MS),
        encodeWholeNumber(nowMs + CORRUPT_TOMBSTONE_MS),
      ]);
      if (outcome === 'revoked' || outcome === 'already_revoked' || outcome === 'absent') return { outcome };
      throw unexpected('revoke');
    },
    async touch({ ref, seenAtMs, idleTimeoutMs }) {
      await run('touch', [
        keys.session(ref),
        encodeWholeNumber(seenAtMs),
        encodeWholeNumber(idleTimeoutMs),
        encodeWholeNumber(RETENTION_MS),
      ]);
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

/** The hash tag `{PARTITION}` keeps all keys of a subject in one slot, so that one script may change them. */
function keyNames(prefix: string) {
  return {
    session: (ref: SessionRef) => `${prefix}{${partitionOfRef(ref)}}:session:${ref.slice(3)}`,
    proof: (ref: SessionRef, hash: string) => `${prefix}{${partitionOfRef(ref)}}:proof:${hash}`,
  };
}

function isWrongType(error: unknown): boolean {
  return (
    error instanceof StoreError && error.cause instanceof Error && error.cause.message.startsWith('WRONGTYPE')
  );
}

function unexpected(operation: StoreOperation): StoreError {
  return new StoreError('ERR_STORE_UNAVAILABLE', `the store answered ${operation} with no known outcome`);
}
