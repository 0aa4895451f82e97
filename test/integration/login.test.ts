import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SEALED_MARK } from '../../src/sealing/sealer.ts';
import { StoreError } from '../../src/session/store.ts';
import {
  APP,
  createLoginRig,
  CSRF_COOKIE,
  OTHER_APP,
  SESSION_COOKIE,
  useProviders,
  type LoginRig,
} from '../parts/login-rig.ts';
import { CLIENT_SECRET, startOidcProvider, type OidcProvider } from '../parts/oidc-provider.ts';
import type { TestBrowser, Visit } from '../parts/test-browser.ts';

const CLAIMS = { email_domain: 'example.com', roles: ['invoices:read'] };
const DEEP = '/billing/invoices/7?from=mail&q=a%20b#total';

let idp: OidcProvider;
let rig: LoginRig;
let browser: TestBrowser;
beforeAll(async () => {
  const redirectUris = [APP, OTHER_APP].map((origin) => `${origin}/auth/callback`);
  idp = await startOidcProvider({ singlestate: 'RS256' }, CLAIMS, { redirectUris });
});
afterAll(async () => {
  await idp[Symbol.asyncDispose]();
});
beforeEach(async () => {
  idp.user = { name: 'alice' };
  rig = await createLoginRig();
  await useProviders(rig, [{ name: 'main', issuer: idp.issuer }], CLIENT_SECRET);
  browser = rig.newBrowser();
});

const loginUrl = (returnTo: string, more: Record<string, string> = {}) =>
  `${APP}/auth/login?${new URLSearchParams({ return_to: returnTo, ...more }).toString()}`;

/** Goes on until the provider has sent the browser back, and does not load that address. */
async function upToCallback(start: string, by = browser): Promise<string> {
  let url = start;
  for (let step = 0; step < 10; step++) {
    const location = (await by.step(url)).headers.get('location');
    if (location === null) throw new Error(`no way on from ${url}`);
    url = new URL(location, url).href;
    if (url.includes('/auth/callback?')) return url;
  }
  throw new Error('no end');
}

async function refOf(by = browser): Promise<string> {
  const lookup = await rig.sessionOf(by);
  return lookup.state === 'live' ? lookup.session.ref : lookup.state;
}

function attempts(by = browser): string[] {
  return [...by.cookies(APP).keys()].filter((name) => name.startsWith('__Host-login-'));
}

function expectRefusal(visit: Visit, status: number): void {
  expect(visit.status).toBe(status);
  expect(visit.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(visit.headers.get('cache-control')).toBe('no-store');
  expect(visit.url.pathname).toMatch(/^\/auth\//);
}

describe('a browser login', () => {
  it('B2 opens a session for whom the provider vouches, and ends at the deep link where it began', async () => {
    const visit = await browser.open(loginUrl(DEEP));
    expect(visit.url.href).toBe(APP + DEEP);
    expect(visit.text).toBe('the app');
    expect(await rig.sessionOf(browser)).toMatchObject({
      state: 'live',
      session: {
        document: {
          identity: { provider: 'main', issuer: idp.issuer, subject: 'alice' },
          scopes: ['invoices:read'],
          attributes: { email_domain: 'example.com' },
          csrfToken: browser.cookies(APP).get(CSRF_COOKIE) ?? 'none',
        },
      },
    });
    expect(attempts()).toEqual([]);
    expect(rig.counted).toEqual(['created main', 'token created']);
  });

  it('B2 asks for the authorization code flow with PKCE, state and nonce', async () => {
    const { way } = await browser.open(loginUrl('/'));
    const { searchParams } = new URL(way[1] ?? '');
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'singlestate',
      redirect_uri: `${APP}/auth/callback`,
      scope: 'openid',
      code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect(searchParams.get(name)?.length).toBeGreaterThanOrEqual(43);
  });

  it('E13 keeps its state in a sealed cookie of the attempt, out of reach for scripts', async () => {
    const response = await browser.step(loginUrl(DEEP));
    const [cookie = '', ...others] = response.headers.getSetCookie();
    expect(others).toEqual([]);
    expect(cookie).toMatch(
      /^__Host-login-[\w-]{11}=sealed\.[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/,
    );
    expect(cookie).not.toContain('invoices');
  });

  it('B6 is audited as done by the provider, and logged without a secret', async () => {
    await browser.open(loginUrl('/'));
    const ref = await refOf();
    expect(await rig.audited('session_created')).toMatchObject([
      { ref, actor: { kind: 'provider', name: 'main' }, subject: { subject: 'alice' } },
    ]);
    expect(rig.log.lines()).toMatchObject([{ msg: 'login', outcome: 'opened', provider: 'main', ref }]);
    for (const secret of [
      browser.cookies(APP).get(SESSION_COOKIE) ?? '',
      browser.cookies(APP).get(CSRF_COOKIE) ?? '',
    ])
      expect(rig.log.text).not.toContain(secret);
  });

  it('E5 keeps the ID token sealed, for logging out at the provider', async () => {
    await browser.open(loginUrl('/'));
    const hints = [...rig.records.values()].flatMap(({ fields }) => fields.hint ?? []);
    expect(hints).toEqual([expect.stringContaining(SEALED_MARK)]);
    expect(JSON.stringify([...rig.records.values()])).not.toContain('eyJ');
  });

  it('E13 a login at one app leads back to another one of the configured origins', async () => {
    const visit = await browser.open(loginUrl(`${OTHER_APP}/there?x=1`));
    expect(visit.url.href).toBe(`${OTHER_APP}/there?x=1`);
    expect(await rig.sessionOf(browser, OTHER_APP)).toMatchObject({ state: 'live' });
    expect(browser.cookies(APP).has(SESSION_COOKIE)).toBe(false);
  });

  it('logins in several tabs at a time all succeed, each at its own page', async () => {
    const pages = ['/a', '/b', '/c', '/d'];
    const callbacks: string[] = [];
    for (const page of pages) callbacks.push(await upToCallback(loginUrl(page)));
    expect(attempts()).toHaveLength(4);
    const visits = await Promise.all(callbacks.toReversed().map((callback) => browser.open(callback)));
    expect(visits.map(({ url }) => url.pathname)).toEqual(pages.toReversed());
    expect(attempts()).toEqual([]);
    expect(await rig.sessionOf(browser)).toMatchObject({ state: 'live' });
  });
});

describe('a new login', () => {
  it('A7 has a new session id, and the old session is dead', async () => {
    await browser.open(loginUrl('/'));
    const old = browser.cookies(APP).get(SESSION_COOKIE) ?? '';
    const oldRef = await refOf();
    await browser.open(loginUrl('/'));
    expect(await refOf()).not.toBe(oldRef);
    const thief = rig.newBrowser();
    thief.setCookie(APP, SESSION_COOKIE, old);
    expect(await rig.sessionOf(thief)).toMatchObject({ state: 'revoked', cause: 'superseded' });
    expect(rig.counted).toContain('ended superseded 1');
  });

  it('A7 takes over only the configured subset of the old session', async () => {
    rig.deps.limits = { ...rig.deps.limits, carryOver: { slices: ['cart'], attributes: [] } };
    await browser.open(loginUrl('/'));
    const lookup = await rig.sessionOf(browser);
    if (lookup.state !== 'live') throw new Error('not logged in');
    const { ref, version, document } = lookup.session;
    await rig.deps.store.write({
      ref,
      expectedVersion: version,
      document: { ...document, slices: { cart: { crates: 3 }, draft: 'x' } },
      note: { action: 'session_written', actor: { kind: 'app', name: 'billing' } },
    });
    await browser.open(loginUrl('/'));
    expect(await rig.sessionOf(browser)).toMatchObject({
      session: { document: { slices: { cart: { crates: 3 } } } },
    });
    expect(JSON.stringify(await rig.sessionOf(browser))).not.toContain('draft');
  });

  it('A7 of another user takes nothing over, and ends the old session all the same', async () => {
    rig.deps.limits = { ...rig.deps.limits, carryOver: { slices: [], attributes: ['email_domain'] } };
    await browser.open(loginUrl('/'));
    const old = browser.cookies(APP).get(SESSION_COOKIE) ?? '';
    const another = rig.newBrowser();
    another.setCookie(APP, SESSION_COOKIE, old);
    idp.user = { name: 'bob' };
    await another.open(loginUrl('/'));
    expect(await rig.sessionOf(another)).toMatchObject({
      session: { document: { identity: { subject: 'bob' } } },
    });
    expect(await rig.sessionOf(browser)).toMatchObject({ state: 'revoked' });
  });

  it('E12 beyond the limit of sessions is refused, and says how many are allowed', async () => {
    rig.deps.limits = { ...rig.deps.limits, maxPerSubject: { limit: 1, onExceed: 'refuse' } };
    await browser.open(loginUrl('/'));
    const second = rig.newBrowser();
    const visit = await second.open(loginUrl('/'));
    expectRefusal(visit, 403);
    expect(visit.text).toContain('You are logged in 1 times');
    expect(second.cookies(APP).has(SESSION_COOKIE)).toBe(false);
    expect(await rig.audited('login_failed')).toMatchObject([
      { reason: 'limited', subject: { subject: 'alice' } },
    ]);
  });
});

describe('a stronger login', () => {
  it('asks the provider for it, and the session has it', async () => {
    idp.user = { name: 'alice', acr: 'gold' };
    const visit = await browser.open(loginUrl('/vault', { acr_values: 'gold', max_age: '300' }));
    expect(new URL(visit.way[1] ?? '').searchParams.get('acr_values')).toBe('gold');
    expect(new URL(visit.way[1] ?? '').searchParams.get('max_age')).toBe('290');
    expect(visit.url.href).toBe(`${APP}/vault`);
    expect(await rig.sessionOf(browser)).toMatchObject({
      session: { document: { authentication: { acr: 'gold' } } },
    });
  });

  it('that the provider does not give is no login, and no circle; the old session stays', async () => {
    await browser.open(loginUrl('/'));
    const before = await refOf();
    idp.user = { name: 'alice', acr: 'silver' };
    const visit = await browser.open(loginUrl('/vault', { acr_values: 'gold' }));
    expectRefusal(visit, 403);
    expect(await refOf()).toBe(before);
    expect(attempts()).toEqual([]);
    expect(await rig.audited('login_failed')).toMatchObject([
      { reason: 'insufficient', detail: 'main', subject: { subject: 'alice' } },
    ]);
  });

  it('max_age makes the provider ask again where the user proved it too long ago', async () => {
    await browser.open(loginUrl('/'));
    const visit = await browser.open(loginUrl('/', { max_age: '0' }));
    expect(visit.way.some((url) => url.includes('/interaction/'))).toBe(true);
    expect(visit.status).toBe(200);
  });
});

describe('a login that fails', () => {
  it('E3 the user or the provider may say no, and what the provider wrote is not shown', async () => {
    idp.user = { error: 'access_denied' };
    const visit = await browser.open(loginUrl('/'));
    expectRefusal(visit, 403);
    expect(visit.text).not.toContain('<b>');
    expect(attempts()).toEqual([]);
    expect(await rig.audited('login_failed')).toMatchObject([
      { reason: 'access_denied', actor: { kind: 'provider', name: 'main' }, detail: 'main' },
    ]);
  });

  it('E3 a callback without an attempt of this browser opens nothing, and writes nothing to the audit trail', async () => {
    const callback = await upToCallback(loginUrl('/'));
    const stranger = rig.newBrowser();
    const visit = await stranger.open(callback);
    expectRefusal(visit, 400);
    expect(visit.text).toContain('href="/auth/login?return_to=%2F"');
    expect(stranger.cookies(APP).size).toBe(0);
    expect(await rig.audited('login_failed')).toEqual([]);
    expect((await browser.open(callback)).status).toBe(200);
  });

  it('E3 the state of one attempt does not fit the cookie of another', async () => {
    const first = await upToCallback(loginUrl('/first'));
    await browser.step(loginUrl('/second'));
    const [one = '', two = ''] = attempts();
    const values = browser.cookies(APP);
    browser.setCookie(APP, one, values.get(two));
    browser.setCookie(APP, two, values.get(one));
    expectRefusal(await browser.open(first), 400);
    expect(browser.cookies(APP).has(SESSION_COOKIE)).toBe(false);
  });

  it('takes no longer than login.timeout', async () => {
    const callback = await upToCallback(loginUrl('/slow'));
    rig.skipMs = 600_000;
    const visit = await browser.open(callback);
    expectRefusal(visit, 400);
    expect(rig.log.lines().at(-1)).toMatchObject({ outcome: 'no_attempt' });
  });

  it('E1 a callback that is sent again never opens a second session', async () => {
    const callback = await upToCallback(loginUrl('/'));
    const held = browser.cookies(APP);
    await browser.open(callback);
    expect((await browser.open(callback)).status).toBe(400);
    const thief = rig.newBrowser();
    for (const [name, value] of held) thief.setCookie(APP, name, value);
    expectRefusal(await thief.open(callback), 400);
    expect(thief.cookies(APP).has(SESSION_COOKIE)).toBe(false);
    expect(rig.counted.filter((what) => what.startsWith('created'))).toHaveLength(1);
    expect(await rig.audited('login_failed')).toMatchObject([
      { reason: 'refused', detail: 'main: The token endpoint refused: invalid_grant.' },
    ]);
  });

  it('E1 of parallel callbacks with one code at most one opens a session', async () => {
    const callback = await upToCallback(loginUrl('/'));
    const visits = await Promise.all([1, 2, 3, 4].map(() => browser.step(callback)));
    expect(visits.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(rig.counted.filter((what) => what.startsWith('created'))).toHaveLength(1);
  });

  it('E1 a code of another attempt is refused: PKCE and nonce bind it', async () => {
    const mine = new URL(await upToCallback(loginUrl('/')));
    const victim = rig.newBrowser();
    const theirs = new URL(await upToCallback(loginUrl('/'), victim));
    theirs.searchParams.set('code', mine.searchParams.get('code') ?? '');
    expectRefusal(await victim.open(theirs.href), 400);
    expect(victim.cookies(APP).has(SESSION_COOKIE)).toBe(false);
  });

  it('E1 the answer of another issuer is refused (RFC 9207)', async () => {
    const callback = new URL(await upToCallback(loginUrl('/')));
    callback.searchParams.set('iss', 'https://evil.example');
    expectRefusal(await browser.open(callback.href), 400);
  });

  it('A5 a session that would be too large is refused', async () => {
    rig.deps.limits = { ...rig.deps.limits, maxBytes: 100 };
    const visit = await browser.open(loginUrl('/'));
    expectRefusal(visit, 403);
    expect(await rig.audited('login_failed')).toMatchObject([{ reason: 'too_large' }]);
  });

  it('D2 while the store is down it is an outage, and every cookie stays', async () => {
    const callback = await upToCallback(loginUrl('/'));
    const { store } = rig.deps;
    rig.deps.store = {
      ...store,
      create: () => Promise.reject(new StoreError('ERR_STORE_TIMEOUT', 'create took longer than 50 ms')),
    };
    const response = await browser.step(callback);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(response.headers.getSetCookie()).toEqual([]);
  });
});

describe('while the provider is down', () => {
  it('D1 a login fails at once with a clear page, sessions go on, and it works again once the provider is back', async () => {
    await browser.open(loginUrl('/'));
    const ref = await refOf();
    await idp.stop();
    rig.skipMs = 60_000;
    try {
      const visit = await browser.open(loginUrl('/page'));
      expectRefusal(visit, 503);
      expect(visit.headers.get('retry-after')).toBe('5');
      expect(visit.headers.getSetCookie()).toEqual([]);
      expect(visit.text).toContain('main can&#39;t be reached right now');
      expect(visit.text).toContain('href="/auth/login?return_to=%2Fpage"');
      expect(rig.counted.filter((what) => what === 'fetch failed')).toHaveLength(1);

      await browser.open(loginUrl('/'));
      expect(rig.counted.filter((what) => what === 'fetch failed')).toHaveLength(1);
      expect(await refOf()).toBe(ref);
    } finally {
      await idp.restart();
    }
    rig.skipMs += 60_000;
    expect((await browser.open(loginUrl('/page'))).url.href).toBe(`${APP}/page`);
  });

  it('D1 the callback is an outage as well, and the same address works once the provider is back', async () => {
    const callback = await upToCallback(loginUrl('/later'));
    const { loginProviders } = rig.deps;
    rig.deps.loginProviders = loginProviders.map((provider) => ({
      ...provider,
      finish: () => Promise.resolve({ outcome: 'unavailable', problem: 'down' }),
    }));
    const visit = await browser.open(callback);
    expectRefusal(visit, 503);
    expect(attempts()).toHaveLength(1);
    expect(await rig.audited('login_failed')).toEqual([]);
    rig.deps.loginProviders = loginProviders;
    expect((await browser.open(callback)).url.href).toBe(`${APP}/later`);
  });
});
