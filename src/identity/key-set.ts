/** A set of public keys (RFC 7517 section 5) and the algorithms that they may be used with. Hides how a key is picked. */
import { createLocalJWKSet, type CryptoKey, type JSONWebKeySet } from 'jose';

/** What a token's header says about the key; `kid` is looked up, nothing else of a header names a key. */
export interface KeyHint {
  readonly alg: string;
  readonly kid: string | undefined;
}

export type KeyAnswer =
  | { readonly found: true; readonly key: CryptoKey }
  | { readonly found: false; readonly cause: 'algorithm' | 'key' | 'unavailable' };

export interface KeySet {
  /** Of several keys that fit a token without `kid`, none is found (OpenID Connect Core section 10.1 requires it then). */
  find(hint: KeyHint): Promise<KeyAnswer>;
}

/** Asymmetric and still sound. With a MAC or with `none`, whoever reads could also write. */
export const ASYMMETRIC_ALGS: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** Throws when `jwks` is no JWK Set. Algorithms that are not asymmetric are left out, whatever the issuer says. */
export function createKeySet(jwks: JSONWebKeySet, algorithms: readonly string[]): KeySet {
  const keyOf = createLocalJWKSet(jwks);
  const accepted = new Set(algorithms.filter((alg) => ASYMMETRIC_ALGS.includes(alg)));
  return {
    async find({ alg, kid }) {
      if (!accepted.has(alg)) return { found: false, cause: 'algorithm' };
      try {
        return { found: true, key: await keyOf({ alg, ...(kid === undefined ? {} : { kid }) }) };
      } catch {
        return { found: false, cause: 'key' };
      }
    },
  };
}
