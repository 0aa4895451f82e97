import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StoreError } from '../../src/session/store.ts';
import { startHttpSite, type HttpSite } from '../parts/http-site.ts';
import {
  APP,
  createLoginRig,
  CSRF_COOKIE,
  SESSION_COOKIE,
  useProviders,
  type LoginRig,
} from '../parts/login-rig.ts';
import { CLIENT_SECRET, startOidcProvider, type OidcProvider } from '../parts/oidc-provider.ts';
import type { TestBrowser } from '../parts/test-browser.ts';

const BACKCHANNEL = '/auth/backchannel-logout';

let api: HttpSite;
let idp: OidcProvider;
let rig: LoginRig;
let browser: TestBrowser;
beforeAll(async () => {
  api = await startHttpSite();
  idp = await startOidcProvider(
    { singlestate: 'RS256' },
    { roles: ['invoices:read'] },
    {
      redirectUris: [`${APP}/auth/callback`],
      postLogoutRedirectUris: [`${APP}/auth/logged-out`],
      backchannelLogoutUri: api.url + BACKCHANNEL,
    },
  );
});
afterAll(async () => {
  await idp[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});
beforeEach(async () => {
  idp.user = { name: 'alice' };
  rig = await createLoginRig();
  api.site = rig.site;
  api.served.length = 0;
  await useProviders(rig, [{ name: 'main', issuer: idp.issuer }], CLIENT_SECRET);
  browser = rig.newBrowser();
  await browser.open(`${APP}/auth/login`);
  rig.counted.length = 0;
});

/** The form of the page, sent up to where the provider asks. */
async function logOut(by = browser) {
  const page = await by.open(`${APP}/auth/logout`);
  return by.submit(page);
}

/** The session cookie as somebody else might hold it still. */
function copyOf(by: TestBrowser): TestBrowser {
  const copy = rig.newBrowser();
  copy.setCookie(APP, SESSION_COOKIE, by.cookies(APP).get(SESSION_COOKIE));
  return copy;
}

describe('a logout', () => {
  it('E6 asks first, ends the session for every tab, and takes both cookies out of the browser', async () => {
    const tab = copyOf(browser);
    const page = await browser.open(`${APP}/auth/logout`);
    expect(page.status).toBe(200);
    expect(await rig.sessionOf(tab)).toMatchObject({ state: 'live' });
    await browser.submit(page);
    expect(await rig.sessionOf(tab)).toMatchObject({ state: 'revoked', cause: 'logout' });
    expect([...browser.cookies(APP).keys()]).toEqual([]);
    expect(rig.counted).toEqual(['ended logout 1']);
  });

  it('ends the login at the provider as well, which sends the browser back', async () => {
    const atProvider = await logOut();
    const endSession = new URL(atProvider.way[1] ?? '');
    expect(endSession.origin).toBe(idp.issuer);
    expect(endSession.searchParams.get('client_id')).toBe('singlestate');
    expect(endSession.searchParams.get('post_logout_redirect_uri')).toBe(`${APP}/auth/logged-out`);
    expect(endSession.searchParams.get('id_token_hint')).toMatch(/^eyJ/);
    const end = await browser.submit(atProvider);
    expect(end.url.href).toMatch(/^https:\/\/app\.example\.com\/auth\/logged-out\?state=[\w-]{22}$/);
    expect(end.text).toContain('You are logged out here.');
    expect(end.text).not.toContain(end.url.searchParams.get('state') ?? 'state');
    const again = await browser.open(`${APP}/auth/login`);
    expect(again.way.some((url) => url.includes('/interaction/'))).toBe(true);
  });

  it('B6 is audited as done by the user, and logged without a secret', async () => {
    const lookup = await rig.sessionOf(browser);
    const ref = lookup.state === 'live' ? lookup.session.ref : 'none';
    await logOut();
    expect(await rig.audited('session_revoked')).toMatchObject([
      { ref, reason: 'logout', actor: { kind: 'user', name: ref }, subject: { subject: 'alice' } },
    ]);
    expect(rig.log.lines().at(-1)).toMatchObject({
      msg: 'logout',
      outcome: 'revoked',
      provider: 'main',
      ref,
    });
    expect(rig.log.text).not.toContain('eyJ');
  });

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['no CSRF token', {}, {}],
    ['the CSRF token of nobody', { csrf_token: 'x'.repeat(43) }, {}],
    ['an empty CSRF header', {}, { 'x-csrf-token': '' }],
  ])('E13 with %s changes nothing', async (_, form, headers) => {
    const response = await browser.step(`${APP}/auth/logout`, { method: 'POST', form, headers });
    expect(response.status).toBe(403);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await rig.sessionOf(browser)).toMatchObject({ state: 'live' });
    expect(rig.log.lines().at(-1)).toMatchObject({ msg: 'logout', outcome: 'csrf' });
  });

  it('E13 takes the CSRF token in the header of cookie-borne writes as well', async () => {
    const headers = { 'x-csrf-token': browser.cookies(APP).get(CSRF_COOKIE) ?? '' };
    const response = await browser.step(`${APP}/auth/logout`, { method: 'POST', headers });
    expect(response.status).toBe(303);
    expect(browser.cookies(APP).size).toBe(0);
  });

  it('E13 a request from another site, which has no cookie, does not take the cookies out of the browser', async () => {
    const bare = rig.newBrowser();
    const response = await bare.step(`${APP}/auth/logout`, { method: 'POST' });
    expect(response.headers.get('location')).toBe(`${APP}/auth/logged-out`);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  it('of a session that is over takes the cookies away', async () => {
    const tab = copyOf(browser);
    await logOut();
    const page = await tab.open(`${APP}/auth/logout`);
    expect(page.url.pathname).toBe('/auth/logged-out');
    expect(tab.cookies(APP).size).toBe(0);
  });

  it.each(['GET', 'POST'] as const)(
    'D2 by %s while the store is down is an outage, and the cookie stays',
    async (method) => {
      const down = () => Promise.reject(new StoreError('ERR_STORE_UNAVAILABLE', 'the store is down'));
      rig.deps.store = { ...rig.deps.store, read: down };
      const response = await browser.step(`${APP}/auth/logout`, { method });
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('5');
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(browser.cookies(APP).has(SESSION_COOKIE)).toBe(true);
    },
  );

  it('D2 that the store did not acknowledge keeps the cookie', async () => {
    const { store } = rig.deps;
    rig.deps.store = {
      ...store,
      revoke: () => Promise.reject(new StoreError('ERR_STORE_TIMEOUT', 'revoke took longer than 50 ms')),
    };
    const page = await browser.open(`${APP}/auth/logout`);
    expect((await browser.submit(page)).status).toBe(503);
    expect(browser.cookies(APP).has(SESSION_COOKIE)).toBe(true);
    rig.deps.store = store;
    await logOut();
    expect(browser.cookies(APP).has(SESSION_COOKIE)).toBe(false);
  });

  it('D1 while the provider is down ends here', async () => {
    await idp.stop();
    rig.skipMs = 60_000;
    try {
      const end = await logOut();
      expect(end.url.href).toBe(`${APP}/auth/logged-out`);
      expect(rig.counted).toContain('ended logout 1');
    } finally {
      await idp.restart();
    }
  });
});

describe('what a page is told of its session', () => {
  it('is who, until when, and which header its writes need', async () => {
    const lookup = await rig.sessionOf(browser);
    const expiresAtMs = lookup.state === 'live' ? lookup.session.document.expiresAtMs : 0;
    const facts = await browser.open(`${APP}/auth/session`);
    expect(JSON.parse(facts.text)).toEqual({
      authenticated: true,
      subject: 'alice',
      expires: Math.floor(expiresAtMs / 1000),
      csrf_header: 'x-csrf-token',
    });
    expect(facts.headers.get('cache-control')).toBe('no-store');
  });

  it('is a 401 problem without one, and 503 while the store is down', async () => {
    const none = await rig.newBrowser().open(`${APP}/auth/session`);
    expect(none.status).toBe(401);
    expect(none.headers.get('content-type')).toBe('application/problem+json');
    rig.deps.store = {
      ...rig.deps.store,
      read: () => Promise.reject(new StoreError('ERR_STORE_UNAVAILABLE', 'the store is down')),
    };
    const outage = await browser.open(`${APP}/auth/session`);
    expect(outage.status).toBe(503);
    expect(outage.headers.get('content-type')).toBe('application/problem+json');
    expect(outage.headers.get('retry-after')).toBe('5');
  });
});

describe('a logout that the provider starts', () => {
  /** Logs out at the provider alone, as at its own account page or from another client. */
  async function logOutAtProvider(by = browser): Promise<void> {
    const page = await by.open(`${idp.issuer}/session/end?client_id=singlestate`);
    await by.submit(page);
  }

  it('B4 E6 ends the sessions that came from the session there, and no other', async () => {
    const elsewhere = rig.newBrowser();
    await elsewhere.open(`${APP}/auth/login`);
    const tab = copyOf(browser);
    await logOutAtProvider();
    expect(api.served).toMatchObject([{ path: BACKCHANNEL, status: 200 }]);
    expect(await rig.sessionOf(tab)).toMatchObject({ state: 'revoked', cause: 'provider_logout' });
    expect(await rig.sessionOf(elsewhere)).toMatchObject({ state: 'live' });
    expect(rig.counted).toContain('ended provider_logout 1');
    expect(await rig.audited('session_revoked')).toMatchObject([
      { actor: { kind: 'provider', name: 'main' }, reason: 'provider_logout', subject: { subject: 'alice' } },
    ]);
  });

  it('B4 refuses the same token a second time', async () => {
    await logOutAtProvider();
    const again = await fetch(api.url + BACKCHANNEL, {
      method: 'POST',
      body: new URLSearchParams(api.served[0]?.body),
    });
    expect(again.status).toBe(400);
    expect(again.headers.get('cache-control')).toBe('no-store');
    expect(await again.json()).toMatchObject({ error: 'invalid_request' });
  });

  it('B4 may be told again where ending the sessions failed', async () => {
    const { store } = rig.deps;
    const failing = () =>
      Promise.reject(new StoreError('ERR_STORE_TIMEOUT', 'revokeMany took longer than 50 ms'));
    rig.deps.store = { ...store, revokeMany: failing };
    await logOutAtProvider();
    expect(api.served).toMatchObject([{ status: 503 }]);
    expect(await rig.sessionOf(browser)).toMatchObject({ state: 'live' });
    rig.deps.store = store;
    const again = await fetch(api.url + BACKCHANNEL, {
      method: 'POST',
      body: new URLSearchParams(api.served[0]?.body),
    });
    expect(again.status).toBe(200);
    expect(await rig.sessionOf(browser)).toMatchObject({ state: 'revoked' });
  });
});
