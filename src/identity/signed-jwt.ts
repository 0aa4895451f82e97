/** Verifies a JWT that somebody else signed: shape, type, algorithm, key, signature and the claims that all such have. */
import { decodeProtectedHeader, errors, jwtVerify, type CryptoKey, type JWTPayload } from 'jose';
import type { KeySet } from './key-set.ts';

export interface JwtRules {
  readonly issuer: string;
  /** One of them must be in `aud`. */
  readonly audience: readonly string[];
  /** The `typ` that are accepted, in lower case and without `application/`; a token without `typ` always is. */
  readonly types: readonly string[];
  /** Beside `iss`, `aud` and `exp`. */
  readonly requiredClaims: readonly string[];
  /** Requires `iat`, not older than this. */
  readonly maxAgeSeconds?: number;
}

export type JwtVerdict =
  | { readonly verified: true; readonly claims: JWTPayload & { readonly exp: number } }
  /** `problem` continues a sentence that begins with what the token is: "has expired". It quotes nothing. */
  | { readonly verified: false; readonly cause: 'invalid'; readonly problem: string }
  | { readonly verified: false; readonly cause: 'keys_unavailable' };

/** Providers put groups and roles into tokens; nobody needs more than this. */
export const MAX_JWT_LENGTH = 16_384;

/** How far an issuer's clock may be off from ours, either way. */
export const CLOCK_TOLERANCE_SECONDS = 10;

/**
 * For how long past its end a token that may be used once must be known as used: that long it may be accepted, and by the
 * clock of whoever remembers it ours may be as far off again.
 */
export const USED_TOKEN_SECONDS = 2 * CLOCK_TOLERANCE_SECONDS;

/** A compact JWS in base64url without padding or space (RFC 7515 section 7.1); other spellings are refused. */
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Never rejects. Keys that a token brings along (`jwk`, `x5c`) or points to (`jku`, `x5u`) are not looked at. */
export async function verifySignedJwt(
  jwt: string,
  keys: KeySet,
  rules: JwtRules,
  nowMs: number,
): Promise<JwtVerdict> {
  if (jwt.length > MAX_JWT_LENGTH) return invalid(`is longer than ${MAX_JWT_LENGTH} characters`);
  const header = COMPACT_JWS.test(jwt) ? readHeader(jwt) : undefined;
  if (header === undefined) return invalid('is not a signed JWT in compact form');
  if (header.typ !== undefined && !rules.types.includes(header.typ))
    return invalid('is a JWT of another type');
  const answer = await keys.find(header);
  if (answer.found) return verifyWith(answer.key, jwt, header.alg, rules, nowMs);
  switch (answer.cause) {
    case 'unavailable':
      return { verified: false, cause: 'keys_unavailable' };
    case 'algorithm':
      return invalid('is signed with an algorithm that is not accepted from its issuer');
    case 'key':
      return invalid('is signed with a key that its issuer does not publish');
  }
}

function invalid(problem: string): JwtVerdict {
  return { verified: false, cause: 'invalid', problem };
}

interface Header {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly typ: string | undefined;
}

function readHeader(jwt: string): Header | undefined {
  try {
    const { alg, kid, typ } = decodeProtectedHeader(jwt) as Record<string, unknown>;
    if (typeof alg !== 'string' || !isOptionalString(kid) || !isOptionalString(typ)) return undefined;
    return { alg, kid, typ: typ?.toLowerCase().replace(/^application\//, '') };
  } catch {
    return undefined;
  }
}

function isOptionalString(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

async function verifyWith(
  key: CryptoKey,
  jwt: string,
  alg: string,
  rules: JwtRules,
  nowMs: number,
): Promise<JwtVerdict> {
  try {
    const { payload } = await jwtVerify(jwt, key, {
      algorithms: [alg],
      issuer: rules.issuer,
      audience: [...rules.audience],
      requiredClaims: ['exp', ...rules.requiredClaims],
      currentDate: new Date(nowMs),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      ...(rules.maxAgeSeconds === undefined ? {} : { maxTokenAge: rules.maxAgeSeconds }),
    });
    const { exp } = payload;
    // JSON can write a number that is read as infinite.
    if (exp === undefined || !Number.isFinite(exp)) return invalid('has an "exp" claim that is not a time');
    return { verified: true, claims: { ...payload, exp } };
  } catch (error) {
    return invalid(problemOf(error));
  }
}

function problemOf(error: unknown): string {
  if (error instanceof errors.JWTExpired)
    return error.claim === 'exp' ? 'has expired' : 'was issued too long ago';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.reason === 'missing'
      ? `has no "${error.claim}" claim`
      : `has an "${error.claim}" claim that is not as it must be`;
  }
  return 'has a signature that is not valid, or is not well-formed';
}
