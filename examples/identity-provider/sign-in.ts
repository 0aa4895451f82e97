/** Signs a demo user in as a browser and its client would (authorization code, PKCE, nonce); hides redirects and cookies. */
import { createHash, randomBytes } from 'node:crypto';

export interface SignInRequest {
  readonly issuer: string;
  readonly clientId: string;
  /** Of a confidential client. */
  readonly clientSecret?: string;
  readonly redirectUri: string;
  /** A name of the provider's sign-in page. */
  readonly user: string;
}

/** What Singlestate needs to open a session. */
export interface SignIn {
  readonly idToken: string;
  readonly nonce: string;
}

interface Endpoints {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
}

/** @throws Error that says which step failed and with which status; it holds no code and no token. */
export async function signIn(request: SignInRequest): Promise<SignIn> {
  const endpoints = await discover(request.issuer);
  const nonce = secret();
  const verifier = secret();
  const state = secret();
  const start = new URL(endpoints.authorization_endpoint);
  start.search = new URLSearchParams({
    client_id: request.clientId,
    redirect_uri: request.redirectUri,
    response_type: 'code',
    scope: 'openid',
    state,
    nonce,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString();
  const callback = await walk(start, request);
  if (callback.searchParams.get('state') !== state) throw new Error('The provider answered another sign-in.');
  const code = callback.searchParams.get('code');
  if (code === null)
    throw new Error(`The provider refused: ${callback.searchParams.get('error') ?? 'no code'}.`);
  return { idToken: await redeem(endpoints.token_endpoint, { request, code, verifier }), nonce };
}

const secret = () => randomBytes(32).toString('base64url');

/** OpenID Connect Discovery section 4. */
async function discover(issuer: string): Promise<Endpoints> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (!response.ok) throw new Error(`Discovery at the provider answered ${response.status}.`);
  return (await response.json()) as Endpoints;
}

/** Longer than any sign-in: the way to the form, and back. */
const MOST_STEPS = 10;

/** From the authorization endpoint over the sign-in form to the redirect URI, which is not called. */
async function walk(start: URL, { redirectUri, user }: SignInRequest): Promise<URL> {
  const cookies = new Map<string, string>();
  let at = start;
  let form: URLSearchParams | undefined;
  for (let step = 0; step < MOST_STEPS; step++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const init = form ? { method: 'POST', body: form } : {};
    const response = await fetch(at, { ...init, headers: { cookie }, redirect: 'manual' });
    keepCookies(cookies, response);
    await response.body?.cancel();
    const location = response.headers.get('location');
    if (location === null) {
      if (!response.ok || form) throw new Error(`The provider's sign-in answered ${response.status}.`);
      form = new URLSearchParams({ user });
      continue;
    }
    form = undefined;
    at = new URL(location, at);
    if (at.href.startsWith(redirectUri)) return at;
  }
  throw new Error(`The provider's sign-in did not end within ${MOST_STEPS} steps.`);
}

/** One provider, one sign-in: paths and lifetimes need not be told apart, a cookie that is emptied goes. */
function keepCookies(cookies: Map<string, string>, response: Response): void {
  for (const line of response.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(line) ?? [];
    if (value === '') cookies.delete(name);
    else cookies.set(name, value);
  }
}

interface Redemption {
  readonly request: SignInRequest;
  readonly code: string;
  readonly verifier: string;
}

/** RFC 6749 section 4.1.3 with RFC 7636 section 4.5. */
async function redeem(endpoint: string, { request, code, verifier }: Redemption): Promise<string> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: basicAuthentication(request),
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: request.clientId,
      redirect_uri: request.redirectUri,
      code,
      code_verifier: verifier,
    }),
  });
  if (!response.ok) throw new Error(`The provider's token endpoint answered ${response.status}.`);
  const { id_token: idToken } = (await response.json()) as { id_token?: string };
  if (idToken === undefined) throw new Error("The provider's token endpoint gave no ID token.");
  return idToken;
}

/** RFC 6749 section 2.3.1. */
function basicAuthentication({ clientId, clientSecret }: SignInRequest): Record<string, string> {
  if (clientSecret === undefined) return {};
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':');
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}
