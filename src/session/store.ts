/**
 * The one interface to the session store. Every implementation passes test/contract/session-store.ts.
 *
 * Guarantees: each operation is atomic; an acknowledged write is seen by every later read on any client of the same
 * store (A4); no operation outlives its deadline; a revoked session never comes back (E6). Expected outcomes are
 * values; a store that failed to answer throws `StoreError`. After a `StoreError` a write is unknown, not failed:
 * the version it names makes repeating it safe.
 */
import type { SessionDocument } from './document.ts';
import type { SessionRef } from './ref.ts';

export interface Session {
  readonly ref: SessionRef;
  /** Starts at 1 and only grows, by one with each write (A2). */
  readonly version: number;
  /** Unix milliseconds, exact to a fraction of the idle timeout (see `createIdleTouch`). */
  readonly lastSeenAtMs: number;
  readonly document: SessionDocument;
}

export type SessionLookup =
  | { readonly state: 'live'; readonly session: Session }
  /** Never created, or expired and forgotten. */
  | { readonly state: 'absent' }
  | {
      readonly state: 'revoked';
      /** `unknown`: a cause that only a newer Singlestate knows. The session is revoked all the same. */
      readonly cause: RevocationCause | 'unknown';
      /** Unix milliseconds; 0 where the tombstone does not say. */
      readonly revokedAtMs: number;
    }
  /**
   * Something is stored that is no session document (D4). `problem` holds none of its values. `removable` is false for
   * a document of a newer schema: it is sound, and only too new for this code, so a rollback must not destroy it.
   */
  | { readonly state: 'corrupt'; readonly problem: string; readonly removable: boolean };

/** Why a session ended before its time. */
export type RevocationCause = 'operator' | 'corrupt';

export interface NewSession {
  readonly ref: SessionRef;
  readonly document: SessionDocument;
  readonly idleTimeoutMs: number;
  /** The proof of identity that this session comes from: used once, it is refused until `validUntilMs` (E1). */
  readonly proof: { readonly hash: string; readonly validUntilMs: number };
  readonly nowMs: number;
}

export type CreateOutcome =
  | { readonly outcome: 'created'; readonly session: Session }
  /** The same proof of identity, or the same ref, has opened a session before. Nothing was changed. */
  | { readonly outcome: 'replayed' };

export interface SessionWrite {
  readonly ref: SessionRef;
  /** The version that the writer read. */
  readonly expectedVersion: number;
  readonly document: SessionDocument;
}

export type WriteOutcome =
  | { readonly outcome: 'written'; readonly version: number }
  | { readonly outcome: 'conflict'; readonly currentVersion: number }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'revoked' };

export type RevokeOutcome =
  | { readonly outcome: 'revoked' }
  /** It was revoked before; the first revocation's cause and time stay. */
  | { readonly outcome: 'already_revoked' }
  /** Never created, or expired and forgotten. */
  | { readonly outcome: 'absent' };

export interface Revocation {
  readonly ref: SessionRef;
  readonly cause: RevocationCause;
  readonly nowMs: number;
}

export interface Touch {
  readonly ref: SessionRef;
  readonly seenAtMs: number;
  readonly idleTimeoutMs: number;
}

export interface SessionStore {
  read(ref: SessionRef): Promise<SessionLookup>;
  create(session: NewSession): Promise<CreateOutcome>;
  /**
   * Writes if the session is live at `expectedVersion`. It does not slide the idle timeout. A document with another
   * absolute timeout than the stored one is a fault of the caller: RangeError, and nothing is written.
   */
  write(write: SessionWrite): Promise<WriteOutcome>;
  /**
   * Leaves a tombstone until the session's absolute timeout, so that no late write revives it. Ends a corrupt record
   * as well; where that does not tell its absolute timeout, the tombstone stays for `CORRUPT_TOMBSTONE_MS`.
   */
  revoke(revocation: Revocation): Promise<RevokeOutcome>;
  /**
   * Slides the idle timeout. Not a write: the version stays. Never moves back, and never revives: what was over at
   * `seenAtMs`, revoked or corrupt stays as it is.
   */
  touch(touch: Touch): Promise<void>;
  /** Resolves when the store answers; throws `StoreError` when it does not. */
  ping(): Promise<void>;
  /** Afterwards every operation throws `StoreError`. */
  close(): Promise<void>;
}

/** As logs and metrics name them. */
export type StoreOperation = Exclude<keyof SessionStore, 'close'>;

export type StoreErrorCode = 'ERR_STORE_TIMEOUT' | 'ERR_STORE_UNAVAILABLE';

/** The store did not answer. The message names the operation and the cause, and never a key, an id or a document. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * How long past its end a record is kept, so that a request that comes just too late gets the exact reason
 * (`idle_timeout`, `absolute_timeout`) in place of `unknown_session`. After that nothing is left behind (A5).
 */
export const RETENTION_MS = 60_000;

/** How long the tombstone of a corrupt record stays: no session token is valid for longer (`token.ttl` is at most 24h). */
export const CORRUPT_TOMBSTONE_MS = 86_400_000;
