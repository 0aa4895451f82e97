import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_DOCUMENT_BYTES } from '../../../src/identity/bounded-fetch.ts';
import { FETCH_FLOOR_MS } from '../../../src/identity/fetch-cache.ts';
import { MAX_REDEMPTIONS } from '../../../src/identity/login-provider.ts';
import type { LoginBinding, LoginProvider } from '../../../src/identity/login.ts';
import { FIRST_PAUSE_MS, TOKEN_ENDPOINT_FAILURES } from '../../../src/identity/issuer-breakers.ts';
import { createIdentityProviders } from '../../../src/identity/providers.ts';
import { createIssuerKey, startTestIssuer, type TestIssuer } from '../../parts/test-issuer.ts';

const REDIRECT_URI = 'https://app.example.com/auth/callback';
const SECRET = 's3cret:%/+';
const binding: LoginBinding = {
  redirectUri: REDIRECT_URI,
  state: 'the state',
  nonce: 'the nonce',
  codeVerifier: 'v'.repeat(43),
};

const [key, stranger] = await Promise.all([createIssuerKey('RS256', 'one'), createIssuerKey('RS256', 'one')]);
let idp: TestIssuer;
let skipMs: number;
let folder: string;
/** Requests to the token endpoint. */
let asked: { readonly authorization: string | undefined; readonly form: URLSearchParams }[];
let answerToken: (response: ServerResponse) => void;
/** Of the circuit breakers, as the log is told. */
let changes: string[];

beforeEach(async () => {
  skipMs = 0;
  asked = [];
  changes = [];
  folder = await mkdtemp(join(tmpdir(), 'singlestate-secret-'));
  idp = await startTestIssuer(key);
  idp.metadata = {
    authorization_endpoint: `${idp.issuer}/authorize?tenant=7`,
    token_endpoint: `${idp.issuer}/token`,
    end_session_endpoint: `${idp.issuer}/logout`,
  };
  answerToken = json(200, { ...TOKENS, id_token: await idToken() });
});
afterEach(async () => {
  await idp[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const TOKENS = { access_token: 'a', token_type: 'bearer' };

function idToken(changes: object = {}, by = key): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const times = { iat: nowSeconds, exp: nowSeconds + 300 };
  return by.sign({
    iss: idp.issuer,
    aud: 'client',
    sub: 'alice',
    nonce: binding.nonce,
    ...times,
    ...changes,
  });
}

function json(status: number, body: object) {
  return (response: ServerResponse) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** A token endpoint; discovery and keys have been asked for before. */
function tokenEndpoint(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Uint8Array[] = [];
  request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  request.on('end', () => {
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    asked.push({ authorization: request.headers.authorization, form });
    answerToken(response);
  });
}

async function loginProvider(fetchTimeoutMs = 2_000): Promise<LoginProvider> {
  const clientSecretFile = join(folder, 'secret');
  await writeFile(clientSecretFile, `${SECRET}\n`);
  const claims = { scopes: 'scope', attributes: {} };
  const config = {
    name: 'main',
    issuer: idp.issuer,
    clientId: 'client',
    scopes: ['email'],
    claims,
    clientSecretFile,
  };
  const nowMs = () => Date.now() + skipMs;
  const { login } = await createIdentityProviders([config], {
    nowMs,
    fetchTimeoutMs,
    onFetchFailure: () => undefined,
    onBreaker: (...change) => changes.push(change.map(String).join(' ')),
  });
  const [provider] = login;
  if (provider === undefined) throw new Error('no login provider');
  return provider;
}

/** Discovers while the issuer answers plainly, then finishes against the token endpoint. */
async function finish(query: Record<string, string> = {}, demand = {}, fetchTimeoutMs = 2_000) {
  const provider = await loginProvider(fetchTimeoutMs);
  await provider.authorizationUrl(binding, {});
  idp.answer = tokenEndpoint;
  const search = new URLSearchParams({ code: 'the code', state: binding.state, ...query }).toString();
  return provider.finish(`${REDIRECT_URI}?${search}`, binding, demand);
}

describe('the way to an identity provider', () => {
  it('B2 carries all that binds the answer, and keeps what the address had already', async () => {
    const provider = await loginProvider();
    const start = await provider.authorizationUrl(binding, {
      acrValues: ['gold', 'silver'],
      maxAgeSeconds: 0,
    });
    const url = new URL(start.ok ? start.url : '');
    expect(url.href.startsWith(`${idp.issuer}/authorize?`)).toBe(true);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: '7',
      response_type: 'code',
      client_id: 'client',
      redirect_uri: REDIRECT_URI,
      scope: 'openid email',
      state: binding.state,
      nonce: binding.nonce,
      code_challenge: createHash('sha256').update(binding.codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
      acr_values: 'gold silver',
      max_age: '0',
    });
  });

  it.each([
    [0, '0'],
    [5, '0'],
    [300, '290'],
  ])(
    'asks for a fresher proof than %i s by what clocks may differ, so that no login goes in a circle',
    async (maxAgeSeconds, asked) => {
      const start = await (await loginProvider()).authorizationUrl(binding, { maxAgeSeconds });
      expect(new URL(start.ok ? start.url : '').searchParams.get('max_age')).toBe(asked);
    },
  );

  it('D1 is discovered once, and asked again only after the floor', async () => {
    const provider = await loginProvider();
    await Promise.all([1, 2, 3].map(() => provider.authorizationUrl(binding, {})));
    expect(idp.requests).toHaveLength(2);
    skipMs = FETCH_FLOOR_MS;
    await provider.authorizationUrl(binding, {});
    expect(idp.requests).toHaveLength(4);
  });

  it('D1 is not taken once the provider is seen to be down, though its keys are still good', async () => {
    const provider = await loginProvider();
    await provider.authorizationUrl(binding, {});
    await idp.stop();
    skipMs = FETCH_FLOOR_MS;
    expect(await provider.authorizationUrl(binding, {})).toMatchObject({ ok: false });
    expect(await provider.finish(`${REDIRECT_URI}?code=c&state=the+state`, binding, {})).toMatchObject({
      outcome: 'unavailable',
    });
  });

  it('D8 of those who wait for a provider that failed, all but one get the answer at once', async () => {
    idp.answer = (_, response) => void response.writeHead(500).end();
    const provider = await loginProvider(30_000);
    expect(await provider.authorizationUrl(binding, {})).toMatchObject({ ok: false });
    const held: ServerResponse[] = [];
    idp.answer = (_, response) => void held.push(response);
    skipMs = FETCH_FLOOR_MS;
    const probe = provider.authorizationUrl(binding, {});
    expect(await provider.authorizationUrl(binding, {})).toMatchObject({ ok: false });
    await expect.poll(() => held.length).toBe(1);
    held[0]?.writeHead(500).end();
    expect(await probe).toMatchObject({ ok: false });
  });

  it('is refused where discovery names no place for logins', async () => {
    idp.metadata = {};
    expect(await (await loginProvider()).authorizationUrl(binding, {})).toMatchObject({
      ok: false,
      problem: expect.stringContaining('of no use for a login') as string,
    });
  });
});

describe('the way back', () => {
  it('B2 gives the identity and the ID token, verified like any other', async () => {
    expect(await finish()).toMatchObject({
      outcome: 'identity',
      identity: { provider: 'main', issuer: idp.issuer, subject: 'alice' },
      idToken: expect.stringMatching(/^eyJ/) as string,
    });
    expect(Object.fromEntries(asked[0]?.form ?? [])).toEqual({
      grant_type: 'authorization_code',
      code: 'the code',
      redirect_uri: REDIRECT_URI,
      code_verifier: binding.codeVerifier,
    });
  });

  it.each([
    ['in the header where the provider does not say', undefined, true],
    ['in the header where the provider takes both', ['client_secret_post', 'client_secret_basic'], true],
    ['in the form where the provider takes nothing else', ['client_secret_post'], false],
  ])('shows the client secret %s', async (_, methods, isInHeader) => {
    if (methods) idp.metadata['token_endpoint_auth_methods_supported'] = methods;
    expect(await finish()).toMatchObject({ outcome: 'identity' });
    const [request] = asked;
    expect(request?.authorization?.startsWith('Basic ') ?? false).toBe(isInHeader);
    expect(request?.form.get('client_secret')).toBe(isInHeader ? null : SECRET);
  });

  it.each([
    ['access_denied', { outcome: 'declined', error: 'access_denied' }],
    ['login_required', { outcome: 'declined', error: 'login_required' }],
    ['<script>', { outcome: 'declined', error: 'unknown_error' }],
    ['unmet_authentication_requirements', { outcome: 'insufficient' }],
    ['temporarily_unavailable', { outcome: 'unavailable' }],
    ['server_error', { outcome: 'unavailable' }],
  ])('with the error %s is told by a word of ours', async (error, end) => {
    const ended = await finish({ error, error_description: 'TEXT OF THE PROVIDER' });
    expect(ended).toMatchObject(end);
    expect(JSON.stringify(ended)).not.toMatch(/TEXT|<script>/);
    expect(asked).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    ['another state', { state: 'other' }],
    ['no code', { code: '' }],
    ['an ID token of its own', { id_token: 'eyJ' }],
    ['the issuer of another (RFC 9207)', { iss: 'https://evil.example' }],
  ])('E1 with %s is refused before anything is asked', async (_, query) => {
    expect(await finish(query)).toMatchObject({ outcome: 'refused' });
    expect(asked).toEqual([]);
  });

  it.each<[string, () => Promise<object>]>([
    ['signed by a stranger', async () => ({ ...TOKENS, id_token: await idToken({}, stranger) })],
    ['for another client', async () => ({ ...TOKENS, id_token: await idToken({ aud: 'other' }) })],
    ['with another nonce', async () => ({ ...TOKENS, id_token: await idToken({ nonce: 'other' }) })],
    [
      'of another issuer',
      async () => ({ ...TOKENS, id_token: await idToken({ iss: 'https://evil.example' }) }),
    ],
    ['that is over', async () => ({ ...TOKENS, id_token: await idToken({ exp: 1 }) })],
    ['without a subject', async () => ({ ...TOKENS, id_token: await idToken({ sub: undefined }) })],
    ['that is missing', () => Promise.resolve(TOKENS)],
  ])('E1 an ID token %s is refused, and the problem quotes nothing of it', async (_, body) => {
    answerToken = json(200, await body());
    const end = await finish();
    expect(end).toMatchObject({ outcome: 'refused' });
    expect(JSON.stringify(end)).not.toMatch(/eyJ|evil|alice/);
  });

  it.each<[string, (response: ServerResponse) => void, object]>([
    ['refuses the code', json(400, { error: 'invalid_grant' }), { outcome: 'refused' }],
    [
      'refuses with markup',
      json(400, { error: '<b>' }),
      { problem: 'The token endpoint refused: unknown error.' },
    ],
    ['refuses this client', json(401, { error: 'invalid_client' }), { outcome: 'refused' }],
    [
      'refuses this client by a challenge',
      (response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
      { outcome: 'refused', problem: expect.stringContaining('id or secret') as string },
    ],
    ['fails', (response) => void response.writeHead(502).end('<html>'), { outcome: 'unavailable' }],
    ['hangs up', (response) => void response.destroy(), { outcome: 'unavailable' }],
    [
      'redirects',
      (response) => void response.writeHead(302, { location: '/x' }).end(),
      { outcome: 'refused' },
    ],
    ['answers with HTML', (response) => void response.end('<html>'), { outcome: 'refused' }],
    [
      'answers with too much',
      (response) => void response.end(' '.repeat(MAX_DOCUMENT_BYTES + 1)),
      { outcome: 'unavailable' },
    ],
  ])('E3 a token endpoint that %s opens nothing', async (_, answer, end) => {
    answerToken = answer;
    expect(await finish()).toMatchObject(end);
  });

  it('D5 a token endpoint that does not answer is given up at the timeout', async () => {
    answerToken = () => undefined;
    expect(await finish({}, {}, 100)).toMatchObject({
      outcome: 'unavailable',
      problem: expect.stringContaining('timeout') as string,
    });
  });

  it('D5 nor is one waited for that sends its answer byte by byte', async () => {
    answerToken = (response) => {
      const drip = setInterval(() => response.write(' '), 5);
      response.once('close', () => clearInterval(drip));
    };
    expect(await finish({}, {}, 100)).toMatchObject({ outcome: 'unavailable' });
  });

  describe('D8 through a token endpoint', () => {
    const end = (provider: LoginProvider) =>
      provider.finish(`${REDIRECT_URI}?code=c&state=${encodeURIComponent(binding.state)}`, binding, {});
    const begin = async (provider: LoginProvider) => (await provider.authorizationUrl(binding, {})).ok;

    it('that is down is tried by one login at a time, and meanwhile nobody is sent to log in', async () => {
      const provider = await loginProvider();
      await begin(provider);
      idp.answer = tokenEndpoint;
      answerToken = json(503, {});
      for (let count = 0; count < TOKEN_ENDPOINT_FAILURES; count += 1) {
        expect(await begin(provider)).toBe(true);
        expect(await end(provider)).toMatchObject({ outcome: 'unavailable' });
      }
      expect(await begin(provider)).toBe(false);
      expect(await end(provider)).toMatchObject({
        outcome: 'unavailable',
        problem: 'The token endpoint failed: the circuit breaker is open',
      });
      expect(asked).toHaveLength(TOKEN_ENDPOINT_FAILURES);

      skipMs += FIRST_PAUSE_MS;
      const waiting: ServerResponse[] = [];
      answerToken = (response) => void waiting.push(response);
      expect(await begin(provider)).toBe(true);
      const trial = end(provider);
      await expect.poll(() => waiting.length, { timeout: 10_000 }).toBe(1);
      expect(await end(provider)).toMatchObject({ outcome: 'unavailable' });
      expect(asked).toHaveLength(TOKEN_ENDPOINT_FAILURES + 1);
      for (const response of waiting) json(200, { ...TOKENS, id_token: await idToken() })(response);
      expect(await trial).toMatchObject({ outcome: 'identity' });
      answerToken = json(400, { error: 'invalid_grant' });
      expect(await end(provider)).toMatchObject({ outcome: 'refused' });
      expect(changes).toEqual([
        'identity_provider/main/token_endpoint open status 503',
        'identity_provider/main/token_endpoint closed undefined',
      ]);
    });

    it.each([
      ['refuses', 400],
      ['fails over what it was sent', 500],
    ])('that %s nobody can shut others out', async (_, status) => {
      const provider = await loginProvider();
      await begin(provider);
      idp.answer = tokenEndpoint;
      answerToken = json(status, { error: 'invalid_grant' });
      for (let count = 0; count < 3 * TOKEN_ENDPOINT_FAILURES; count += 1) await end(provider);
      expect(asked).toHaveLength(3 * TOKEN_ENDPOINT_FAILURES);
      answerToken = json(200, { ...TOKENS, id_token: await idToken() });
      expect(await end(provider)).toMatchObject({ outcome: 'identity' });
    });
  });

  it('D8 discovery that failed is told, and that it is well again', async () => {
    await idp.stop();
    const provider = await loginProvider();
    expect(await provider.authorizationUrl(binding, {})).toMatchObject({ ok: false });
    expect(changes).toEqual([expect.stringMatching(/^identity_provider\/main open .*ECONNREFUSED/)]);
    await idp.start();
    skipMs += FIRST_PAUSE_MS;
    expect(await provider.authorizationUrl(binding, {})).toMatchObject({ ok: true });
    expect(changes.slice(1)).toEqual(['identity_provider/main closed undefined']);
  });

  it('D9 no more than so many wait for it at a time, and all others are told at once', async () => {
    const provider = await loginProvider(30_000);
    await provider.authorizationUrl(binding, {});
    const waiting: ServerResponse[] = [];
    idp.answer = (_, response) => void waiting.push(response);
    const callback = `${REDIRECT_URI}?code=c&state=${encodeURIComponent(binding.state)}`;
    const ask = () => provider.finish(callback, binding, {});
    const first = Array.from({ length: MAX_REDEMPTIONS }, ask);
    await expect.poll(() => waiting.length, { timeout: 10_000 }).toBe(MAX_REDEMPTIONS);
    expect(await ask()).toMatchObject({
      outcome: 'unavailable',
      problem: 'Too many logins wait for its token endpoint.',
    });
    for (const response of waiting) response.writeHead(400).end();
    await Promise.all(first);
    answerToken = json(200, { ...TOKENS, id_token: await idToken() });
    idp.answer = tokenEndpoint;
    expect(await ask()).toMatchObject({ outcome: 'identity' });
  });
});

describe('a login that must be strong', () => {
  const nowSeconds = () => Math.floor(Date.now() / 1000);
  it.each<[string, () => object, object, string]>([
    ['one of the classes', () => ({ acr: 'gold' }), { acrValues: ['gold', 'platinum'] }, 'identity'],
    ['another class', () => ({ acr: 'silver' }), { acrValues: ['gold'] }, 'insufficient'],
    ['no class', () => ({}), { acrValues: ['gold'] }, 'insufficient'],
    ['a recent proof', () => ({ auth_time: nowSeconds() - 50 }), { maxAgeSeconds: 60 }, 'identity'],
    [
      'a proof just now, whatever the clocks say',
      () => ({ auth_time: nowSeconds() - 8 }),
      { maxAgeSeconds: 0 },
      'identity',
    ],
    [
      'a proof that a check finds too old',
      () => ({ auth_time: nowSeconds() - 65 }),
      { maxAgeSeconds: 60 },
      'insufficient',
    ],
    ['an old proof', () => ({ auth_time: nowSeconds() - 80 }), { maxAgeSeconds: 60 }, 'insufficient'],
    ['a token that does not tell of the proof', () => ({}), { maxAgeSeconds: 60 }, 'refused'],
    ['nothing that was asked for', () => ({ auth_time: nowSeconds() - 9_999 }), {}, 'identity'],
  ])('with %s is judged by what was demanded', async (_, claims, demand, outcome) => {
    answerToken = json(200, { ...TOKENS, id_token: await idToken(claims()) });
    expect(await finish({}, demand)).toMatchObject({ outcome });
  });
});

describe('the way to log out at the provider', () => {
  const request = {
    idTokenHint: 'eyJ.e30.x',
    postLogoutRedirectUri: 'https://a.example/auth/logged-out',
    state: 's',
  };

  it('names the client, the session and the way back', async () => {
    const url = new URL((await (await loginProvider()).endSessionUrl(request)) ?? '');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: 'client',
      id_token_hint: 'eyJ.e30.x',
      post_logout_redirect_uri: request.postLogoutRedirectUri,
      state: 's',
    });
  });

  it.each([
    ['is too long for an address', 'e'.repeat(4_097)],
    ['is not there', undefined],
  ])('goes without an ID token that %s', async (_, idTokenHint) => {
    const url = await (await loginProvider()).endSessionUrl({ ...request, idTokenHint });
    expect(url).not.toContain('id_token_hint');
    expect(url).toContain('client_id=client');
  });

  it.each([undefined, 'http://idp.example.com/logout', 'javascript:alert(1)'])(
    'does not lead to %s',
    async (place) => {
      idp.metadata['end_session_endpoint'] = place;
      expect(await (await loginProvider()).endSessionUrl(request)).toBeUndefined();
    },
  );
});

describe('the client secret', () => {
  const config = {
    name: 'main',
    issuer: 'https://idp.example.com',
    clientId: 'c',
    scopes: [],
    claims: { scopes: 's', attributes: {} },
  };
  const options = { nowMs: Date.now, fetchTimeoutMs: 100, onFetchFailure: () => undefined };

  it('makes a provider one that browsers log in with', async () => {
    const file = join(folder, 'secret');
    await writeFile(file, 'x\r\n');
    const providers = await createIdentityProviders(
      [config, { ...config, name: 'shown', displayName: 'The Shown', clientSecretFile: file }],
      options,
    );
    expect([...providers.byName.keys()]).toEqual(['main', 'shown']);
    expect(providers.login.map(({ displayName }) => displayName)).toEqual(['The Shown']);
  });

  it('that is missing or empty is told with every other problem, by the file', async () => {
    const empty = join(folder, 'empty');
    await writeFile(empty, '\n');
    const configs = [
      { ...config, clientSecretFile: join(folder, 'none') },
      { ...config, clientSecretFile: empty },
      { ...config, issuer: 'http://idp.example.com' },
    ];
    await expect(createIdentityProviders(configs, options)).rejects.toMatchObject({
      code: 'ERR_IDENTITY_CONFIG',
      problems: [
        expect.stringContaining("none can't be read"),
        expect.stringContaining('empty is empty'),
        expect.stringContaining('https:'),
      ],
    });
  });
});
