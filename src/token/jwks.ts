/** The public halves of our keys as others fetch them: a JWK Set (RFC 7517 section 5). Hides which members are private. */
import type { SigningAlg, SigningJwk } from './signing-jwk.ts';

/** One public key. Every member is named here, so that a private one can't slip through. */
export interface PublicJwk {
  readonly kty: 'OKP' | 'EC';
  readonly crv: 'Ed25519' | 'P-256';
  readonly x: string;
  readonly y?: string;
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly use: 'sig';
}

/** The document at `/.well-known/jwks.json`, of media type `application/jwk-set+json`. */
export interface PublicJwks {
  readonly keys: readonly PublicJwk[];
}

/** The public half of a key, for signatures alone (`use`, RFC 7517 section 4.2). */
export function publicJwk({ kty, crv, x, y, kid, alg }: SigningJwk): PublicJwk {
  return Object.freeze({ kty, crv, x, ...(y === undefined ? {} : { y }), kid, alg, use: 'sig' });
}

/** The set of the public halves, in the order given. */
export function publicJwks(keys: readonly SigningJwk[]): PublicJwks {
  return Object.freeze({ keys: Object.freeze(keys.map(publicJwk)) });
}
