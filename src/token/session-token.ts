/** What a session token says, and how reading one can end. */
import type { SessionId, SessionRef } from '../session/ref.ts';

/** The `typ` header of a session token (RFC 8725 section 3.11): no other JWT of this server passes for one. */
export const SESSION_TOKEN_TYP = 'singlestate-session+jwt';

/** Longer credentials are refused unread. */
export const MAX_TOKEN_LENGTH = 4096;

export interface SessionTokenClaims {
  readonly sessionId: SessionId;
  readonly ref: SessionRef;
  /** `iat`, Unix milliseconds. */
  readonly issuedAtMs: number;
  /** `exp`, Unix milliseconds. */
  readonly expiresAtMs: number;
}

export type TokenFault = 'malformed_token' | 'bad_signature' | 'expired_token';

export type TokenVerdict =
  | { readonly valid: true; readonly claims: SessionTokenClaims }
  | { readonly valid: false; readonly reason: Exclude<TokenFault, 'expired_token'> }
  /** Ours, and over: it lets nobody in, but tells which session to end. */
  | { readonly valid: false; readonly reason: 'expired_token'; readonly expired: SessionTokenClaims };

export interface SessionTokenVerifier {
  /**
   * Reads a session token. Answers at once for a token that was verified before, else with a promise; never rejects.
   * `malformed_token`: too long, not a JWT, of another type, issuer or audience, or without a usable `sid` or `exp`.
   * `bad_signature`: no key of ours has its `kid` and `alg`, or the signature does not fit. `expired_token`: `exp` is past.
   */
  verify(token: string, nowMs: number): TokenVerdict | Promise<TokenVerdict>;
}
