/** E13 through a real Envoy: what a browser was talked into sending changes nothing. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBed, EXT_AUTHZ, type Ask, type Bed, type OpenedSession } from './bed.ts';

const CSRF = 'b2xkLWZyaWVuZHMtYXJlLWJlc3Q';
let bed: Bed;
let session: OpenedSession;

beforeAll(async () => {
  bed = await createBed();
  session = await bed.open({ csrfToken: CSRF });
});
afterAll(() => bed[Symbol.asyncDispose]());

async function post(headers: NonNullable<Ask['headers']>, path = '/me', of = bed) {
  const answer = await of.ask(path, { method: 'POST', headers });
  const reason = answer.status === 200 ? undefined : (JSON.parse(answer.body) as { reason: string }).reason;
  return { ...answer, reason };
}

test('E13 a cookie-borne write passes with the token of its session, which the app does not see', async () => {
  const cookie = `theme=dark; ${session.cookie.cookie}; __Host-csrf=${CSRF}`;
  const { status, received } = await post({ cookie, 'x-csrf-token': CSRF });
  expect(status).toBe(200);
  expect(received?.headers).toMatchObject({ 'x-session-ref': session.ref });
  expect(received?.headers['cookie'], 'what is for the pages of the app stays').toBe(
    `theme=dark; __Host-csrf=${CSRF}`,
  );
  expect(received?.headers).not.toHaveProperty('x-csrf-token');
});

test.each<[string, Record<string, string | string[]>]>([
  ['none', {}],
  ['a wrong one', { 'x-csrf-token': 'x'.repeat(CSRF.length) }],
  ['two headers, of which one is right', { 'x-csrf-token': [CSRF, 'x'] }],
  ['two headers that are right', { 'x-csrf-token': [CSRF, CSRF] }],
])('E13 with %s it is denied, also where a session is optional', async (_, headers) => {
  for (const path of ['/me', '/home']) {
    const answer = await post({ ...session.cookie, ...headers }, path);
    expect(answer).toMatchObject({ status: 403, reason: 'csrf' });
    expect(answer.headers['set-cookie']).toBeUndefined();
  }
});

test('E13 also where Envoy sends repeated headers one by one', async () => {
  await using raw = await createBed({
    envoy: (document) => document.setIn([...EXT_AUTHZ, 'encode_raw_headers'], true),
  });
  const { cookie } = await raw.open({ csrfToken: CSRF });
  expect(await post({ ...cookie, 'x-csrf-token': [CSRF, CSRF] }, '/me', raw)).toMatchObject({
    reason: 'csrf',
  });
  expect(await post({ ...cookie, 'x-csrf-token': CSRF }, '/me', raw)).toMatchObject({ status: 200 });
});

test('E13 who sends the session in authorization needs no token, nor does a route of its own protection', async () => {
  expect(await post({ authorization: `Bearer ${session.token}` })).toMatchObject({ status: 200 });
  const { received } = await post({ ...session.cookie, 'x-csrf-token': 'of the app' }, '/own-csrf');
  expect(received?.headers['x-csrf-token']).toBe('of the app');
});
