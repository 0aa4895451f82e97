/** What makes a verified JWT an ID token for us, and what it says about the user (OpenID Connect Core sections 2, 3.1.3.7). */
import { createHash } from 'node:crypto';
import type { IdentityProviderConfig } from '../config/schema.ts';
import { readAttributes, readScopes } from './claims.ts';
import type { VerifiedIdentity } from './identity.ts';
import { CLOCK_TOLERANCE_SECONDS, USED_TOKEN_SECONDS, type JwtRules } from './signed-jwt.ts';

/** An ID token opens a session soon after it was issued, or not at all; so this long its use must be remembered at most. */
export const MAX_AGE_SECONDS = 86_400;

/** OpenID Connect Core section 2: `sub` has at most 255 characters. */
const MAX_NAME_LENGTH = 255;

/** Some providers mark all their tokens `JWT` and tell their access, refresh and logout tokens apart by a claim `typ`. */
const OTHER_TOKENS = ['bearer', 'refresh', 'offline', 'logout'];

export type IdTokenReading =
  | { readonly ok: true; readonly identity: VerifiedIdentity }
  /** `problem` continues "The ID token". */
  | { readonly ok: false; readonly problem: string };

type Claims = Readonly<Record<string, unknown>> & { readonly exp: number };

export function idTokenRules({ issuer, clientId }: IdentityProviderConfig): JwtRules {
  return {
    issuer,
    audience: [clientId],
    types: ['jwt'],
    requiredClaims: ['sub', 'nonce'],
    maxAgeSeconds: MAX_AGE_SECONDS,
  };
}

/** Reads the claims of an ID token whose signature and `idTokenRules` hold. */
export function readIdToken(
  idToken: string,
  claims: Claims,
  expected: { readonly nonce: string; readonly nowMs: number },
  config: IdentityProviderConfig,
): IdTokenReading {
  const { sub, sid, acr, amr } = claims;
  const authenticatedAtMs = Math.trunc(Number(claims['auth_time'] ?? claims['iat']) * 1000);
  const problem = problemOf(claims, expected.nonce, config.clientId);
  if (problem !== undefined) return { ok: false, problem };
  if (!(authenticatedAtMs >= 0 && authenticatedAtMs <= expected.nowMs + CLOCK_TOLERANCE_SECONDS * 1000)) {
    return { ok: false, problem: 'has an "auth_time" claim that is not a time in the past' };
  }
  return {
    ok: true,
    identity: {
      provider: config.name,
      issuer: config.issuer,
      subject: sub as string,
      ...(isName(sid) ? { providerSession: sid } : {}),
      authenticatedAtMs,
      ...(isName(acr) ? { acr } : {}),
      ...(Array.isArray(amr) ? { amr: amr.filter(isName) } : {}),
      scopes: readScopes(claims, config.claims.scopes),
      attributes: readAttributes(claims, config.claims.attributes),
      proof: { hash: proofHash(idToken), validUntilMs: validUntilMs(claims) },
    },
  };
}

function problemOf(claims: Claims, nonce: string, clientId: string): string | undefined {
  const { sub, aud, azp, typ } = claims;
  if (nonce === '' || claims['nonce'] !== nonce) return 'has another "nonce" than was expected';
  if (!isName(sub)) return `has no "sub" claim of 1 to ${MAX_NAME_LENGTH} characters`;
  if (azp === undefined && Array.isArray(aud) && aud.length > 1)
    return 'has several audiences and no "azp" claim';
  if (azp !== undefined && azp !== clientId) return 'has an "azp" claim that is not this server\'s client';
  if (typeof typ === 'string' && OTHER_TOKENS.includes(typ.toLowerCase()))
    return 'is a token of another kind';
  return undefined;
}

/** What issuers call users and sessions. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME_LENGTH;
}

/**
 * Names the ID token by what is signed. The signature itself plays no part: it can be written in several ways (unused
 * bits of base64url; of an ECDSA signature (r, s) also (r, n - s)), and each must count as the same token.
 */
function proofHash(idToken: string): string {
  return createHash('sha256')
    .update(idToken.slice(0, idToken.lastIndexOf('.')))
    .digest('base64url');
}

/** When the token is refused for its age or its end, whichever comes first, by every clock. */
function validUntilMs({ exp, iat }: Claims): number {
  return Math.ceil((Math.min(exp, (iat as number) + MAX_AGE_SECONDS) + USED_TOKEN_SECONDS) * 1000);
}
