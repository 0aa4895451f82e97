/** Makes session tokens: what they claim, for how long, and with which key. */
import { SignJWT } from 'jose';
import type { SessionId } from '../session/ref.ts';
import { SESSION_TOKEN_TYP } from './session-token.ts';
import type { KeyRing } from './signing-keys.ts';

export interface SessionTokenRequest {
  readonly sessionId: SessionId;
  readonly nowMs: number;
  /** How long the token shall be valid. */
  readonly ttlMs: number;
  /** The session's absolute end, Unix milliseconds: no token outlives its session. */
  readonly notAfterMs: number;
}

export interface MintedToken {
  readonly token: string;
  /** `exp`, Unix milliseconds; whole seconds, rounded down. */
  readonly expiresAtMs: number;
}

export interface SessionTokenMinter {
  /** Signs with the key that is active at `nowMs`. Rejects only if signing itself fails. */
  mintSessionToken(request: SessionTokenRequest): Promise<MintedToken>;
}

export interface SessionTokenMinterOptions {
  /** Asked at each token, so that new keys are taken up at once. */
  readonly keyRing: () => KeyRing;
  readonly issuer: string;
  readonly audience: string;
}

/** The token binds its bearer to a session id and holds nothing else: no subject, no scope, no attribute (B2). */
export function createSessionTokenMinter(options: SessionTokenMinterOptions): SessionTokenMinter {
  const { keyRing, issuer, audience } = options;
  return {
    async mintSessionToken(request) {
      const { sessionId, nowMs } = request;
      const { kid, alg, privateKey } = keyRing().signingKey(nowMs);
      const expiresAtMs = tokenEndMs(request);
      const times = { iat: Math.floor(nowMs / 1000), exp: expiresAtMs / 1000 };
      const claims = { iss: issuer, aud: audience, ...times, sid: sessionId };
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg, kid, typ: SESSION_TOKEN_TYP })
        .sign(privateKey);
      return { token, expiresAtMs };
    },
  };
}

/** When the token that is made of a request expires, Unix milliseconds; whole seconds, rounded down. */
export function tokenEndMs({ nowMs, ttlMs, notAfterMs }: SessionTokenRequest): number {
  return Math.floor(Math.min(nowMs + ttlMs, notAfterMs) / 1000) * 1000;
}
