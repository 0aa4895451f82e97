/** One private JWK as a key file holds it: which ones sign session tokens, and what is wrong with the others. */

/** EdDSA over Ed25519 (RFC 8037), or ECDSA over P-256 with SHA-256 (RFC 7518 section 3.4). */
export type SigningAlg = 'EdDSA' | 'ES256';

export const SIGNING_ALGS: readonly SigningAlg[] = ['EdDSA', 'ES256'];

/** A private key with its algorithm pinned. Of a file's members only those that are named here are kept. */
export interface SigningJwk {
  readonly kty: 'OKP' | 'EC';
  readonly crv: 'Ed25519' | 'P-256';
  readonly x: string;
  readonly y?: string;
  readonly d: string;
  readonly kid: string;
  readonly alg: SigningAlg;
  /** Active from this time on, Unix seconds; without it, always. */
  readonly nbf?: number;
}

export type ParsedSigningJwk =
  | { readonly ok: true; readonly jwk: SigningJwk }
  /** Every fault, each a sentence that names the member and what would be right, and none of the key's values. */
  | { readonly ok: false; readonly problems: readonly string[] };

interface Curve {
  readonly kty: SigningJwk['kty'];
  readonly crv: SigningJwk['crv'];
  readonly coordinates: readonly ('x' | 'y' | 'd')[];
}

const CURVES: Readonly<Record<SigningAlg, Curve>> = {
  EdDSA: { kty: 'OKP', crv: 'Ed25519', coordinates: ['x', 'd'] },
  ES256: { kty: 'EC', crv: 'P-256', coordinates: ['x', 'y', 'd'] },
};

const USABLE = 'only Ed25519 with "alg": "EdDSA" and P-256 with "alg": "ES256" can be used';

/** 32 bytes in base64url (RFC 7518 section 6.2, RFC 8037 section 2). */
const COORDINATE = /^[A-Za-z0-9_-]{43}$/;

/** Visible ASCII, so that a `kid` reads the same in a header, a log and a shell. */
const KID = /^[\x21-\x7e]{1,128}$/;

/** The last second that a `Date` can hold. */
const LATEST_SECONDS = 8_640_000_000_000;

/** Reads the text of a key file. Never throws. Members that are not named by `SigningJwk` are ignored. */
export function parseSigningJwk(text: string): ParsedSigningJwk {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be a private key.
    return { ok: false, problems: ['is not JSON; it must be one private JWK'] };
  }
  if (!isRecord(value)) return { ok: false, problems: ['is not a JSON object; it must be one private JWK'] };
  const problems = problemsOf(value);
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, jwk: select(value as unknown as SigningJwk) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function problemsOf(jwk: Record<string, unknown>): string[] {
  if (jwk['keys'] !== undefined) return ['is a JWK Set; put each private JWK into a file of its own'];
  const curve = Object.values(CURVES).find(({ kty, crv }) => jwk['kty'] === kty && jwk['crv'] === crv);
  if (curve === undefined) return [kindProblem(jwk)];
  return [...algProblems(jwk, curve), ...keyProblems(jwk, curve), ...nameProblems(jwk)];
}

function kindProblem(jwk: Record<string, unknown>): string {
  switch (jwk['kty']) {
    case 'oct':
      return `is a symmetric key, with which whoever verifies could sign too; ${USABLE}`;
    case 'RSA':
      return `is an RSA key; ${USABLE}`;
    case 'OKP':
    case 'EC':
      return `has a "crv" that is not supported; ${USABLE}`;
    default:
      return `has no "kty" that is supported; ${USABLE}`;
  }
}

function algProblems(jwk: Record<string, unknown>, curve: Curve): string[] {
  const right = SIGNING_ALGS.find((alg) => CURVES[alg] === curve) ?? '';
  if (jwk['alg'] === undefined) return [`has no "alg"; put "alg": "${right}" to pin what the key is for`];
  return jwk['alg'] === right ? [] : [`has an "alg" that does not go with its "crv"; it must be "${right}"`];
}

function keyProblems(jwk: Record<string, unknown>, curve: Curve): string[] {
  if (jwk['d'] === undefined) return ['is a public key; the private one, with "d", is needed to sign'];
  const problems = curve.coordinates
    .filter((name) => typeof jwk[name] !== 'string' || !COORDINATE.test(jwk[name]))
    .map((name) => `has no valid "${name}"; it must be 32 bytes in base64url`);
  const { use, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') problems.push('has a "use" other than "sig"');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('sign')))
    problems.push('has "key_ops" without "sign"');
  return problems;
}

function nameProblems(jwk: Record<string, unknown>): string[] {
  const problems: string[] = [];
  if (typeof jwk['kid'] !== 'string' || !KID.test(jwk['kid']))
    problems.push('has no valid "kid"; it must be 1 to 128 visible ASCII characters');
  const nbf = jwk['nbf'];
  if (nbf !== undefined && !isUnixSeconds(nbf))
    problems.push('has an "nbf" that is not a time in whole Unix seconds');
  return problems;
}

function isUnixSeconds(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LATEST_SECONDS;
}

function select({ kty, crv, x, y, d, kid, alg, nbf }: SigningJwk): SigningJwk {
  return {
    kty,
    crv,
    x,
    ...(kty === 'EC' && y !== undefined ? { y } : {}),
    d,
    kid,
    alg,
    ...(nbf === undefined ? {} : { nbf }),
  };
}
