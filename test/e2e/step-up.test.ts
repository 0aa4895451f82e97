/** Who has to log in, or to log in better, through a real Envoy: browsers are sent there, programs are told (RFC 9470). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBed, WITH_LOGIN, type Bed } from './bed.ts';

const PAGE_LOAD = {
  accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
};
let bed: Bed;

beforeAll(async () => {
  const authentication = { acr: ['gold'], maxAge: '5m' };
  const toLogin = { require: { session: true }, onUnauthenticated: 'login' };
  bed = await createBed({
    config: {
      ...WITH_LOGIN,
      store: { deadline: '200ms' },
      routes: [
        { match: { path: '/page' }, ...toLogin },
        { match: { path: '/vault' }, ...toLogin, authentication },
        { match: { path: '/me' }, require: { session: true } },
      ],
    },
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

test('the page load of a browser is sent to log in, and comes back to where it was going', async () => {
  const answer = await bed.ask('/page?tab=2&q=a%20b', { headers: { ...PAGE_LOAD, cookie: 'theme=dark' } });
  expect(answer).toMatchObject({ status: 302, body: '' });
  expect(answer.headers).toMatchObject({
    location: '/auth/login?return_to=%2Fpage%3Ftab%3D2%26q%3Da%2520b',
    'cache-control': 'no-store',
  });
  expect(answer.headers['set-cookie']).toBeUndefined();
  const id = answer.headers['x-singlestate-decision-id'];
  const line = bed.lines
    .map((text) => JSON.parse(text) as Record<string, unknown>)
    .find((entry) => entry['decision_id'] === id);
  expect(line).toMatchObject({ decision: 'deny', reason: 'no_credential', status: 302 });
});

test.each<[string, string, Record<string, string>]>([
  ['a script', '/page', { ...PAGE_LOAD, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
  ['a program', '/page', {}],
  ['a route that does not say so', '/me', PAGE_LOAD],
])('%s gets 401', async (_, path, headers) => {
  const answer = await bed.ask(path, { headers });
  expect(answer.status).toBe(401);
  expect(answer.headers['location']).toBeUndefined();
});

test('D2 an outage sends nobody to log in, and takes no cookie away', async () => {
  const { cookie } = await bed.open();
  bed.valkey.pause();
  const answer = await bed
    .ask('/page', { headers: { ...PAGE_LOAD, ...cookie } })
    .finally(() => bed.valkey.resume());
  expect(answer.status).toBe(503);
  expect(answer.headers['location']).toBeUndefined();
  expect(answer.headers['set-cookie']).toBeUndefined();
});

test('a login that is too weak or too old is told by what would do', async () => {
  const now = Date.now();
  const weak = await bed.open({ authentication: { atMs: now, acr: 'silver' } });
  const old = await bed.open({ authentication: { atMs: now - 301_000, acr: 'gold' } });
  const strong = await bed.open({ authentication: { atMs: now, acr: 'gold' } });
  for (const { token, cookie } of [weak, old]) {
    const program = await bed.ask('/vault', { token });
    expect(program.status).toBe(401);
    expect(program.headers['www-authenticate']).toBe(
      'Bearer realm="singlestate", error="insufficient_user_authentication", ' +
        'error_description="A stronger or more recent login is required", acr_values="gold", max_age="300"',
    );
    const browser = await bed.ask('/vault', { headers: { ...PAGE_LOAD, ...cookie } });
    expect(browser).toMatchObject({
      status: 302,
      headers: { location: '/auth/login?return_to=%2Fvault&acr_values=gold&max_age=300' },
    });
    expect((await bed.ask('/me', { token })).status, 'the session is as good as before elsewhere').toBe(200);
  }
  expect((await bed.ask('/vault', { token: strong.token })).status).toBe(200);
});
