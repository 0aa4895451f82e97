/** What a browser login and a logout ask of an identity provider (OpenID Connect Core section 3.1, RP-Initiated and Back-Channel Logout). */
import type { IdTokenVerdict, VerifiedIdentity } from './identity.ts';

/** What binds the answer of an authorization request to the browser that began it. All secrets of that browser. */
export interface LoginBinding {
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  /** PKCE (RFC 7636), always S256. */
  readonly codeVerifier: string;
}

/** How strong and recent the login must be (OIDC `acr_values`, `max_age`). */
export interface LoginDemand {
  /** One of them. */
  readonly acrValues?: readonly string[];
  readonly maxAgeSeconds?: number;
}

export type LoginStart =
  | { readonly ok: true; readonly url: string }
  /** Discovery can't be had right now; `problem` is for the log. */
  | { readonly ok: false; readonly problem: string };

export type LoginEnd =
  | { readonly outcome: 'identity'; readonly identity: VerifiedIdentity; readonly idToken: string }
  /** The user or the provider said no: `error` is one of `AUTHORIZATION_ERRORS`, whatever the provider wrote. */
  | { readonly outcome: 'declined'; readonly error: AuthorizationError }
  /** The user is known, but not as surely or as freshly as was demanded; undefined where the provider said so itself. */
  | { readonly outcome: 'insufficient'; readonly identity: VerifiedIdentity | undefined }
  /** The answer does not hold; `problem` is for the log and the audit trail, and holds no secret. */
  | { readonly outcome: 'refused'; readonly problem: string }
  | { readonly outcome: 'unavailable'; readonly problem: string };

/** RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6. */
export const AUTHORIZATION_ERRORS = [
  'access_denied',
  'account_selection_required',
  'consent_required',
  'interaction_required',
  'invalid_request',
  'invalid_scope',
  'login_required',
  'unauthorized_client',
  'unsupported_response_type',
  /** Anything else. */
  'unknown_error',
] as const;

export type AuthorizationError = (typeof AUTHORIZATION_ERRORS)[number];

export type LogoutVerdict =
  | {
      readonly verified: true;
      /** The configured name of the identity provider. */
      readonly provider: string;
      readonly issuer: string;
      readonly of: LogoutSubject;
      /** For refusing a second use (`jti`). */
      readonly proof: { readonly hash: string; readonly validUntilMs: number };
    }
  | {
      readonly verified: false;
      readonly cause: 'invalid_token' | 'provider_unavailable';
      readonly problem: string;
    };

/** Whose sessions end: one session at the provider (`sid`), or all of a user (`sub`). */
export type LogoutSubject =
  | { readonly providerSession: string; readonly subject?: string }
  | { readonly providerSession?: undefined; readonly subject: string };

/** An identity provider that browsers can log in with. No method rejects. */
export interface LoginProvider {
  readonly name: string;
  readonly displayName: string;
  readonly issuer: string;
  authorizationUrl(binding: LoginBinding, demand: LoginDemand): Promise<LoginStart>;
  /** `callbackUrl` is the whole address that the browser was sent to. */
  finish(callbackUrl: string, binding: LoginBinding, demand: LoginDemand): Promise<LoginEnd>;
  /** Where to send the browser to log out there too; undefined where the provider has no such place or is down. */
  endSessionUrl(request: {
    readonly idTokenHint: string | undefined;
    readonly postLogoutRedirectUri: string;
    readonly state: string;
  }): Promise<string | undefined>;
}

/** Every configured provider may end sessions by itself. */
export interface LogoutTokenVerifier {
  /** OIDC Back-Channel Logout section 2.6; picks the provider by `iss`. Never rejects. */
  verify(logoutToken: string): Promise<LogoutVerdict>;
}

/** How a login's ID token is verified: in the same way as one that comes over the Session API. Never rejects. */
export type VerifyIdToken = (
  idToken: string,
  expected: { readonly nonce: string },
) => Promise<IdTokenVerdict>;
