/** The audit trail: what a record says, and how the trail is asked. Records are only ever added (E7). */
import type { SessionRef, Subject } from './ref.ts';

/** What was done, as records and queries name it. */
export const AUDIT_ACTIONS = [
  'session_created',
  'session_written',
  'session_revoked',
  'session_refreshed',
  /** An old refresh token was presented, which ended its session: the record of that end (E10). */
  'refresh_reused',
  /** A corrupt document was removed (D4). */
  'session_removed',
  'login_failed',
  /** An operator looked at a session, at a list of them, or at this trail. */
  'session_read',
  'sessions_listed',
  'audit_read',
  /** An operator ended many sessions at once; each of them has a record of its own besides. */
  'sessions_revoked',
  'config_reloaded',
  'config_refused',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export const ACTOR_KINDS = ['operator', 'app', 'user', 'provider', 'singlestate'] as const;

/** Who did it. */
export interface Actor {
  readonly kind: (typeof ACTOR_KINDS)[number];
  /** The configured name of the operator, app or provider; of a user the session's ref; else empty. */
  readonly name: string;
}

/** What the caller of a change tells the trail. Never a secret. */
export interface AuditNote {
  readonly action: AuditAction;
  readonly actor: Actor;
  /** A reason code, or the actor's words for why; at most 200 characters. */
  readonly reason?: string;
  /** What else there is to know, such as the parts of the document that were written. */
  readonly detail?: string;
}

export interface AuditRecord extends AuditNote {
  /** Grows along the trail of one partition; unique in the whole of it. */
  readonly id: string;
  /** When the store took it down, by the store's clock; Unix milliseconds. */
  readonly atMs: number;
  readonly ref?: SessionRef;
  /** Whose session it is about; undefined where it is about none, or can't be unsealed any more. */
  readonly subject?: Subject;
  /** The document's version before and after; both are there where a session was changed, 0 for none. */
  readonly before?: number;
  readonly after?: number;
}

export interface AuditQuery {
  readonly subject?: Subject;
  readonly ref?: SessionRef;
  /** All that are given must agree. */
  readonly actor?: { readonly kind?: Actor['kind']; readonly name?: string };
  readonly action?: AuditAction;
  /** Unix milliseconds by the store's clock, inclusive and exclusive. */
  readonly fromMs?: number;
  readonly beforeMs?: number;
  /** Goes on after the page that ended with this position. */
  readonly after?: string;
  readonly limit: number;
}

export interface AuditPage {
  /** Oldest first. */
  readonly records: readonly AuditRecord[];
  /**
   * Where the next page begins; opaque text without secrets. It is there also on a page that reached the end of the trail,
   * so that asking again later yields what was added since, and nothing twice.
   */
  readonly position: string;
  /** Whether there may be more right now. */
  readonly more: boolean;
}

export interface AuditTrail {
  /** Adds a record of something that changed no session. */
  record(note: AuditNote, about?: { readonly subject?: Subject; readonly ref?: SessionRef }): Promise<void>;
  audit(query: AuditQuery): Promise<AuditPage>;
}
