import { beforeEach, describe, expect, it } from 'vitest';
import type { LoginEnd, LoginProvider } from '../../../src/identity/login.ts';
import { ANONYMOUS_RECORDS_PER_MINUTE } from '../../../src/login/failure-trail.ts';
import { StoreError } from '../../../src/session/store.ts';
import { APP, createLoginRig, OTHER_APP, SESSION_COOKIE, type LoginRig } from '../../parts/login-rig.ts';
import type { TestBrowser } from '../../parts/test-browser.ts';

const ISSUER = 'https://idp.example.com';

let rig: LoginRig;
let browser: TestBrowser;
/** How every provider answers a callback. */
let end: LoginEnd;
beforeEach(async () => {
  rig = await createLoginRig();
  rig.deps.loginProviders = [provider('main')];
  browser = rig.newBrowser();
  end = { outcome: 'declined', error: 'access_denied' };
});

/** One that takes no time and asks nobody. */
function provider(name: string, displayName = name): LoginProvider {
  return {
    name,
    displayName,
    issuer: ISSUER,
    authorizationUrl: ({ state, redirectUri }) =>
      Promise.resolve({
        ok: true,
        url: `${redirectUri}?${new URLSearchParams({ state, code: name }).toString()}`,
      }),
    finish: () => Promise.resolve(end),
    endSessionUrl: () => Promise.resolve(undefined),
  };
}

let proofs = 0;
function identity(subject = 'alice'): LoginEnd {
  const proof = { hash: `proof-${proofs++}`, validUntilMs: Date.now() + 60_000 };
  const known = {
    provider: 'main',
    issuer: ISSUER,
    subject,
    authenticatedAtMs: Date.now(),
    scopes: [],
    attributes: {},
  };
  return { outcome: 'identity', identity: { ...known, proof }, idToken: 'the ID token' };
}

const LOGIN = `${APP}/auth/login`;

describe('the routes of the browser', () => {
  it.each([
    ['/auth/login', 'GET'],
    ['/auth/callback', 'GET'],
    ['/auth/logout', 'GET, POST'],
    ['/auth/logged-out', 'GET'],
    ['/auth/session', 'GET'],
    ['/auth/backchannel-logout', 'POST'],
  ])('%s has no other methods than %s', async (path, allow) => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      if (allow.split(', ').includes(method)) continue;
      const response = await rig.site(new Request(APP + path, { method }));
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe(allow);
    }
  });

  it.each(['/auth/login', '/auth/callback', '/auth/logout', '/auth/logged-out', '/auth/session'])(
    'E13 %s is only at the configured origins',
    async (path) => {
      const response = await rig.site(new Request(`https://evil.example${path}`));
      expect(response.status).toBe(400);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(await response.text()).not.toContain('evil');
    },
  );

  it('are not there without `login`, but for the logout that a provider starts', async () => {
    rig.deps.config = { ...rig.deps.config, login: undefined };
    expect((await browser.step(LOGIN)).status).toBe(404);
    const response = await browser.step(`${APP}/auth/backchannel-logout`, {
      method: 'POST',
      form: { logout_token: 'x' },
    });
    expect(response.status).toBe(400);
  });

  it.each(['/auth/login?return_to=//evil.example', '/auth/callback', '/auth/logged-out'])(
    "E3 %s is a page that can't be framed, kept, or run anything",
    async (path) => {
      const { headers } = await browser.step(APP + path);
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
      );
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    },
  );
});

describe('/auth/login', () => {
  it.each([
    'return_to=//evil.example',
    'return_to=https%3A%2F%2Fevil.example%2F',
    `return_to=/${'x'.repeat(5_000)}`,
    'max_age=-1',
    'max_age=soon',
    'max_age=',
    'acr_values=',
    'acr_values=gold%0Asilver',
    'acr_values=%20gold',
  ])('E13 with %s is refused with a page that begins anew', async (query) => {
    const visit = await browser.open(`${LOGIN}?${query}`);
    expect(visit.status).toBe(400);
    expect(visit.text).toContain('href="/auth/login?return_to=%2F"');
    expect(visit.text).not.toMatch(/evil|xxx|soon/);
    expect(browser.cookies(APP).size).toBe(0);
  });

  it('with several providers asks with which, and goes on with the one that is named', async () => {
    end = identity();
    rig.deps.loginProviders = [provider('main', 'Main & <b>Co</b>'), provider('second')];
    const page = await browser.open(`${LOGIN}?return_to=/deep%3Fa%3D1&acr_values=gold&max_age=60`);
    expect(page.status).toBe(200);
    expect(page.text).toContain('Main &amp; &lt;b&gt;Co&lt;/b&gt;');
    const hrefs = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, href = '']) =>
      href.replaceAll('&amp;', '&'),
    );
    expect(hrefs).toEqual([
      '/auth/login?return_to=%2Fdeep%3Fa%3D1&acr_values=gold&max_age=60&provider=main',
      '/auth/login?return_to=%2Fdeep%3Fa%3D1&acr_values=gold&max_age=60&provider=second',
    ]);
    const visit = await browser.open(APP + (hrefs[1] ?? ''));
    expect(visit.way[1]).toContain('code=second');
    expect(visit.url.href).toBe(`${APP}/deep?a=1`);
  });

  it('with a provider that there is not asks with which', async () => {
    const page = await browser.open(`${LOGIN}?provider=${encodeURIComponent('"><script>')}`);
    expect(page.status).toBe(200);
    expect(page.text).toContain('provider=main');
    expect(page.text).not.toContain('<script');
  });

  it('E13 for another configured origin goes there, with all that was asked', async () => {
    const response = await browser.step(
      `${LOGIN}?return_to=${encodeURIComponent(`${OTHER_APP}/x`)}&max_age=5`,
    );
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe(
      `${OTHER_APP}/auth/login?return_to=${encodeURIComponent(`${OTHER_APP}/x`)}&max_age=5`,
    );
  });
});

describe('/auth/callback', () => {
  it('E13 with SameSite=Strict goes over a page of ours, so that the cookies go along', async () => {
    end = identity();
    const { cookie } = rig.deps.config.token;
    rig.deps.config = { ...rig.deps.config, token: { cookie: { ...cookie, sameSite: 'Strict' } } };
    const callback = (await browser.step(LOGIN)).headers.get('location') ?? '';
    const page = await browser.open(callback, { headers: { 'sec-fetch-site': 'cross-site' } });
    const { pathname, search } = new URL(callback);
    expect(page.status).toBe(200);
    expect(page.text).toContain(`content="0;url=${(pathname + search).replaceAll('&', '&amp;')}"`);
    expect(browser.cookies(APP).has(SESSION_COOKIE)).toBe(false);
    const visit = await browser.open(callback, { headers: { 'sec-fetch-site': 'same-origin' } });
    expect(visit.url.href).toBe(`${APP}/`);
    expect(browser.cookies(APP).has(SESSION_COOKIE)).toBe(true);
  });

  it('E1 with a proof of identity that was used opens nothing, and is audited with whom it was about', async () => {
    end = identity();
    await browser.open(LOGIN);
    const second = rig.newBrowser();
    expect((await second.open(LOGIN)).status).toBe(400);
    expect(second.cookies(APP).size).toBe(0);
    expect(await rig.audited('login_failed')).toMatchObject([
      { reason: 'replayed', detail: 'main', subject: { issuer: ISSUER, subject: 'alice' } },
    ]);
  });

  it('with a provider that is not configured any more is over', async () => {
    const callback = (await browser.step(LOGIN)).headers.get('location') ?? '';
    rig.deps.loginProviders = [provider('another')];
    expect((await browser.open(callback)).status).toBe(400);
  });

  it('E13 at another origin than the attempt began at opens nothing', async () => {
    end = identity();
    const callback = (await browser.step(LOGIN)).headers.get('location') ?? '';
    for (const [name, value] of browser.cookies(APP)) browser.setCookie(OTHER_APP, name, value);
    expect((await browser.open(callback.replace(APP, OTHER_APP))).status).toBe(400);
    expect(browser.cookies(OTHER_APP).has(SESSION_COOKIE)).toBe(false);
  });

  it("D9 strangers can't fill the audit trail: failures with nobody vouched for are recorded so often a minute", async () => {
    for (let count = 0; count < ANONYMOUS_RECORDS_PER_MINUTE + 5; count++) await browser.open(LOGIN);
    expect((await rig.deps.store.audit({ limit: 1_000 })).records).toHaveLength(ANONYMOUS_RECORDS_PER_MINUTE);
    expect(rig.log.lines()).toHaveLength(ANONYMOUS_RECORDS_PER_MINUTE + 5);
    end = { ...identity('bob'), outcome: 'insufficient' } as LoginEnd;
    await browser.open(LOGIN);
    expect((await rig.audited('login_failed')).at(-1)).toMatchObject({ reason: 'insufficient' });
    rig.skipMs = 60_000;
    end = { outcome: 'refused', problem: 'The ID token is no good.' };
    await browser.open(LOGIN);
    expect((await rig.deps.store.audit({ limit: 1_000 })).records.at(-1)).toMatchObject({
      reason: 'refused',
      detail: 'main: The ID token is no good.',
    });
  });

  it('D2 answers all the same where the failure could not be audited', async () => {
    const record = () => Promise.reject(new StoreError('ERR_STORE_TIMEOUT', 'record took longer than 50 ms'));
    rig.deps.store = { ...rig.deps.store, record };
    expect((await browser.open(LOGIN)).status).toBe(403);
    expect(rig.log.lines().at(-1)).toMatchObject({ msg: 'a failed login could not be audited' });
  });
});

describe('/auth/backchannel-logout', () => {
  const send = (form: Record<string, string>) =>
    browser.step(`${APP}/auth/backchannel-logout`, { method: 'POST', form });

  it.each<[string, { providerSession?: string; subject?: string }, object]>([
    [
      'one session at the provider',
      { providerSession: 's' },
      { kind: 'provider_session', issuer: ISSUER, providerSession: 's' },
    ],
    [
      'one session of a user at the provider',
      { providerSession: 's', subject: 'alice' },
      { kind: 'provider_session', issuer: ISSUER, providerSession: 's', subject: 'alice' },
    ],
    ['a user', { subject: 'alice' }, { kind: 'subject', subject: { issuer: ISSUER, subject: 'alice' } }],
  ])('B4 ends all that is named: %s', async (_, of, target) => {
    const targets: unknown[] = [];
    const { store } = rig.deps;
    rig.deps.store = {
      ...store,
      revokeMany: (revocation) => (targets.push(revocation.target), store.revokeMany(revocation)),
    };
    const proof = { hash: JSON.stringify(of), validUntilMs: Date.now() + 60_000 };
    const verdict = { verified: true, provider: 'main', issuer: ISSUER, of, proof } as never;
    rig.deps.logoutTokens = { verify: () => Promise.resolve(verdict) };
    expect((await send({ logout_token: 'x' })).status).toBe(200);
    expect(targets).toEqual([target]);
    expect((await send({ logout_token: 'x' })).status).toBe(400);
  });

  it('B4 without a token, or with one that is no good, is a 400 that says why', async () => {
    const missing = await send({});
    expect(missing.status).toBe(400);
    expect(await missing.json()).toEqual({
      error: 'invalid_request',
      error_description: 'The form field logout_token is missing.',
    });
    expect((await send({ logout_token: 'no JWT' })).status).toBe(400);
    const json = await rig.site(
      new Request(`${APP}/auth/backchannel-logout`, { method: 'POST', body: '{"logout_token":"x"}' }),
    );
    expect(json.status).toBe(400);
  });

  it("D1 D2 that can't be verified or done right now is to be sent again", async () => {
    const unreachable = { verified: false, cause: 'provider_unavailable', problem: 'It is down.' } as const;
    rig.deps.logoutTokens = { verify: () => Promise.resolve(unreachable) };
    const response = await send({ logout_token: 'x' });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(response.headers.get('cache-control')).toBe('no-store');
  });
});
