/** Who somebody is, once an identity provider's word for it has been verified. */

/** A user, from a verified OIDC ID token (OpenID Connect Core section 2). */
export interface VerifiedIdentity {
  /** The configured name of the identity provider. */
  readonly provider: string;
  readonly issuer: string;
  readonly subject: string;
  /** `sid`, where the provider has sessions of its own. */
  readonly providerSession?: string;
  /** `auth_time`, else `iat`. */
  readonly authenticatedAtMs: number;
  readonly acr?: string;
  readonly amr?: readonly string[];
  /** From the configured claim; values that are no scope token (RFC 6749 section 3.3) are left out. */
  readonly scopes: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  /** For refusing a second use: a hash of the ID token, and until when the token could be used at all. */
  readonly proof: { readonly hash: string; readonly validUntilMs: number };
}

export type IdTokenVerdict =
  | { readonly verified: true; readonly identity: VerifiedIdentity }
  /** `problem` is a sentence for the caller: what is wrong with the token, and nothing that it holds. */
  | { readonly verified: false; readonly cause: 'invalid_token'; readonly problem: string }
  /** The provider's discovery or keys can't be had right now. */
  | { readonly verified: false; readonly cause: 'provider_unavailable'; readonly problem: string };

export interface IdentityProvider {
  readonly name: string;
  /** Checks signature, `iss`, `aud`, `azp`, `exp`, `iat` and `nonce` (OpenID Connect Core section 3.1.3.7). Never rejects. */
  verifyIdToken(idToken: string, expected: { readonly nonce: string }): Promise<IdTokenVerdict>;
}

/** Someone who may use the operator calls of the Session API, by the name that logs and audit carry. */
export interface Operator {
  readonly name: string;
}

export type OperatorVerdict =
  | { readonly authenticated: true; readonly operator: Operator }
  | {
      readonly authenticated: false;
      readonly cause: 'unauthenticated' | 'keys_unavailable';
      readonly problem: string;
    };

export interface OperatorAuthenticator {
  /** Reads the JWT of an `authorization: Bearer` header. Never rejects; without a configured operator nobody is one. */
  authenticate(bearer: string | undefined): Promise<OperatorVerdict>;
}
