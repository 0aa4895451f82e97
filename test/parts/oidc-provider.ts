/** A certified OpenID provider on a free port, and a user who logs in there as a browser would. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider, type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  discovery,
  randomPKCECodeVerifier,
} from 'openid-client';

const CALLBACK = 'https://app.example.com/callback';
/** Of every client. */
export const CLIENT_SECRET = 'a secret of the test alone';

/** Authentication context classes that a user may have. */
export const ACR_VALUES = ['silver', 'gold'];

type Clients = Readonly<Record<string, 'RS256' | 'ES256' | 'PS256'>>;

/** What the clients are registered with, beside the callback of `logIn`. */
export interface Registration {
  readonly redirectUris?: readonly string[];
  readonly postLogoutRedirectUris?: readonly string[];
  readonly backchannelLogoutUri?: string;
}

export interface OidcProvider extends AsyncDisposable {
  readonly issuer: string;
  /** Who logs in where a client gives no `login_hint`, and how; or the error with which the provider sends them back. */
  user: { readonly name: string; readonly acr?: string } | { readonly error: string };
  /** Logs a user in with the authorization code flow and gives the tokens that the client gets. */
  logIn(clientId: string, user: string, nonce: string): Promise<{ idToken: string; accessToken: string }>;
  /** Starts anew on the same port, with other signing keys. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** `clients`: client id -> the algorithm of its ID tokens. `claims`: of every user's ID token. */
export async function startOidcProvider(
  clients: Clients,
  claims: Readonly<Record<string, unknown>>,
  registration: Registration = {},
): Promise<OidcProvider> {
  const whoLogsIn = () => provider.user;
  let server = await serve(0, { clients, claims, registration, whoLogsIn });
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const stop = () => close(server);
  const provider: OidcProvider = {
    issuer,
    user: { name: 'alice' },
    stop,
    logIn: (clientId, user, nonce) => logIn(issuer, clientId, user, nonce),
    restart: async () => {
      await stop();
      server = await serve(port, { clients, claims, registration, whoLogsIn });
    },
    [Symbol.asyncDispose]: async () => {
      if (server.listening) await stop();
    },
  };
  return provider;
}

interface Settings {
  readonly clients: Clients;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly registration: Registration;
  readonly whoLogsIn: () => OidcProvider['user'];
}

async function serve(port: number, settings: Settings): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      resolve();
    });
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, await configuration(settings));
  const answer = provider.callback();
  server.on('request', (request, response) => {
    void (request.url?.startsWith('/interaction/') === true
      ? finishLogin(provider, request, response, settings.whoLogsIn())
      : answer(request, response));
  });
  return server;
}

/** In place of a login form: whoever `login_hint` says is logged in, else `user`. */
async function finishLogin(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  user: OidcProvider['user'],
): Promise<void> {
  const { params } = await provider.interactionDetails(request, response);
  const hint = params['login_hint'];
  if (hint === undefined && 'error' in user) {
    await provider.interactionFinished(request, response, { ...user, error_description: '<b>no</b>' });
    return;
  }
  const { name, ...how } = hint === undefined && 'name' in user ? user : { name: String(hint) };
  await provider.interactionFinished(request, response, { login: { accountId: name, ...how } });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

async function configuration({ clients, claims, registration }: Settings): Promise<Configuration> {
  const { redirectUris = [], postLogoutRedirectUris = [], backchannelLogoutUri } = registration;
  return {
    jwks: { keys: [await privateJwk('RS256'), await privateJwk('ES256'), await privateJwk('PS256')] },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'PS256'] },
    clients: Object.entries(clients).map(([clientId, alg]) => ({
      client_id: clientId,
      client_secret: CLIENT_SECRET,
      redirect_uris: [CALLBACK, ...redirectUris],
      post_logout_redirect_uris: [...postLogoutRedirectUris],
      ...(backchannelLogoutUri !== undefined && {
        backchannel_logout_uri: backchannelLogoutUri,
        backchannel_logout_session_required: true,
      }),
      id_token_signed_response_alg: alg,
    })),
    cookies: { keys: ['a key of the test alone'] },
    acrValues: ACR_VALUES,
    claims: { openid: ['sub', 'sid', 'auth_time', 'acr', ...Object.keys(claims)] },
    conformIdTokenClaims: false,
    ttl: { Interaction: 600, Grant: 600, Session: 600, AccessToken: 600, IdToken: 600 },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { logoutSource: confirmAtOnce },
    },
    // Its own fetch keeps away from this very machine, where the tests are.
    fetch: (url, options) => {
      delete options?.dispatcher;
      return fetch(url, options);
    },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...claims }) }),
    // Every client may have what it asks for: there is nobody to ask. Codes are good for the grant that they came with.
    loadExistingGrant: async ({ oidc }) => {
      const clientId = oidc.client?.clientId ?? '';
      const existing = oidc.session?.grantIdFor(clientId);
      if (existing !== undefined) return oidc.provider.Grant.find(existing);
      const grant = new oidc.provider.Grant({ clientId, accountId: oidc.session?.accountId ?? '' });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
  };
}

/** In place of a question to the user: a page whose form a test sends at once. */
function confirmAtOnce(context: KoaContextWithOIDC, form: string): void {
  context.body = form.replace('</form>', '<input type="hidden" name="logout" value="yes"/></form>');
}

async function privateJwk(alg: string) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `${alg}-${crypto.randomUUID()}` };
}

async function logIn(issuer: string, clientId: string, user: string, nonce: string) {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out; this provider is on loopback.
  const execute = [allowInsecureRequests];
  const client = await discovery(new URL(issuer), clientId, CLIENT_SECRET, undefined, { execute });
  const verifier = randomPKCECodeVerifier();
  const start = buildAuthorizationUrl(client, {
    redirect_uri: CALLBACK,
    scope: 'openid',
    nonce,
    login_hint: user,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const callback = await browse(start);
  const tokens = await authorizationCodeGrant(client, callback, {
    pkceCodeVerifier: verifier,
    expectedNonce: nonce,
  });
  return { idToken: tokens.id_token ?? '', accessToken: tokens.access_token };
}

/** Follows redirects with cookies, and stops at the client's callback. */
async function browse(start: URL): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let step = 0; step < 10; step++) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null)
      throw new Error(`The login ended at ${url.pathname} with status ${response.status}`);
    url = new URL(location, url);
    if (url.href.startsWith(CALLBACK)) return url;
  }
  throw new Error('The login went in a circle');
}
