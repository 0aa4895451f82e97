/** Logging in and out through a real Envoy, at a real identity provider, while parts of it fail. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatAddress } from '../../src/net/address.ts';
import { createLog } from '../../src/ops/log.ts';
import { startServer, type RunningServer } from '../../src/server/start.ts';
import { startHttpSite, type HttpSite } from '../parts/http-site.ts';
import { CLIENT_SECRET, startOidcProvider, type OidcProvider } from '../parts/oidc-provider.ts';
import { proxiedSite } from '../parts/proxied-site.ts';
import { openChecks } from '../parts/replicas.ts';
import { createTestBrowser, type Site, type TestBrowser } from '../parts/test-browser.ts';
import { createBed, WITH_LOGIN, type Bed } from './bed.ts';

const APP = 'https://app.test';
const SESSION_COOKIE = '__Host-session';
const PAGE_LOAD = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

let idp: OidcProvider;
/** Where the provider sends its logout tokens. */
let backchannel: HttpSite;
let bed: Bed;
/** A second replica, of the same configuration and on the same store, which Envoy does not know. */
let replica: RunningServer;
let site: Site;
let skipMs = 0;

beforeAll(async () => {
  backchannel = await startHttpSite();
  idp = await startOidcProvider(
    { app: 'RS256' },
    {},
    {
      redirectUris: [`${APP}/auth/callback`],
      postLogoutRedirectUris: [`${APP}/auth/logged-out`],
      backchannelLogoutUri: `${backchannel.url}/auth/backchannel-logout`,
    },
  );
  const folder = await mkdtemp(join(tmpdir(), 'singlestate-e2e-login-'));
  const clientSecretFile = join(folder, 'secret');
  await writeFile(clientSecretFile, CLIENT_SECRET);
  const now = () => Date.now() + skipMs;
  bed = await createBed({
    config: {
      ...WITH_LOGIN,
      identityProviders: [{ name: 'main', issuer: idp.issuer, clientId: 'app', clientSecretFile }],
      store: { deadline: '300ms' },
      routes: [{ match: { path: '/page' }, require: { session: true }, onUnauthenticated: 'login' }],
    },
    seams: { now },
  });
  const log = createLog({ level: 'error', decisions: 'off', stream: { write: () => undefined } });
  replica = await startServer({
    configFile: bed.configFile,
    env: {},
    version: '0.0.0-test',
    seams: { now, log },
  });
  await rm(folder, { recursive: true });
  site = proxiedSite(bed.url);
});
afterAll(async () => {
  await replica.stop();
  await bed[Symbol.asyncDispose]();
  await idp[Symbol.asyncDispose]();
  await backchannel[Symbol.asyncDispose]();
});

/** A browser that is logged in. */
async function loggedIn(): Promise<TestBrowser> {
  const browser = createTestBrowser({ [APP]: site });
  const visit = await browser.open(`${APP}/page`, { headers: PAGE_LOAD });
  expect(visit).toMatchObject({ status: 200, url: { pathname: '/page' } });
  return browser;
}

const tokenOf = (browser: TestBrowser) => browser.cookies(APP).get(SESSION_COOKIE) ?? '';

describe('a page load without a session', () => {
  test('B2 goes to the provider and comes back to the page, which the app shows with the identity', async () => {
    const browser = await loggedIn();
    const { received } = await bed.ask('/page', {
      headers: { cookie: `${SESSION_COOKIE}=${tokenOf(browser)}` },
    });
    expect(received?.headers).toMatchObject({ 'x-session-subject': 'alice', 'x-session-issuer': idp.issuer });
  });

  test.each([
    ['evil.example', {}],
    ['app.test.', {}],
    ['app.test:81', {}],
    ['evil.example', { 'x-forwarded-host': 'app.test', forwarded: 'host=app.test' }],
  ])('E13 at the host %s gets no login, and no cookie', async (host, headers) => {
    for (const path of ['/auth/login', '/auth/callback?code=a&state=b', '/auth/logout', '/auth/session']) {
      const answer = await bed.ask(path, { headers: { ...headers, host } });
      expect(answer).toMatchObject({ status: 400, headers: { 'cache-control': 'no-store' } });
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });
});

test.each([
  ['an ideographic space', '\u3000'],
  ['a byte order mark', '\ufeff'],
])('E13 a session that a sibling host set behind %s is none, and is kept from the app', async (_, space) => {
  const browser = await loggedIn();
  const disguised = (value: string) => Buffer.from(`${space}${SESSION_COOKIE}=${value}`).toString('latin1');
  const alone = await bed.ask('/page', { headers: { cookie: disguised(tokenOf(browser)) } });
  expect(alone.status).toBe(401);
  const cookie = `${disguised('x')}; ${SESSION_COOKIE}=${tokenOf(browser)}`;
  const beside = await bed.ask('/page', { headers: { cookie } });
  expect(beside.status).toBe(200);
  expect(beside.received?.headers).not.toHaveProperty('cookie');
});

test('B4 E6 a logout at the provider, told to one replica, ends the session for the next request at every one', async () => {
  const browser = await loggedIn();
  const bystander = await loggedIn();
  const { api, check } = replica.addresses;
  const other = openChecks(formatAddress(check));
  const asked = async (token: string) => {
    const { status } = await bed.ask('/page', { token });
    return [status, await other.ask(token, '/page')];
  };
  try {
    expect(await asked(tokenOf(browser))).toMatchObject([200, { allowed: true }]);
    backchannel.site = proxiedSite(`http://${formatAddress(api)}`);
    const confirm = await browser.open(`${idp.issuer}/session/end?client_id=app`);
    await browser.submit(confirm);
    expect(backchannel.served).toMatchObject([{ status: 200 }]);
    expect(await asked(tokenOf(browser))).toMatchObject([401, { allowed: false, reason: 'revoked' }]);
    expect(await asked(tokenOf(bystander))).toMatchObject([200, { allowed: true }]);
    const again = await fetch(`http://${formatAddress(bed.server.addresses.api)}/auth/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams(backchannel.served[0]?.body),
    });
    expect(again.status, 'a replay, at the other replica').toBe(400);
  } finally {
    other.close();
  }
});

test.each(['GET', 'POST'] as const)(
  'D2 %s /auth/logout while the store hangs is an outage: no cookie is cleared, and the session goes on',
  async (method) => {
    const browser = await loggedIn();
    const csrf = browser.cookies(APP).get('__Host-csrf') ?? '';
    bed.valkey.pause();
    const answer = await browser
      .step(`${APP}/auth/logout`, { method, headers: { 'x-csrf-token': csrf } })
      .finally(() => bed.valkey.resume());
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.getSetCookie()).toEqual([]);
    await expect.poll(async () => (await bed.ask('/page', { token: tokenOf(browser) })).status).toBe(200);
  },
);

test('D1 with the provider stopped sessions go on, a login that is under way and a new one are 503 at once', async () => {
  const browser = await loggedIn();
  const newcomer = createTestBrowser({ [APP]: site });
  const callback = await upToCallback(newcomer);
  await idp.stop();
  try {
    const unfinished = await newcomer.step(callback);
    expect(unfinished.status).toBe(503);
    expect(Number(unfinished.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(unfinished.headers.getSetCookie()).toEqual([]);
    skipMs += 60_000;
    for (let time = 0; time < 3; time++) {
      const beganAt = performance.now();
      const begun = await newcomer.open(`${APP}/page`, { headers: PAGE_LOAD });
      expect(performance.now() - beganAt).toBeLessThan(1_000);
      expect(begun).toMatchObject({ status: 503, url: { pathname: '/auth/login' } });
      expect(Number(begun.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(begun.headers.get('cache-control')).toBe('no-store');
      expect(begun.text).toContain('Whoever is logged in stays so.');
    }
    expect(await providerBreaker()).toBe('open');
    expect((await browser.open(`${APP}/page`, { headers: PAGE_LOAD })).status).toBe(200);
    expect((await browser.open(`${APP}/auth/session`)).status).toBe(200);
  } finally {
    await idp.restart();
  }
  skipMs += 60_000;
  await loggedIn();
  expect(await providerBreaker()).toBe('closed');
});

/** The state of the breaker around discovery and keys. */
async function providerBreaker(): Promise<string | undefined> {
  const series = /^singlestate_breaker_state\{dependency="identity_provider\/main",state="(\w+)"\} 1$/m;
  return series.exec(await bed.metrics())?.[1];
}

/** Goes on until the provider has sent the browser back, and does not load that address. */
async function upToCallback(browser: TestBrowser): Promise<string> {
  let url = `${APP}/auth/login`;
  for (let step = 0; step < 10; step++) {
    const location = (await browser.step(url)).headers.get('location');
    if (location === null) throw new Error(`no way on from ${url}`);
    url = new URL(location, url).href;
    if (url.startsWith(`${APP}/auth/callback?`)) return url;
  }
  throw new Error('no end');
}
