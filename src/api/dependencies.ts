/** What the Session API is given to work with; nothing in src/api looks for it elsewhere. */
import type { IdentityProvider, OperatorAuthenticator } from '../identity/identity.ts';
import type { Log } from '../ops/log.ts';
import type { RevocationCause, SessionStore } from '../session/store.ts';
import type { PublicJwks } from '../token/jwks.ts';
import type { MintedToken, SessionTokenRequest } from '../token/mint.ts';

export type ApiLog = Pick<Log, 'info' | 'error'>;

export interface SessionLimits {
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
  /** The largest session document, in bytes of its encoded form. */
  readonly maxBytes: number;
}

/** Every member is read anew in each call, so that a getter lets a reload swap it. */
export interface SessionDependencies {
  readonly store: SessionStore;
  readonly limits: SessionLimits;
  /** Signs a session token, for as long as `token.ttl` says. */
  mint(request: Omit<SessionTokenRequest, 'ttlMs'>): Promise<MintedToken>;
  nowMs(): number;
  /** A session was opened for an identity of this provider. */
  onCreated(provider: string): void;
  onEnded(cause: RevocationCause): void;
  onTokenIssued(cause: 'created'): void;
}

/** Every member is read anew in each call, so that a getter lets a reload swap it. */
export interface ApiDependencies extends SessionDependencies {
  /** By configured name. */
  readonly identityProviders: ReadonlyMap<string, IdentityProvider>;
  readonly operators: OperatorAuthenticator;
  /** The public keys of session tokens and assertions (RFC 7517 section 5). */
  jwks(): PublicJwks;
  readonly log: ApiLog;
}
