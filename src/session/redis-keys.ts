/**
 * The names of keys. Each carries the partition of whom it is about as hash tag, so that everything about one subject lies
 * in one slot of a Cluster; none holds a secret or a name, only hashes.
 */
import { createHash } from 'node:crypto';
import { shortHash } from './record.ts';
import { partitionOfRef, type Partition, type SessionRef } from './ref.ts';

/** Where the audit records are that belong to no subject. */
export const NO_PARTITION = 'none';

export type Place = Partition | typeof NO_PARTITION;

export const PARTITIONS: readonly Partition[] = Array.from(
  { length: 256 },
  (_, number) => number.toString(16).padStart(2, '0') as Partition,
);

export interface RedisKeys {
  /** Begins every key of the partition. Scripts make the keys from it that only an index or a record tells them. */
  start(place: Place): string;
  session(ref: SessionRef): string;
  /** That a proof of identity opened a session. */
  proof(ref: SessionRef, hash: string): string;
  /** That a proof was spent (`SessionStore.spend`). */
  spent(hash: string): string;
  /** The sessions of a partition, by `createdAtMs`. */
  sessions(partition: Partition): string;
  /** The sessions of a subject, by when they end. `hash` is a `subjectHash`. */
  subject(partition: Partition, hash: string): string;
  /** The sessions from one at the provider, by when they end. `hash` is a `providerHash`. */
  provider(partition: Partition, hash: string): string;
  /** The audit stream. */
  audit(place: Place): string;
  rate(place: Partition, kind: string, of: string): string;
}

export function redisKeys(prefix: string): RedisKeys {
  const start = (place: Place) => `${prefix}{${place}}:`;
  return {
    start,
    session: (ref) => `${start(partitionOfRef(ref))}session:${memberOf(ref)}`,
    proof: (ref, hash) => `${start(partitionOfRef(ref))}proof:${hash}`,
    spent: (hash) => `${start(partitionOfText(hash))}spent:${hash}`,
    sessions: (partition) => `${start(partition)}sessions`,
    subject: (partition, hash) => `${start(partition)}subject:${hash}`,
    provider: (partition, hash) => `${start(partition)}provider:${hash}`,
    audit: (place) => `${start(place)}audit`,
    rate: (place, kind, of) => `${start(place)}rate:${kind}:${shortHash(of)}`,
  };
}

/** A session's name within its partition: the hash in its ref, as keys and indexes have it. */
export function memberOf(ref: SessionRef): string {
  return ref.slice(3);
}

export function refOf(partition: Partition, member: string): SessionRef {
  return `${partition}.${member}` as SessionRef;
}

/** Spreads evenly what belongs to no subject. Of the JSON of [issuer, subject] it is that subject's (`partitionOf`). */
export function partitionOfText(text: string): Partition {
  return createHash('sha256').update(text).digest().subarray(0, 1).toString('hex') as Partition;
}
