/** `onUnauthenticated: login`: which refused requests are sent to log in, and to where they come back. */
import { describe, expect, it } from 'vitest';
import { deny, fail } from '../../../src/authz/decision.ts';
import { loginLocation } from '../../../src/authz/page-load.ts';
import { REASONS, type DenyReason, type ErrorReason, type Reason } from '../../../src/authz/reason.ts';
import { createScene, NOW, request, routeOf, WITH_LOGIN } from './scene.ts';

const ACCEPT = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const PAGE_LOAD = { accept: ACCEPT, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
const route = routeOf({ onUnauthenticated: 'login' });

const sentTo = (
  changes: Parameters<typeof request>[0] = {},
  reason: DenyReason = 'no_credential',
  facts: Parameters<typeof deny>[1] = {},
) =>
  loginLocation(deny(reason, { route, ...facts }), request({ path: '/a', headers: PAGE_LOAD, ...changes }));

describe('who is sent to log in', () => {
  it.each<[string, Parameters<typeof request>[0], boolean]>([
    ['a page load', {}, true],
    ['one of a browser without Fetch Metadata', { headers: { accept: ACCEPT } }, true],
    ['a HEAD', { method: 'HEAD' }, false],
    ['a POST of a form', { method: 'POST' }, false],
    ['a script', { headers: { ...PAGE_LOAD, 'sec-fetch-mode': 'cors' } }, false],
    ['a script on its own site', { headers: { ...PAGE_LOAD, 'sec-fetch-mode': 'same-origin' } }, false],
    ['a frame', { headers: { ...PAGE_LOAD, 'sec-fetch-dest': 'iframe' } }, false],
    ['an image', { headers: { ...PAGE_LOAD, 'sec-fetch-dest': 'image' } }, false],
    ['a Web Socket', { headers: { ...PAGE_LOAD, 'sec-fetch-mode': 'websocket' } }, false],
    ['who wants JSON', { headers: { ...PAGE_LOAD, accept: 'application/json' } }, false],
    ['who wants JSON rather', { headers: { ...PAGE_LOAD, accept: 'application/json, text/html' } }, false],
    ['who wants anything', { headers: { ...PAGE_LOAD, accept: '*/*' } }, false],
    ['who does not say', { headers: {} }, false],
  ])('%s: %s', (_, changes, isSent) => {
    expect(sentTo(changes)).toBe(isSent ? '/auth/login?return_to=%2Fa' : undefined);
  });

  it('nobody on a route that does not say so, or where no route matched', () => {
    expect(sentTo({}, 'no_credential', { route: routeOf() })).toBeUndefined();
    expect(loginLocation(deny('no_route'), request({ headers: PAGE_LOAD }))).toBeUndefined();
  });

  it.each(Object.keys(REASONS) as Reason[])('for %s only if a login would help', (reason) => {
    const { decision, status } = REASONS[reason];
    const refused =
      decision === 'error'
        ? fail(reason as ErrorReason, undefined, route)
        : deny(reason as DenyReason, { route });
    const location = loginLocation(refused, request({ path: '/a', headers: PAGE_LOAD }));
    const helps = decision === 'deny' && status === 401 && reason !== 'ambiguous_credential';
    expect(location).toBe(helps ? '/auth/login?return_to=%2Fa' : undefined);
  });
});

describe('where the browser comes back to', () => {
  it.each([
    ['/', '%2F'],
    ['/a/b?c=d&e=%2F+f', '%2Fa%2Fb%3Fc%3Dd%26e%3D%252F%2Bf'],
    ['/a?next=https://evil.example/', '%2Fa%3Fnext%3Dhttps%3A%2F%2Fevil.example%2F'],
    [`/${'a'.repeat(2_047)}`, `%2F${'a'.repeat(2_047)}`],
    ['/\ud800', '%2F%EF%BF%BD'],
  ])('%j as it came, encoded once', (path, encoded) => {
    const location = sentTo({ path }) ?? '';
    expect(location).toBe(`/auth/login?return_to=${encoded}`);
    expect(new URL(location, 'https://app.example').searchParams.get('return_to')).toBe(path.toWellFormed());
  });

  it.each(['//evil.example/', '/\\evil.example/', 'https://evil.example/', '', '*', `/${'a'.repeat(2_048)}`])(
    "the front page, if %j can't be it",
    (path) => {
      expect(sentTo({ path })).toBe('/auth/login?return_to=%2F');
    },
  );
});

describe('a login that has to be stronger', () => {
  const authentication = { acr: ['urn:gold', 'silver'], amr: ['otp'], maxAgeMs: 300_000 };
  const strict = { route: { ...route, authentication }, loginHelps: true };

  it('is asked for so', () => {
    expect(sentTo({}, 'insufficient_user_authentication', strict)).toBe(
      '/auth/login?return_to=%2Fa&acr_values=urn%3Agold%20silver&max_age=300',
    );
  });

  it('and only where there is a session that it follows', () => {
    expect(sentTo({}, 'no_credential', strict)).toBe('/auth/login?return_to=%2Fa');
  });

  it("is not asked for what a login can't be asked for", async () => {
    const scene = await createScene({
      ...WITH_LOGIN,
      routes: [
        {
          match: { path: '/otp' },
          require: { session: true },
          authentication: { amr: ['otp'] },
          onUnauthenticated: 'login',
        },
      ],
    });
    const { bearer } = await scene.open({ authentication: { atMs: NOW, amr: ['pwd'] } });
    const answer = await scene.answer(request({ path: '/otp', headers: { ...PAGE_LOAD, ...bearer } }));
    expect(answer).toMatchObject({ status: 401, metadata: { reason: 'insufficient_user_authentication' } });
  });
});

describe('the answer', async () => {
  const scene = await createScene({
    ...WITH_LOGIN,
    routes: [{ match: { path: '/page' }, require: { session: true }, onUnauthenticated: 'login' }],
  });

  it('is a redirect that nobody keeps, takes no cookie away, and is a deny all the same', async () => {
    const answer = await scene.answer(request({ path: '/page', headers: { ...PAGE_LOAD, cookie: 'a=b' } }));
    expect(answer).toEqual({
      allowed: false,
      status: 302,
      headers: [
        ['cache-control', 'no-store'],
        ['x-singlestate-decision-id', 'id'],
        ['location', '/auth/login?return_to=%2Fpage'],
      ],
      body: '',
      metadata: { decision: 'deny', decision_id: 'id', reason: 'no_credential', route: '*/page' },
    });
  });
});
