/**
 * Verifies session tokens. Hides the strict reading of a compact JWS, and the memory of tokens that were verified
 * before. Nothing in a token chooses how it is verified: `kid` is looked up, and the key found there pins the rest.
 */
import { compactVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { isSessionId, sessionRef } from '../session/ref.ts';
import {
  MAX_TOKEN_LENGTH,
  SESSION_TOKEN_TYP,
  type SessionTokenClaims,
  type SessionTokenVerifier,
  type TokenFault,
  type TokenVerdict,
} from './session-token.ts';
import type { KeyRing } from './signing-keys.ts';

export interface SessionTokenVerifierOptions {
  /** Asked at each token: another ring than last time empties the memory of verified tokens. */
  readonly keyRing: () => KeyRing;
  readonly issuer: string;
  readonly audience: string;
  /** How many verified tokens are remembered; 0 for none. */
  readonly cacheSize: number;
}

/**
 * For replicas whose clocks differ: a token may be this much from the future (`iat`, `nbf`). `exp` has no tolerance,
 * since a late end is the one that lets somebody in.
 */
export const CLOCK_SKEW_SECONDS = 5;

/** No session token is valid for longer, whoever signed it; `token.ttl` can't be more. */
export const MAX_LIFETIME_SECONDS = 86_400;

/** RFC 7515 section 7.1; the groups are header and signature. */
const COMPACT_JWS = /^([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)$/;

type ValidVerdict = TokenVerdict & { readonly valid: true };

/** See `SessionTokenVerifier.verify` for what it answers. Two calls with one new token at a time both verify it. */
export function createSessionTokenVerifier(options: SessionTokenVerifierOptions): SessionTokenVerifier {
  const remembered =
    options.cacheSize > 0 ? new LRUCache<string, ValidVerdict>({ max: options.cacheSize }) : undefined;
  let ringOfRemembered: KeyRing | undefined;

  function currentRing(): KeyRing {
    const ring = options.keyRing();
    if (ring !== ringOfRemembered) {
      remembered?.clear();
      ringOfRemembered = ring;
    }
    return ring;
  }

  async function verifyNew(token: string, nowMs: number, ring: KeyRing): Promise<TokenVerdict> {
    const verdict = await verifyWith(ring, token, options, nowMs);
    if (verdict.valid && ring === currentRing()) remembered?.set(ownCopy(token), verdict);
    return verdict;
  }

  return {
    verify(token, nowMs) {
      if (token.length > MAX_TOKEN_LENGTH) return refused('malformed_token');
      const ring = currentRing();
      const known = remembered?.get(token);
      if (known === undefined) return verifyNew(token, nowMs, ring);
      return nowMs < known.claims.expiresAtMs ? known : expired(known.claims);
    },
  };
}

/** A token is cut out of a header, and would keep all of that header in memory for as long as it is remembered. */
function ownCopy(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1');
}

function refused(reason: Exclude<TokenFault, 'expired_token'>): TokenVerdict {
  return { valid: false, reason };
}

function expired(claims: SessionTokenClaims): TokenVerdict {
  return { valid: false, reason: 'expired_token', expired: claims };
}

interface Expected {
  readonly issuer: string;
  readonly audience: string;
}

async function verifyWith(
  ring: KeyRing,
  token: string,
  expected: Expected,
  nowMs: number,
): Promise<TokenVerdict> {
  const [, header = '', signature = ''] = COMPACT_JWS.exec(token) ?? [];
  const { kid, alg } = readHeader(header) ?? {};
  if (kid === undefined || !isCanonical(signature)) return refused('malformed_token');
  const key = ring.verificationKey(kid);
  if (key === undefined || key.alg !== alg) return refused('bad_signature');
  try {
    const verified = await compactVerify(token, key.publicKey, { algorithms: [key.alg] });
    return readClaims(Buffer.from(verified.payload).toString(), expected, nowMs);
  } catch {
    return refused('bad_signature');
  }
}

/**
 * base64url in its one spelling: the unused bits of the last character are zero (RFC 4648 section 3.5). Only the
 * signature needs it; the other segments are signed as they are spelled.
 */
function isCanonical(segment: string): boolean {
  return Buffer.from(segment, 'base64url').toString('base64url') === segment;
}

interface Header {
  readonly kid: string;
  readonly alg: string;
}

/** A header has `alg`, `kid` and `typ` and nothing else: `crit`, `jwk`, `jku`, `x5u`, `x5c` and `b64` are refused unread. */
function readHeader(segment: string): Header | undefined {
  const header = parseAsMinted(Buffer.from(segment, 'base64url').toString());
  if (header === undefined || Object.keys(header).length !== 3) return undefined;
  const { alg, kid, typ } = header;
  return typeof alg === 'string' && typeof kid === 'string' && typ === SESSION_TOKEN_TYP
    ? { kid, alg }
    : undefined;
}

/**
 * An object, written as `JSON.stringify` writes it. Text with a name twice, with space or with needless escapes is
 * refused: two parsers could read it as two different things.
 */
function parseAsMinted(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return JSON.stringify(value) === text ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function readClaims(text: string, expected: Expected, nowMs: number): TokenVerdict {
  const { iss, aud, exp, iat, nbf = 0, sid } = parseAsMinted(text) ?? {};
  const soon = Math.floor(nowMs / 1000) + CLOCK_SKEW_SECONDS;
  if (iss !== expected.issuer || aud !== expected.audience) return refused('malformed_token');
  if (!isUnixSeconds(exp) || !isUnixSeconds(iat) || !isUnixSeconds(nbf)) return refused('malformed_token');
  if (iat > soon || nbf > soon || exp - iat > MAX_LIFETIME_SECONDS) return refused('malformed_token');
  if (typeof sid !== 'string' || !isSessionId(sid)) return refused('malformed_token');
  const expiresAtMs = exp * 1000;
  const claims = Object.freeze({ sessionId: sid, ref: sessionRef(sid), issuedAtMs: iat * 1000, expiresAtMs });
  return nowMs < expiresAtMs ? Object.freeze({ valid: true, claims }) : expired(claims);
}

/** A NumericDate (RFC 7519 section 2) in whole seconds that stays exact in milliseconds. */
function isUnixSeconds(value: unknown): value is number {
  return (
    typeof value === 'number' && value >= 0 && Number.isSafeInteger(value * 1000) && Number.isInteger(value)
  );
}
