/**
 * How sessions are named. The id is the secret that a session token carries; the ref is its public name, made from a
 * hash of the id, and the only one that the store, the logs and the Session API ever see.
 */
import { createHash, randomBytes } from 'node:crypto';

/** `PARTITION.RANDOM`: two hex digits that name the subject's partition, then 256 random bits in base64url. A secret. */
export type SessionId = string & { readonly __brand: 'SessionId' };

/** `PARTITION.HASH`: the same partition, then the first 128 bits of SHA-256 of the id in base64url. Public. */
export type SessionRef = string & { readonly __brand: 'SessionRef' };

/** `00` to `ff`: everything about one subject lives in one partition, so that one script can change it atomically. */
export type Partition = string & { readonly __brand: 'Partition' };

/** Whose sessions: OIDC `iss` and `sub`. */
export interface Subject {
  readonly issuer: string;
  readonly subject: string;
}

const ID = /^[0-9a-f]{2}\.[A-Za-z0-9_-]{43}$/;
const REF = /^[0-9a-f]{2}\.[A-Za-z0-9_-]{22}$/;

/** `hash(issuer, subject) mod 256`. */
export function partitionOf(issuer: string, subject: string): Partition {
  const digest = createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest();
  return digest.subarray(0, 1).toString('hex') as Partition;
}

export function createSessionId(partition: Partition): SessionId {
  return `${partition}.${randomBytes(32).toString('base64url')}` as SessionId;
}

export function isSessionId(text: string): text is SessionId {
  return ID.test(text);
}

export function isSessionRef(text: string): text is SessionRef {
  return REF.test(text);
}

export function sessionRef(id: SessionId): SessionRef {
  const digest = createHash('sha256').update(id).digest();
  return `${id.slice(0, 2)}.${digest.subarray(0, 16).toString('base64url')}` as SessionRef;
}

export function partitionOfRef(ref: SessionRef): Partition {
  return ref.slice(0, 2) as Partition;
}
