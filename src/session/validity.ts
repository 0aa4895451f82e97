/** When a session that is in the store may be used: the one place that makes a `ValidSession`. */
import type { Session, SessionLookup } from './store.ts';

declare const valid: unique symbol;

/** A live session within both of its timeouts at the time it was checked. Only `validate` makes one. */
export type ValidSession = Session & { readonly [valid]: true };

export type SessionEnd =
  'unknown_session' | 'revoked' | 'idle_timeout' | 'absolute_timeout' | 'corrupt_session';

export type Validity =
  | { readonly valid: true; readonly session: ValidSession }
  | { readonly valid: false; readonly reason: SessionEnd };

/** Both timeouts are exclusive: at the very millisecond of its end a session is over (A5). */
export function validate(lookup: SessionLookup, nowMs: number, idleTimeoutMs: number): Validity {
  switch (lookup.state) {
    case 'absent':
      return { valid: false, reason: 'unknown_session' };
    case 'revoked':
      return { valid: false, reason: 'revoked' };
    case 'corrupt':
      return { valid: false, reason: 'corrupt_session' };
    case 'live': {
      const { session } = lookup;
      // Asked this way round, a time that is no number is over.
      if (!(nowMs < session.document.expiresAtMs)) return { valid: false, reason: 'absolute_timeout' };
      if (!(nowMs < session.lastSeenAtMs + idleTimeoutMs)) return { valid: false, reason: 'idle_timeout' };
      return { valid: true, session: session as ValidSession };
    }
  }
}
