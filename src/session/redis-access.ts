/** What the parts of the Redis store share: its keys, its scripts, and what every script of a partition is given. */
import type { Redis } from 'ioredis';
import type { Sealer } from '../sealing/sealer.ts';
import { entryOf } from './audit-entry.ts';
import type { AuditNote } from './audit.ts';
import { encodeWholeNumber } from './record.ts';
import type { Answered, RedisConnection } from './redis-connection.ts';
import type { Place, RedisKeys } from './redis-keys.ts';
import type { SessionRef } from './ref.ts';
import { defineScripts, type ScriptCall, type ScriptName } from './redis-scripts.ts';
import { CORRUPT_TOMBSTONE_MS, RETENTION_MS, StoreError, type StoreOperation } from './store.ts';

export interface AuditLimits {
  /** About how many records are kept in the whole trail. */
  readonly maxEntries: number;
  readonly maxAgeMs: number;
}

export interface RedisAccessOptions {
  readonly keys: RedisKeys;
  /** Asked at each operation, so that a reload may swap it. */
  readonly sealer: () => Sealer;
  /** Asked at each operation. */
  readonly audit: () => AuditLimits;
}

export type Given = ScriptCall['given'];

/** Everything goes over the connection on which slow answers harm no check. */
export interface RedisAccess extends Omit<RedisAccessOptions, 'audit'> {
  /** @throws StoreError */
  readonly run: (
    operation: StoreOperation,
    script: ScriptName,
    call: ScriptCall,
  ) => Promise<readonly unknown[]>;
  /** @throws StoreError */
  readonly ask: (
    operation: StoreOperation,
    send: (redis: Redis, answered: Answered) => void,
  ) => Promise<unknown>;
  /** For a script that reads or writes records. */
  partition(place: Place): Given;
  /** For a script that ends sessions. */
  ending(nowMs: number): Given;
  /**
   * For a script that leaves an audit record, by the name under which it looks for it. `ref`: the session that it is
   * about; undefined where it is about none, or the script alone finds out.
   */
  note(name: string, note: AuditNote, ref: SessionRef | undefined): Given;
}

/** A trail is kept in 257 streams, which are trimmed about; a short one is kept to be of use. */
const STREAMS = 256;
const FEWEST_ENTRIES = 100;

export function createRedisAccess(connection: RedisConnection, options: RedisAccessOptions): RedisAccess {
  const { keys, sealer, audit } = options;
  const { redis, exchange } = connection;
  const runScript = defineScripts(redis);
  return {
    keys,
    sealer,
    async run(operation, script, call) {
      const reply = await exchange(operation, (answered) => runScript(script, call, answered));
      return Array.isArray(reply) ? (reply as unknown[]) : [];
    },
    ask: (operation, send) => exchange(operation, (answered) => send(redis, answered)),
    partition(place) {
      const { maxEntries, maxAgeMs } = audit();
      return {
        keys: keys.start(place),
        partition: place,
        retention: String(RETENTION_MS),
        auditEntries: String(Math.max(FEWEST_ENTRIES, Math.ceil(maxEntries / STREAMS))),
        auditAge: encodeWholeNumber(maxAgeMs),
      };
    },
    ending: (nowMs) => ({
      now: encodeWholeNumber(nowMs),
      corruptForgetAt: encodeWholeNumber(nowMs + CORRUPT_TOMBSTONE_MS),
    }),
    note(name, note, ref) {
      const entry = entryOf(note, ref, sealer());
      return {
        [`${name}.action`]: entry.action,
        [`${name}.by`]: entry.by,
        [`${name}.note`]: entry.note,
      };
    },
  };
}

/** For a reply that no script of this version gives. */
export function unexpected(operation: StoreOperation): StoreError {
  const message = `the store answered ${operation} with no known outcome`;
  return new StoreError('ERR_STORE_UNAVAILABLE', message, { answered: true });
}
