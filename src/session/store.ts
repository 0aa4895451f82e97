/**
 * The one interface to the session store. Every implementation passes test/contract/session-store.ts.
 *
 * Guarantees: each operation is atomic; an acknowledged write is seen by every later read on any client of the same
 * store (A4); no exchange with the store outlives its deadline, and `refresh`, `list`, `audit` and `revokeMany` take several; a revoked session never comes back (E6); each change of a session
 * leaves its audit record in the same atomic step (B6). Expected outcomes are values; a store that failed to answer
 * throws `StoreError`. After a `StoreError` a write is unknown, not failed: the version it names makes repeating it safe.
 * Only after `ERR_STORE_NOT_ASKED` is it known: nothing was sent.
 */
import type { AuditNote, AuditTrail } from './audit.ts';
import type { SessionDocument } from './document.ts';
import type { RateCounter } from './rate-limit.ts';
import type { SessionRef, Subject } from './ref.ts';

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
   * a document of a newer schema, or sealed with a key that this replica does not have: it is sound, and only not for
   * this code, so a rollback must not destroy it.
   */
  | { readonly state: 'corrupt'; readonly problem: string; readonly removable: boolean };

/** Why a session ended before its time. */
export const REVOCATION_CAUSES = [
  /** An operator ended it. */
  'operator',
  /** The user logged out here. */
  'logout',
  /** The identity provider said so (OIDC Back-Channel Logout). */
  'provider_logout',
  /** A new login took its place. */
  'superseded',
  /** A newer session of the subject took its place (`session.maxPerSubject`). */
  'limit',
  /** A refresh token was used again after its grace. */
  'refresh_reuse',
  /** Whoever held its token gave it back (RFC 7009). */
  'token_revocation',
  /** Its document could not be read. */
  'corrupt',
] as const;

export type RevocationCause = (typeof REVOCATION_CAUSES)[number];

export interface NewSession {
  readonly ref: SessionRef;
  readonly document: SessionDocument;
  readonly idleTimeoutMs: number;
  /** The proof of identity that this session comes from: used once, it is refused until `validUntilMs` (E1). */
  readonly proof: { readonly hash: string; readonly validUntilMs: number };
  /** How many live sessions the subject may have, this one included (E12). */
  readonly limit?: { readonly max: number; readonly onExceed: 'end-oldest' | 'refuse' };
  /** A session of the same subject that ends in the same step (A7); it does not count towards the limit. */
  readonly replaces?: { readonly ref: SessionRef; readonly version: number };
  /** SHA-256 of the first refresh token, base64url; without it the session has none. */
  readonly refreshHash?: string;
  /** Text that only `revoke` gives back, sealed where documents are: the provider's ID token, for logging out there. */
  readonly logoutHint?: string;
  readonly nowMs: number;
  readonly note: AuditNote;
}

export type CreateOutcome =
  | {
      readonly outcome: 'created';
      readonly session: Session;
      /** Sessions that were ended to make room. `replaces` is not among them. */
      readonly ended: readonly SessionRef[];
    }
  /** The same proof of identity, or the same ref, has opened a session before. Nothing was changed. */
  | { readonly outcome: 'replayed' }
  /** The subject has as many sessions as it may, and `onExceed` is `refuse`. Nothing was changed; the proof is not used up. */
  | { readonly outcome: 'limited' }
  /** `replaces` is not live at that version (any more). Nothing was changed. */
  | { readonly outcome: 'stale' };

export interface SessionWrite {
  readonly ref: SessionRef;
  /** The version that the writer read. */
  readonly expectedVersion: number;
  readonly document: SessionDocument;
  readonly note: AuditNote;
}

export type WriteOutcome =
  | { readonly outcome: 'written'; readonly version: number }
  | { readonly outcome: 'conflict'; readonly currentVersion: number }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'revoked' };

export interface Revocation {
  readonly ref: SessionRef;
  readonly cause: RevocationCause;
  readonly nowMs: number;
  readonly note: AuditNote;
}

export type RevokeOutcome =
  /** `logoutHint` as it was given to `create`; undefined also where it can't be unsealed any more. */
  | { readonly outcome: 'revoked'; readonly logoutHint: string | undefined }
  /** It was revoked before; the first revocation's cause and time stay. No audit record is left. */
  | { readonly outcome: 'already_revoked' }
  /** Never created, or expired and forgotten. */
  | { readonly outcome: 'absent' };

/** Which sessions to end at once. Each is ended in the same way as by `revoke`, with an audit record of its own. */
export type RevocationTarget =
  /** Every session of a subject, in one atomic step. */
  | { readonly kind: 'subject'; readonly subject: Subject }
  /**
   * Every session that came from one session at an identity provider (OIDC `sid`), in one atomic step where `subject` is
   * given. Without it, one step for each of the 256 partitions.
   */
  | {
      readonly kind: 'provider_session';
      readonly issuer: string;
      readonly providerSession: string;
      readonly subject?: string;
    }
  /** Every session that was there when the call began, in many steps; each session as a whole. */
  | { readonly kind: 'all' };

export interface MassRevocation {
  readonly target: RevocationTarget;
  readonly cause: RevocationCause;
  readonly nowMs: number;
  readonly note: AuditNote;
}

export interface Touch {
  readonly ref: SessionRef;
  readonly seenAtMs: number;
  readonly idleTimeoutMs: number;
  /** What was read of it: with this a record that was laid out before there were indexes is put into them. */
  readonly document?: SessionDocument;
}

export interface Refresh {
  readonly ref: SessionRef;
  /** SHA-256 of the refresh token that was presented, base64url. */
  readonly presentedHash: string;
  /** SHA-256 of its successor, should this be the first use. */
  readonly successorHash: string;
  /** The successor in a form that only who presents the same token again can read; stored as it is. */
  readonly successor: string;
  /** How long after its first use a token may be presented again. */
  readonly graceMs: number;
  readonly idleTimeoutMs: number;
  readonly nowMs: number;
  /** For the rotation. */
  readonly note: AuditNote;
  /** For the end of the session, should the token be an old one (cause `refresh_reuse`). */
  readonly reuseNote: AuditNote;
}

export type RefreshOutcome =
  /** The successor is the session's refresh token from now on; the session counts as used. */
  | { readonly outcome: 'rotated'; readonly session: Session }
  /** The token was used before, within the grace: `successor` as it was stored then. Nothing was changed. */
  | { readonly outcome: 'repeated'; readonly successor: string; readonly session: Session }
  /** An old token: the session was ended with it (E10). */
  | { readonly outcome: 'reused' }
  /** There is no live session, or none with refresh tokens, or it is over. Nothing was changed. */
  | { readonly outcome: 'refused' };

export interface SessionQuery {
  /** Without it, everybody's. */
  readonly subject?: Subject;
  /** Unix milliseconds, inclusive and exclusive. */
  readonly createdFromMs?: number;
  readonly createdBeforeMs?: number;
  /** Goes on after this session, which a query of the same kind returned last. */
  readonly after?: ListPosition;
  readonly limit: number;
}

export interface ListPosition {
  readonly createdAtMs: number;
  readonly ref: SessionRef;
}

export interface ListedSession extends ListPosition {
  /** `live` or `corrupt`: what has ended is not listed. */
  readonly lookup: SessionLookup;
}

export interface SessionStore extends AuditTrail, RateCounter {
  read(ref: SessionRef): Promise<SessionLookup>;
  create(session: NewSession): Promise<CreateOutcome>;
  /**
   * Writes if the session is live at `expectedVersion`. It does not slide the idle timeout. A document with another
   * absolute timeout or another identity than the stored one is a fault of the caller: RangeError, and nothing is written.
   */
  write(write: SessionWrite): Promise<WriteOutcome>;
  /**
   * Leaves a tombstone until the session's absolute timeout, so that no late write revives it. Ends a corrupt record
   * as well; where that does not tell its absolute timeout, the tombstone stays for `CORRUPT_TOMBSTONE_MS`.
   */
  revoke(revocation: Revocation): Promise<RevokeOutcome>;
  /**
   * Ends many; resolves to how many it ended. Once it resolves, no read on any client finds one of them live. After a
   * `StoreError` some of them may be ended: repeat it.
   */
  revokeMany(revocation: MassRevocation): Promise<number>;
  /**
   * Slides the idle timeout. Not a write: the version stays, and no audit record is left. Never moves back, and never
   * revives: what was over at `seenAtMs`, revoked or corrupt stays as it is.
   */
  touch(touch: Touch): Promise<void>;
  /** Rotates a refresh token (E10). Of parallel calls with one token, one rotates and all others repeat its answer. */
  refresh(refresh: Refresh): Promise<RefreshOutcome>;
  /**
   * Sessions by age, oldest first (by `createdAtMs`, then by ref); at most `limit`. Sessions that are there during all
   * of a listing of several pages are in it exactly once.
   */
  list(query: SessionQuery): Promise<readonly ListedSession[]>;
  /** Whether `spend` was called with this proof before, for what must not be done twice but may be repeated until it worked. */
  isSpent(proofHash: string): Promise<boolean>;
  /** From now on `isSpent`, until `validUntilMs`. */
  spend(proof: { readonly hash: string; readonly validUntilMs: number }): Promise<void>;
  /** Resolves when the store answers; throws `StoreError` when it does not. */
  ping(): Promise<void>;
  /** Afterwards every operation throws `StoreError`. */
  close(): Promise<void>;
}

/** As logs and metrics name them. */
export type StoreOperation = Exclude<keyof SessionStore, 'close'>;

export type StoreErrorCode =
  | 'ERR_STORE_TIMEOUT'
  | 'ERR_STORE_UNAVAILABLE'
  /** The circuit breaker is open: nothing was sent, so nothing was changed. */
  | 'ERR_STORE_NOT_ASKED';

export interface StoreErrorOptions extends ErrorOptions {
  /** Default: false. */
  readonly answered?: boolean;
}

/** The store did not do what was asked of it. The message names the operation and the cause, and never a key, an id or a document. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  /** The store is there and did answer, only not with what was asked for: it has no memory left, say. */
  readonly answered: boolean;

  constructor(code: StoreErrorCode, message: string, options: StoreErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.answered = options.answered ?? false;
  }
}

/**
 * How long past its end a record is kept, so that a request that comes just too late gets the exact reason
 * (`idle_timeout`, `absolute_timeout`) in place of `unknown_session`. After that nothing is left behind (A5).
 */
export const RETENTION_MS = 60_000;

/** How long the tombstone of a corrupt record stays: no session token is valid for longer (`token.ttl` is at most 24h). */
export const CORRUPT_TOMBSTONE_MS = 86_400_000;
