/** What strangers, sibling hosts and other identity providers try against a login, at a real identity provider. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { APP, createLoginRig, SESSION_COOKIE, useProviders, type LoginRig } from '../parts/login-rig.ts';
import { CLIENT_SECRET, startOidcProvider, type OidcProvider } from '../parts/oidc-provider.ts';
import type { TestBrowser } from '../parts/test-browser.ts';
import { createIssuerKey, startTestIssuer } from '../parts/test-issuer.ts';

const LOGIN = `${APP}/auth/login`;

let idp: OidcProvider;
let rig: LoginRig;
let browser: TestBrowser;
beforeAll(async () => {
  idp = await startOidcProvider({ singlestate: 'RS256' }, {}, { redirectUris: [`${APP}/auth/callback`] });
});
afterAll(() => idp[Symbol.asyncDispose]());
beforeEach(async () => {
  idp.user = { name: 'alice' };
  rig = await createLoginRig();
  await useProviders(rig, [{ name: 'main', issuer: idp.issuer }], CLIENT_SECRET);
  browser = rig.newBrowser();
});

/** Goes on until the provider has sent the browser back, and does not load that address. */
async function upToCallback(by: TestBrowser, start = LOGIN): Promise<string> {
  let url = start;
  for (let step = 0; step < 10; step++) {
    const location = (await by.step(url)).headers.get('location');
    if (location === null) throw new Error(`no way on from ${url}`);
    url = new URL(location, url).href;
    if (url.startsWith(`${APP}/auth/callback?`)) return url;
  }
  throw new Error('no end');
}

/** A no-break space: a server may drop it, a browser does not, and so lets any sibling host set such a cookie. */
const DISGUISE = '\u00a0';

const asked = (path: string, cookie: string) => rig.site(new Request(APP + path, { headers: { cookie } }));

describe('a sibling host that sets cookies', () => {
  it("E13 can't put its own session in by a name that only looks like the cookie's", async () => {
    await browser.open(LOGIN);
    const token = browser.cookies(APP).get(SESSION_COOKIE) ?? '';
    expect((await asked('/auth/session', `${SESSION_COOKIE}=${token}`)).status).toBe(200);
    expect((await asked('/auth/session', `${DISGUISE}${SESSION_COOKIE}=${token}`)).status).toBe(401);
    const both = `${DISGUISE}${SESSION_COOKIE}=x; ${SESSION_COOKIE}=${token}`;
    expect((await asked('/auth/session', both)).status).toBe(200);
  });

  it("E13 can't put its own login in by a name that only looks like the cookie's", async () => {
    const callback = new URL(await upToCallback(browser));
    const [[name, value] = ['', '']] = browser.cookies(APP);
    const victim = await asked(callback.pathname + callback.search, `${DISGUISE}${name}=${value}`);
    expect(victim.status).toBe(400);
    expect(victim.headers.getSetCookie()).toEqual([]);
  });
});

describe('an identity provider that lies', () => {
  it('E1 gets no code of another one, and opens no session by it (RFC 9207)', async () => {
    await using liar = await startTestIssuer(await createIssuerKey('RS256', 'one'));
    const atLiar: string[] = [];
    liar.metadata = {
      authorization_endpoint: `${liar.issuer}/authorize`,
      token_endpoint: `${liar.issuer}/token`,
    };
    const names = [
      { name: 'main', issuer: idp.issuer },
      { name: 'liar', issuer: liar.issuer },
    ];
    await useProviders(rig, names, CLIENT_SECRET);
    const toLiar = new URL((await browser.step(`${LOGIN}?provider=liar`)).headers.get('location') ?? '');
    liar.answer = (request, response) => {
      atLiar.push(request.url ?? '');
      response.writeHead(500).end();
    };
    // It sends the browser on to the honest one, as if the login had been meant for that.
    const honest = new URL(
      (await rig.newBrowser().step(`${LOGIN}?provider=main`)).headers.get('location') ?? '',
    );
    for (const part of ['state', 'nonce', 'code_challenge'])
      honest.searchParams.set(part, toLiar.searchParams.get(part) ?? '');
    const callback = await upToCallback(browser, honest.href);
    const visit = await browser.open(callback);
    expect(visit.status).toBe(400);
    expect(browser.cookies(APP).has(SESSION_COOKIE)).toBe(false);
    expect(atLiar).toEqual([]);
  });
});

describe('a new login', () => {
  it('A7 ends the session that the browser had, also where its token has expired', async () => {
    await browser.open(LOGIN);
    const before = await rig.sessionOf(browser);
    rig.skipMs = 6 * 60_000;
    await browser.open(LOGIN);
    expect(await rig.sessionOf(browser)).toMatchObject({ state: 'live' });
    if (before.state !== 'live') throw new Error('not logged in');
    expect(await rig.deps.store.read(before.session.ref)).toMatchObject({
      state: 'revoked',
      cause: 'superseded',
    });
  });

  it('E6 a logout ends the session also where its token has expired, and asks all the same', async () => {
    await browser.open(LOGIN);
    const before = await rig.sessionOf(browser);
    if (before.state !== 'live') throw new Error('not logged in');
    rig.skipMs = 6 * 60_000;
    expect((await browser.open(`${APP}/auth/session`)).status).toBe(401);
    const page = await browser.open(`${APP}/auth/logout`);
    expect(await rig.deps.store.read(before.session.ref)).toMatchObject({ state: 'live' });
    await browser.submit(page);
    expect(await rig.deps.store.read(before.session.ref)).toMatchObject({
      state: 'revoked',
      cause: 'logout',
    });
  });
});
