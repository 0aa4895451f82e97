/** Verifies the word of an identity provider that a user logged out there (OpenID Connect Back-Channel Logout 1.0 section 2.6). */
import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { IdentityProviderConfig } from '../config/schema.ts';
import { isName } from './id-token.ts';
import type { KeySet } from './key-set.ts';
import type { LogoutSubject, LogoutTokenVerifier, LogoutVerdict } from './login.ts';
import { USED_TOKEN_SECONDS, verifySignedJwt, type JwtRules } from './signed-jwt.ts';

/** The member of `events` that makes a token a logout token. */
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/** A logout is told at once; the standard asks for tokens that live two minutes at most. */
export const MAX_LOGOUT_TOKEN_AGE_SECONDS = 300;

/** Whose logout tokens are believed. */
export interface LogoutIssuer {
  readonly config: Pick<IdentityProviderConfig, 'name' | 'issuer' | 'clientId'>;
  readonly keys: KeySet;
}

type Claims = Readonly<Record<string, unknown>> & { readonly exp: number };

export function createLogoutTokenVerifier(
  issuers: readonly LogoutIssuer[],
  nowMs: () => number,
): LogoutTokenVerifier {
  return {
    async verify(logoutToken) {
      const issuer = claimedIssuer(logoutToken);
      const candidates = issuers.filter(({ config }) => config.issuer === issuer);
      const verdicts = await Promise.all(candidates.map((one) => verifyWith(one, logoutToken, nowMs())));
      return (
        verdicts.find(({ verified }) => verified) ??
        verdicts.find((verdict) => !verdict.verified && verdict.cause === 'provider_unavailable') ??
        verdicts[0] ??
        invalid('is not from a configured identity provider')
      );
    },
  };
}

/** Picks whose keys to try, and is believed in nothing. */
function claimedIssuer(jwt: string): unknown {
  try {
    return decodeJwt(jwt).iss;
  } catch {
    return undefined;
  }
}

function rulesOf({ issuer, clientId }: LogoutIssuer['config']): JwtRules {
  return {
    issuer,
    audience: [clientId],
    types: ['logout+jwt', 'jwt'],
    requiredClaims: ['jti', 'events'],
    maxAgeSeconds: MAX_LOGOUT_TOKEN_AGE_SECONDS,
  };
}

async function verifyWith(
  { config, keys }: LogoutIssuer,
  logoutToken: string,
  nowMs: number,
): Promise<LogoutVerdict> {
  const verdict = await verifySignedJwt(logoutToken, keys, rulesOf(config), nowMs);
  if (!verdict.verified && verdict.cause === 'keys_unavailable') {
    const problem = `The identity provider "${config.name}" can't be reached to verify the logout token; try again shortly.`;
    return { verified: false, cause: 'provider_unavailable', problem };
  }
  if (!verdict.verified) return invalid(verdict.problem);
  const { claims } = verdict;
  const problem = problemOf(claims);
  const of = subjectOf(claims);
  if (problem !== undefined) return invalid(problem);
  if (of === undefined) return invalid('has no "sid" and no "sub" claim to say whose sessions end');
  return { verified: true, provider: config.name, issuer: config.issuer, of, proof: proofOf(claims, config) };
}

function invalid(problem: string): LogoutVerdict {
  return { verified: false, cause: 'invalid_token', problem: `The logout token ${problem}.` };
}

function problemOf(claims: Claims): string | undefined {
  if (!isLogoutEvent(claims['events'])) return 'has an "events" claim that tells of no logout';
  // An ID token has one: neither may pass for the other.
  if (Object.hasOwn(claims, 'nonce')) return 'has a "nonce" claim, which logout tokens must not have';
  if (!isName(claims['jti'])) return 'has a "jti" claim that is not as it must be';
  return undefined;
}

function isLogoutEvent(events: unknown): boolean {
  if (typeof events !== 'object' || events === null || !Object.hasOwn(events, LOGOUT_EVENT)) return false;
  const event = (events as Record<string, unknown>)[LOGOUT_EVENT];
  return typeof event === 'object' && event !== null && !Array.isArray(event);
}

/** Undefined also where one of the claims is there and is no name: half of what a token says is not done. */
function subjectOf({ sid, sub }: Claims): LogoutSubject | undefined {
  if (![sid, sub].every((claim) => claim === undefined || isName(claim))) return undefined;
  if (isName(sid)) return { providerSession: sid, ...(isName(sub) && { subject: sub }) };
  return isName(sub) ? { subject: sub } : undefined;
}

function proofOf({ jti, iat, exp }: Claims, { issuer, clientId }: LogoutIssuer['config']) {
  const named = JSON.stringify(['logout', issuer, clientId, jti]);
  const endSeconds = Math.min(exp, (iat as number) + MAX_LOGOUT_TOKEN_AGE_SECONDS) + USED_TOKEN_SECONDS;
  return {
    hash: createHash('sha256').update(named).digest('base64url'),
    validUntilMs: Math.ceil(endSeconds * 1000),
  };
}
