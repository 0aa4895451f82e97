/** What opening, refreshing and ending sessions is given to work with; nothing in src/lifecycle looks for it elsewhere. */
import type { RevocationCause, SessionStore } from '../session/store.ts';
import type { MintedToken, SessionTokenRequest } from '../token/mint.ts';

export interface SessionLimits {
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
  /** The largest session document, in bytes of its encoded form before it is sealed. */
  readonly maxBytes: number;
  readonly maxPerSubject?: { readonly limit: number; readonly onExceed: 'end-oldest' | 'refuse' } | undefined;
  readonly carryOver: { readonly slices: readonly string[]; readonly attributes: readonly string[] };
  readonly refreshGraceMs: number;
}

/** Every member is read anew in each call, so that a getter lets a reload swap it. */
export interface LifecycleDependencies {
  readonly store: SessionStore;
  readonly limits: SessionLimits;
  /** Signs a session token, for as long as `token.ttl` says, or `token.cookie.ttl` for one that goes into a cookie. */
  mint(request: TokenOrder): Promise<MintedToken>;
  nowMs(): number;
  /** A session was opened for an identity of this provider. */
  onCreated(provider: string): void;
  /** So many sessions were ended. */
  onEnded(cause: RevocationCause, count: number): void;
  onTokenIssued(cause: TokenCause): void;
}

export interface TokenOrder extends Omit<SessionTokenRequest, 'ttlMs'> {
  readonly forBrowser?: boolean;
}

/** `created`: for a session that was opened. `refreshed`: for a refresh token. `renewed`: by a check, for a cookie. */
export type TokenCause = 'created' | 'refreshed' | 'renewed';
