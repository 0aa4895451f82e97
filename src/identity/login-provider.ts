/** Sends browsers to an identity provider and takes them back: authorization code flow with PKCE. Hides openid-client. */
import { decodeJwt } from 'jose';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  AuthorizationResponseError,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  customFetch,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client';
import type { CircuitBreaker } from '../breaker/circuit-breaker.ts';
import type { IdentityProviderConfig } from '../config/schema.ts';
import { boundedRequest } from './bounded-fetch.ts';
import type { ServerMetadata } from './discovery.ts';
import type { VerifiedIdentity } from './identity.ts';
import type { DiscoveredIssuer, IssuerKeysOptions } from './issuer-keys.ts';
import {
  AUTHORIZATION_ERRORS,
  type LoginBinding,
  type LoginDemand,
  type LoginEnd,
  type LoginProvider,
  type VerifyIdToken,
} from './login.ts';
import { rootMessage } from './root-message.ts';
import { isLoopbackHttp, urlProblem } from './secure-url.ts';
import { CLOCK_TOLERANCE_SECONDS } from './signed-jwt.ts';

export interface LoginProviderParts {
  readonly config: IdentityProviderConfig;
  readonly clientSecret: string;
  readonly issuer: DiscoveredIssuer;
  readonly tokenEndpoint: CircuitBreaker;
  readonly verifyIdToken: VerifyIdToken;
  readonly options: Pick<IssuerKeysOptions, 'nowMs' | 'fetchTimeoutMs'>;
}

/** An ID token of more characters would make an address that servers refuse; the user is asked to confirm instead. */
const MAX_HINT_LENGTH = 4_096;

/** Anybody can make up answers of the provider, and each is asked about there: so many at a time, and no more (D9). */
export const MAX_REDEMPTIONS = 128;

/** Makes no request by itself. */
export function createLoginProvider(parts: LoginProviderParts): LoginProvider {
  const { config, issuer, tokenEndpoint } = parts;
  let redemptions = 0;
  const down = { problem: `The identity provider "${config.name}" is down.` };
  return {
    name: config.name,
    displayName: config.displayName ?? config.name,
    issuer: config.issuer,
    async authorizationUrl(binding, demand) {
      const metadata = await issuer.metadataWhileUp();
      // Nobody is sent to log in who could not be taken back.
      if (metadata === undefined || !tokenEndpoint.admits('trial')) return { ok: false, ...down };
      return authorizationUrl(clientOf(parts, metadata), config.scopes, binding, demand);
    },
    async finish(callbackUrl, binding, demand) {
      const metadata = await issuer.metadataWhileUp();
      if (metadata === undefined) return { outcome: 'unavailable', ...down };
      if (redemptions >= MAX_REDEMPTIONS)
        return { outcome: 'unavailable', problem: 'Too many logins wait for its token endpoint.' };
      redemptions += 1;
      const redeemed = await redeem(parts, metadata, callbackUrl, binding).finally(() => (redemptions -= 1));
      return 'idToken' in redeemed ? identify(parts, redeemed.idToken, binding.nonce, demand) : redeemed;
    },
    async endSessionUrl({ idTokenHint, postLogoutRedirectUri, state }) {
      const metadata = await issuer.metadataWhileUp();
      const place = metadata?.end_session_endpoint;
      if (metadata === undefined || place === undefined || urlProblem(place) !== undefined) return undefined;
      const hint =
        idTokenHint !== undefined && idTokenHint.length <= MAX_HINT_LENGTH ? idTokenHint : undefined;
      return buildEndSessionUrl(clientOf(parts, metadata), {
        ...(hint !== undefined && { id_token_hint: hint }),
        post_logout_redirect_uri: postLogoutRedirectUri,
        state,
      }).href;
    },
  };
}

function clientOf({ config, clientSecret }: LoginProviderParts, metadata: ServerMetadata): Configuration {
  const methods = metadata.token_endpoint_auth_methods_supported;
  // OpenID Connect Discovery section 3: client_secret_basic where the provider does not say.
  const usesBasic = methods === undefined || methods.includes('client_secret_basic');
  const authentication = usesBasic ? ClientSecretBasic(clientSecret) : ClientSecretPost(clientSecret);
  const client = new Configuration(metadata, config.clientId, undefined, authentication);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out; here it is for loopback alone.
  if (isLoopbackHttp(config.issuer)) allowInsecureRequests(client);
  return client;
}

async function authorizationUrl(
  client: Configuration,
  scopes: readonly string[],
  { redirectUri, state, nonce, codeVerifier }: LoginBinding,
  { acrValues, maxAgeSeconds }: LoginDemand,
) {
  try {
    const url = buildAuthorizationUrl(client, {
      redirect_uri: redirectUri,
      scope: [...new Set(['openid', ...scopes])].join(' '),
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      ...(acrValues !== undefined && { acr_values: acrValues.join(' ') }),
      ...(maxAgeSeconds !== undefined && { max_age: String(ageToAskFor(maxAgeSeconds)) }),
    });
    return { ok: true, url: url.href } as const;
  } catch (error) {
    return { ok: false, problem: `Its discovery is of no use for a login: ${rootMessage(error)}` } as const;
  }
}

/**
 * Less than is demanded, by as much as two clocks may differ: what the provider takes for fresh enough must be so by ours
 * too, or it would send a browser back unasked that a check sends to log in at once again.
 */
function ageToAskFor(maxAgeSeconds: number): number {
  return Math.max(0, maxAgeSeconds - CLOCK_TOLERANCE_SECONDS);
}

type Redeemed = { readonly idToken: string } | Exclude<LoginEnd, { readonly outcome: 'identity' }>;

/** The code for an ID token; one call, which ends with the fetch timeout. */
async function redeem(
  parts: LoginProviderParts,
  metadata: ServerMetadata,
  callbackUrl: string,
  binding: LoginBinding,
): Promise<Redeemed> {
  const deadline = AbortSignal.timeout(parts.options.fetchTimeoutMs);
  let outage: string | undefined;
  const client = clientOf(parts, metadata);
  client[customFetch] = async (url, init) => {
    try {
      const response = await parts.tokenEndpoint.run('trial', () => answered(url, init, deadline));
      if (response.status >= 500) outage = `status ${response.status}`;
      return response;
    } catch (error) {
      outage = rootMessage(error);
      throw error;
    }
  };
  const callback = new URL(binding.redirectUri);
  callback.search = URL.parse(callbackUrl)?.search ?? '';
  try {
    const checks = {
      expectedState: binding.state,
      expectedNonce: binding.nonce,
      pkceCodeVerifier: binding.codeVerifier,
    };
    const { id_token: idToken } = await authorizationCodeGrant(client, callback, checks);
    return idToken === undefined ? refused('The token endpoint gave no ID token.') : { idToken };
  } catch (error) {
    if (outage !== undefined)
      return { outcome: 'unavailable', problem: `The token endpoint failed: ${outage}` };
    return failure(error);
  }
}

/** RFC 9110 section 15.6: nobody is there who could answer. A 500 may be the fault of one request, which anybody can make up. */
const NOBODY_THERE = [502, 503, 504];

async function answered(...request: Parameters<typeof boundedRequest>): Promise<Response> {
  const response = await boundedRequest(...request);
  if (NOBODY_THERE.includes(response.status)) throw new Error(`status ${response.status}`);
  return response;
}

/** RFC 6749 section 4.1.2.1: the provider is up, and can't do it now. */
const OUTAGES = ['server_error', 'temporarily_unavailable'];

/** Texts of the provider (`error_description`) are left out: whoever made up the callback has written them. */
function failure(error: unknown): Exclude<LoginEnd, { readonly outcome: 'identity' }> {
  if (error instanceof AuthorizationResponseError) {
    if (OUTAGES.includes(error.error))
      return { outcome: 'unavailable', problem: `It answered with ${error.error}.` };
    // OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
    if (error.error === 'unmet_authentication_requirements')
      return { outcome: 'insufficient', identity: undefined };
    const known = AUTHORIZATION_ERRORS.find((code) => code === error.error);
    return { outcome: 'declined', error: known ?? 'unknown_error' };
  }
  if (error instanceof ResponseBodyError)
    return refused(`The token endpoint refused: ${tokenError(error.error)}.`);
  if (error instanceof WWWAuthenticateChallengeError)
    return refused('The token endpoint refused this client: its id or secret is wrong there.');
  return refused(
    `The answer is not as it must be: ${error instanceof Error ? error.message : 'unknown error'}.`,
  );
}

/** RFC 6749 section 5.2. */
function tokenError(code: string): string {
  return /^[a-z_]{1,40}$/.test(code) ? code : 'unknown error';
}

function refused(problem: string) {
  return { outcome: 'refused', problem } as const;
}

/** By the same rules as an ID token that comes over the Session API. */
async function identify(
  { verifyIdToken, options }: LoginProviderParts,
  idToken: string,
  nonce: string,
  demand: LoginDemand,
): Promise<LoginEnd> {
  const verdict = await verifyIdToken(idToken, { nonce });
  if (!verdict.verified)
    return {
      outcome: verdict.cause === 'invalid_token' ? 'refused' : 'unavailable',
      problem: verdict.problem,
    };
  const { identity } = verdict;
  // OpenID Connect Core section 2: required where `max_age` was asked for. `iat` would tell of the token, not of the user.
  if (demand.maxAgeSeconds !== undefined && decodeJwt(idToken)['auth_time'] === undefined)
    return refused('The ID token has no "auth_time" claim, though max_age was asked for.');
  return meets(identity, demand, options.nowMs())
    ? { outcome: 'identity', identity, idToken }
    : { outcome: 'insufficient', identity };
}

function meets(
  { acr, authenticatedAtMs }: VerifiedIdentity,
  { acrValues, maxAgeSeconds }: LoginDemand,
  nowMs: number,
): boolean {
  if (acrValues !== undefined && (acr === undefined || !acrValues.includes(acr))) return false;
  if (maxAgeSeconds === undefined) return true;
  return nowMs - authenticatedAtMs <= Math.max(maxAgeSeconds, CLOCK_TOLERANCE_SECONDS) * 1000;
}
