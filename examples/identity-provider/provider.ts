/** A demo OIDC provider with two users and no passwords: real discovery, keys, PKCE, codes and ID tokens. For demos only. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { DEMO_CLIENT, DEMO_USERS } from './directory.ts';
import { createMemoryAdapter } from './memory-adapter.ts';

export interface IdentityProviderServer {
  /** `iss`; discovery is at `/.well-known/openid-configuration` below it. */
  readonly issuer: string;
  stop(): Promise<void>;
}

/** Starts a provider on 127.0.0.1, on a free port unless one is named, with new keys. */
export async function startIdentityProvider(port = 0): Promise<IdentityProviderServer> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, configuration());
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

function configuration(): Configuration {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  return {
    adapter: createMemoryAdapter(),
    clients: [
      {
        client_id: DEMO_CLIENT.id,
        redirect_uris: [DEMO_CLIENT.redirectUri],
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    // `roles` goes into the ID token itself, and not to the userinfo endpoint alone.
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'roles'] },
    findAccount: (_context, user) => ({
      accountId: user,
      claims: () => ({ sub: user, roles: DEMO_USERS[user] ?? [] }),
    }),
    loadExistingGrant: grantAll,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
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

/** The one client is the demo's own, so nobody is asked for consent. */
async function grantAll(context: KoaContextWithOIDC) {
  const { client, session, provider } = context.oidc;
  if (!client || !session?.accountId) return undefined;
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
  const { issuer } = await startIdentityProvider(Number(process.env['PORT'] ?? 8082));
  process.stdout.write(`The demo identity provider is at ${issuer}\n`);
}
