/** What reaches the app behind a real Envoy: the session's headers, and nothing that a client made up. */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { formatAddress } from '../../src/net/address.ts';
import { createBed, ISSUER, unguarded, type Bed, type OpenedSession } from './bed.ts';

let bed: Bed;
let session: OpenedSession;

// Envoy's own guards are off: what is shown here is what Singlestate does by itself.
beforeAll(async () => {
  bed = await createBed({ envoy: unguarded });
  session = await bed.open({
    identity: { provider: 'test', issuer: 'https://idp.test', subject: 'Zoë\r\nx-admin: 1' },
    scopes: ['invoices:read', 'reports:read', 'admin'],
    attributes: { email_domain: 'example.com', salary: '1' },
    slices: { cart: { items: [1, 2] }, secret: true },
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

const INVOICE = '/billing/invoices/42';

function sessionHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const isOurs = (name: string) => name.replaceAll('_', '-').startsWith('x-session-');
  return Object.fromEntries(Object.entries(headers).filter(([name]) => isOurs(name)));
}

test('B3 C1 the app gets who it is and the parts that it reads, and nothing else of the session', async () => {
  const { received } = await bed.ask(INVOICE, { token: session.token });
  const { 'x-session-assertion': assertion, ...headers } = sessionHeaders(received?.headers ?? {});
  expect(headers).toEqual({
    'x-session-ref': session.ref,
    'x-session-subject': 'Zo%C3%AB%0D%0Ax-admin: 1',
    'x-session-issuer': 'https://idp.test',
    'x-session-scopes': 'invoices:read',
    'x-session-version': '1',
    'x-session-expires': String(Math.floor(session.document.expiresAtMs / 1000)),
    'x-session-attr-email-domain': 'example.com',
    'x-session-slice-cart': Buffer.from('{"items":[1,2]}').toString('base64url'),
  });
  expect(assertion).toBeDefined();
  expect(received?.headers).not.toHaveProperty('x-admin');
});

test('C1 another app gets other scopes of the same session', async () => {
  const { received } = await bed.ask('/reports/today', { token: session.token });
  expect(received?.headers['x-session-scopes']).toBe('reports:read');
  expect(received?.headers).not.toHaveProperty('x-session-attr-email-domain');
  expect(received?.headers).not.toHaveProperty('x-session-assertion');
});

test('B3 the assertion says the same, and verifies with the published keys', async () => {
  const { received } = await bed.ask(INVOICE, { token: session.token });
  const jwks = createRemoteJWKSet(
    new URL(`http://${formatAddress(bed.server.addresses.api)}/.well-known/jwks.json`),
  );
  const assertion = received?.headers['x-session-assertion'] ?? '';
  const { payload } = await jwtVerify(assertion, jwks, {
    issuer: ISSUER,
    audience: 'billing',
    typ: 'singlestate-assertion+jwt',
    algorithms: ['EdDSA'],
  });
  expect(payload).toMatchObject({
    sub: 'Zoë\r\nx-admin: 1',
    ref: session.ref,
    scope: 'invoices:read',
    version: 1,
    attributes: { email_domain: 'example.com' },
    slices: { cart: { items: [1, 2] } },
  });
  expect(JSON.stringify(payload)).not.toContain(session.id);
  expect(await bed.ask(INVOICE, { token: assertion }), 'E9 it is no session token').toMatchObject({
    status: 401,
  });
});

describe('E8 a header that the client made up never reaches the app', () => {
  const FORGED = [
    'x-session-subject',
    'X-Session-Subject',
    'x_session_subject',
    'X-SESSION_scopes',
    'x-session-attr-role',
    'x-session-slice-cart',
    'x-session-assertion',
    'x-session-unheard-of',
  ];
  const ROUTES = [
    ['a protected route', INVOICE, true],
    ['an optional route without a session', '/home', false],
    ['an optional route with one', '/home', true],
    ['a public route', '/public/a', false],
    ['a public route with a session', '/public/a', true],
    ['a shadow route that would deny', '/shadow', false],
  ] as const;

  test.each(ROUTES)('on %s', async (_, path, withSession) => {
    const headers = Object.fromEntries(FORGED.map((name) => [name, ['forged', 'forged too']]));
    const answer = await bed.ask(path, { headers, ...(withSession && { token: session.token }) });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(answer.received)).not.toContain('forged');
  });
});

describe('E8 the session token never reaches the app', () => {
  const routes = [INVOICE, '/me', '/home', '/public/a', '/shadow'];

  test.each(routes)('in authorization or in the cookie on %s', async (path) => {
    const cookie = `a=1; __Host-session=${session.token}; b=2`;
    const answer = await bed.ask(path, { token: session.token, headers: { cookie } });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(answer.received)).not.toContain(session.token.split('.')[1]);
    expect(answer.received?.headers['cookie']).toBe('a=1; b=2');
    expect(answer.received?.headers).not.toHaveProperty('authorization');
  });

  test('and a cookie header with nothing left is gone', async () => {
    const answer = await bed.ask('/me', { headers: { cookie: `__Host-session=${session.token}` } });
    expect(answer.received?.headers).not.toHaveProperty('cookie');
  });

  test('while other credentials stay', async () => {
    const basic = { authorization: 'Basic YTpi', cookie: `__Host-session=${session.token}` };
    expect((await bed.ask('/me', { headers: basic })).received?.headers['authorization']).toBe('Basic YTpi');
    const foreign = { authorization: 'Bearer opaque-token-of-the-app' };
    const { received } = await bed.ask('/public/a', { headers: foreign });
    expect(received?.headers['authorization']).toBe('Bearer opaque-token-of-the-app');
  });
});

test('a decision is in the response, in the log and in the dynamic metadata under one id', async () => {
  const answer = await bed.ask(INVOICE, { token: session.token });
  const id = String(answer.headers['x-singlestate-decision-id']);
  const logged = bed.lines.find((line) => line.includes(id)) ?? '';
  expect(JSON.parse(logged)).toMatchObject({ decision: 'allow', ref: session.ref, app: 'billing' });
  const accessLog = async () =>
    (await readFile(bed.envoyLog, 'utf8')).split('\n').find((line) => line.includes(id));
  await waitUntil(async () => (await accessLog()) !== undefined, {
    what: "Envoy's access log",
    timeoutMs: 15_000,
  });
  const { singlestate } = JSON.parse((await accessLog()) ?? '') as { singlestate: object };
  expect(singlestate).toMatchObject({
    decision: 'allow',
    decision_id: id,
    ref: session.ref,
    app: 'billing',
    issuer: 'https://idp.test',
    version: 1,
  });
});

test('no secret is in any log line', () => {
  const log = bed.lines.join('');
  expect(log).toContain(session.ref);
  expect(log).not.toContain(session.id);
  expect(log).not.toContain(session.token.split('.')[2]);
});
