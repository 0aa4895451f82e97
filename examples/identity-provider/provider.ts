/** A demo OIDC provider with two users and no passwords: real discovery, keys, PKCE, codes and ID tokens. For demos only. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import type { ClientMetadata, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { DEMO_CLIENT, DEMO_USERS } from './directory.ts';
import { createMemoryAdapter } from './memory-adapter.ts';

export interface IdentityProviderServer {
  /** `iss`; discovery is at `/.well-known/openid-configuration` below it. */
  readonly issuer: string;
  stop(): Promise<void>;
}

export interface IdentityProviderOptions {
  /** On 127.0.0.1. Default: one that is free. */
  readonly port?: number;
  /** Makes the client confidential, as a browser login needs it. */
  readonly clientSecret?: string | undefined;
  /** Where browsers log in: `/auth/callback` and `/auth/logged-out` below it are where they come back to. */
  readonly origin?: string | undefined;
  /** The `api` listener of Singlestate, which is told at `/auth/backchannel-logout` below it of everybody who logs out. */
  readonly api?: string | undefined;
}

/** Starts a provider with new keys. */
export async function startIdentityProvider(
  options: IdentityProviderOptions = {},
): Promise<IdentityProviderServer> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, configuration(options));
  const callback = provider.callback();
  server.on('request', (request, response) => {
    const answer = request.url?.startsWith(LOGIN_PATH) ? login(provider, request, response) : undefined;
    if (answer === undefined) void callback(request, response);
    else answer.catch((error: unknown) => refuse(response, error));
  });
  return { issuer, stop: () => stop(server) };
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

const LOGIN_PATH = '/login/';

function configuration(options: IdentityProviderOptions): Configuration {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  return {
    adapter: createMemoryAdapter(),
    clients: [client(options)],
    // `roles` goes into the ID token itself, and not to the userinfo endpoint alone.
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'sid', 'auth_time', 'roles'] },
    findAccount: (_context, user) => ({
      accountId: user,
      claims: () => ({ sub: user, roles: DEMO_USERS[user] ?? [] }),
    }),
    loadExistingGrant: grantAll,
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { logoutSource: confirmLogout },
    },
    // The library keeps its own requests away from addresses of this machine, where all of the demo is.
    fetch: (url, init) => {
      delete init?.dispatcher;
      return fetch(url, init);
    },
    interactions: { url: (_context, interaction) => `${LOGIN_PATH}${interaction.uid}` },
    jwks: { keys: [{ ...key, kid: 'demo', use: 'sig', alg: 'RS256' }] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      IdToken: 600,
      Interaction: 600,
      Session: 3600,
      Grant: 3600,
    },
  };
}

/** OpenID Connect Dynamic Client Registration section 2, RP-Initiated Logout section 3.1, Back-Channel Logout section 2.2. */
function client({ clientSecret, origin, api }: IdentityProviderOptions): ClientMetadata {
  return {
    client_id: DEMO_CLIENT.id,
    ...(clientSecret ? { client_secret: clientSecret } : { token_endpoint_auth_method: 'none' }),
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: [DEMO_CLIENT.redirectUri, ...(origin ? [`${origin}/auth/callback`] : [])],
    post_logout_redirect_uris: origin ? [`${origin}/auth/logged-out`] : [],
    ...(api && {
      backchannel_logout_uri: `${api}/auth/backchannel-logout`,
      backchannel_logout_session_required: true,
    }),
  };
}

/** The one client is the demo's own, so nobody is asked for consent. Tabs share a grant: a code is good for that it came with. */
async function grantAll(context: KoaContextWithOIDC) {
  const { client, session, provider } = context.oidc;
  if (!client || !session?.accountId) return undefined;
  const existing = session.grantIdFor(client.clientId);
  if (existing !== undefined) return provider.Grant.find(existing);
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid');
  await grant.save();
  return grant;
}

/** GET shows the form, POST signs in whom it names. */
async function login(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  await provider.interactionDetails(request, response);
  const user = request.method === 'POST' ? new URLSearchParams(await bodyOf(request)).get('user') : null;
  if (user === null || !Object.hasOwn(DEMO_USERS, user)) {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(LOGIN_PAGE);
    return;
  }
  await provider.interactionFinished(request, response, { login: { accountId: user, amr: ['pwd'] } });
}

/** Whom a client sends with an ID token has confirmed it there; anybody else is asked. `form` is without a button. */
function confirmLogout(context: KoaContextWithOIDC, form: string): void {
  const isConfirmed = context.oidc.entities.IdTokenHint !== undefined;
  context.body = `<!doctype html>
<html lang="en">
<title>Demo sign-out</title>
<h1>Sign out of the demo provider?</h1>
${form}
<button id="out" form="op.logoutForm" name="logout" value="yes">Sign out</button>
${isConfirmed ? "<script>document.getElementById('out').click()</script>" : ''}
</html>
`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > 1000) throw new Error('The form is too large.');
  }
  return body;
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else
    response
      .writeHead(400, { 'content-type': 'text/plain' })
      .end(error instanceof Error ? error.message : '');
}

const LOGIN_PAGE = `<!doctype html>
<html lang="en">
<title>Demo sign-in</title>
<h1>Who are you?</h1>
<form method="post">
${Object.entries(DEMO_USERS)
  .map(([user, scopes]) => `<p><button name="user" value="${user}">${user}</button> ${scopes.join(', ')}</p>`)
  .join('\n')}
</form>
</html>
`;

if (import.meta.main) {
  const { PORT = '8082', CLIENT_SECRET: clientSecret, ORIGIN: origin, API: api } = process.env;
  const { issuer } = await startIdentityProvider({ port: Number(PORT), clientSecret, origin, api });
  process.stdout.write(`The demo identity provider is at ${issuer}\n`);
}
