/** One private JWK as a key file holds it: which ones sign session tokens, and what is wrong with the others. */
import { importJWK, type CryptoKey } from 'jose';
import { activeFromMs, nbfProblems, parseJwkText, type JwkMembers } from '../keys/jwk-text.ts';
import type { KeyName } from '../keys/key-kind.ts';
import { publicJwk } from './jwks.ts';

/** EdDSA over Ed25519 (RFC 8037), or ECDSA over P-256 with SHA-256 (RFC 7518 section 3.4). */
export type SigningAlg = 'EdDSA' | 'ES256';

export const SIGNING_ALGS = ['EdDSA', 'ES256'] as const satisfies readonly SigningAlg[];

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

/** `alg` is the one algorithm that the key is used with, whatever a token says. */
export interface VerificationKey extends Pick<KeyName<SigningAlg>, 'kid' | 'alg'> {
  readonly publicKey: CryptoKey;
}

/** Signs from `activeFromMs` on, until a newer key does. */
export interface SigningKey extends VerificationKey, KeyName<SigningAlg> {
  /** Can't be exported. */
  readonly privateKey: CryptoKey;
}

/** A key as it was written down, and ready for use. */
export interface ImportedKey {
  readonly jwk: SigningJwk;
  readonly key: SigningKey;
}

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

/** Reads the text of a key file. Never throws. Members that are not named by `SigningJwk` are ignored. */
export function parseSigningJwk(text: string): ParsedSigningJwk {
  const parsed = parseJwkText(text);
  if (!parsed.ok) return parsed;
  const problems = problemsOf(parsed.members);
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, jwk: select(parsed.members as unknown as SigningJwk) };
}

function problemsOf(jwk: JwkMembers): readonly string[] {
  const curve = Object.values(CURVES).find(({ kty, crv }) => jwk['kty'] === kty && jwk['crv'] === crv);
  if (curve === undefined) return [kindProblem(jwk)];
  return [...algProblems(jwk, curve), ...keyProblems(jwk, curve), ...nameProblems(jwk)];
}

function kindProblem(jwk: JwkMembers): string {
  if (jwk['kty'] === 'oct' && jwk['use'] === 'enc') {
    return 'is a sealing key (--use enc); token.keysDir wants signing keys, made with "singlestate keys generate"';
  }
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

function algProblems(jwk: JwkMembers, curve: Curve): string[] {
  const right = SIGNING_ALGS.find((alg) => CURVES[alg] === curve) ?? '';
  if (jwk['alg'] === undefined) return [`has no "alg"; put "alg": "${right}" to pin what the key is for`];
  return jwk['alg'] === right ? [] : [`has an "alg" that does not go with its "crv"; it must be "${right}"`];
}

function keyProblems(jwk: JwkMembers, curve: Curve): string[] {
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

function nameProblems(jwk: JwkMembers): readonly string[] {
  const named = typeof jwk['kid'] === 'string' && KID.test(jwk['kid']);
  const problems = named ? [] : ['has no valid "kid"; it must be 1 to 128 visible ASCII characters'];
  return [...problems, ...nbfProblems(jwk)];
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

/** Undefined when the private and the public part are not of one key. */
export async function importSigningKey(jwk: SigningJwk): Promise<SigningKey | undefined> {
  const { kid, alg, nbf, ...material } = jwk;
  try {
    const [privateKey, publicKey] = await Promise.all([
      importJWK({ ...material }, alg, { extractable: false }),
      importJWK({ ...publicJwk(jwk) }, alg),
    ]);
    if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) return undefined;
    return Object.freeze({ kid, alg, activeFromMs: activeFromMs(nbf), privateKey, publicKey });
  } catch {
    return undefined;
  }
}
