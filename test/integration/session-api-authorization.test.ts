import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { CALLERS } from '../../src/api/authorization.ts';
import { AuditService } from '../../src/gen/singlestate/audit/v1/audit_pb.ts';
import { overJson } from '../parts/session-api-callers.ts';
import { NONCE, startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';
import { createIssuerKey } from '../parts/test-issuer.ts';

const ABSENT_REF = '3f.AAAAAAAAAAAAAAAAAAAAAA';

interface Opened {
  readonly ref: string;
  readonly token: string;
  readonly refreshToken: string;
}

let issuers: Issuers;
let api: SessionApi;
let operator: string;

beforeAll(async () => {
  issuers = await startIssuers();
});
afterAll(() => issuers[Symbol.asyncDispose]());
beforeEach(async () => {
  api = await startSessionApi(issuers);
  operator = await api.operatorJwt();
});
afterEach(() => api[Symbol.asyncDispose]());

async function creation(): Promise<JsonObject> {
  return { provider: 'main', id_token: await api.idToken(), nonce: NONCE, refreshable: true };
}

async function opened(): Promise<Opened> {
  const { body } = await overJson(api.url, 'createSession', await creation(), operator);
  const { ref } = body['session'] as { ref: string };
  return { ref, token: body['token'] as string, refreshToken: body['refresh_token'] as string };
}

type Who = 'operator' | 'app' | 'user';

interface Row {
  /** Who the call is open to, apart from the table that is tested. */
  readonly openTo: readonly Who[] | 'anyone';
  /** A request that succeeds for who may make it; with a form, it is one of the OAuth endpoints. */
  readonly request: (session: Opened) => JsonObject | Promise<JsonObject>;
}

const SESSION = '/singlestate.session.v1.SessionService';
const AUDIT = '/singlestate.audit.v1.AuditService';
const change = { slice: 'cart', value: { items: [] } };

const ROWS: Record<string, Row> = {
  [`${SESSION}/CreateSession`]: { openTo: ['operator'], request: () => creation() },
  [`${SESSION}/GetSession`]: { openTo: ['operator', 'app', 'user'], request: ({ ref }) => ({ ref }) },
  [`${SESSION}/UpdateSession`]: {
    openTo: ['app'],
    request: ({ ref }) => ({ ref, expected_version: 1, changes: [change], reason: 'test' }),
  },
  [`${SESSION}/TouchSession`]: { openTo: ['app'], request: ({ ref }) => ({ ref }) },
  [`${SESSION}/RevokeSession`]: {
    openTo: ['operator', 'user'],
    request: ({ ref }) => ({ ref, reason: 'test' }),
  },
  [`${SESSION}/RevokeSessions`]: {
    openTo: ['operator'],
    request: () => ({ subject: { issuer: issuers.idp.issuer, subject: 'nobody' }, reason: 'test' }),
  },
  [`${SESSION}/ListSessions`]: { openTo: ['operator'], request: () => ({}) },
  [`${SESSION}/RefreshSession`]: {
    openTo: 'anyone',
    request: ({ refreshToken }) => ({ refresh_token: refreshToken }),
  },
  [`${AUDIT}/QueryAudit`]: { openTo: ['operator'], request: () => ({}) },
  '/oauth2/introspect': { openTo: ['operator', 'app'], request: ({ token }) => ({ token }) },
  '/oauth2/revoke': { openTo: 'anyone', request: ({ token }) => ({ token }) },
  '/.well-known/jwks.json': { openTo: 'anyone', request: () => ({}) },
};

const CREDENTIALS: readonly (readonly [
  who: string,
  kind: Who | undefined,
  credential: (session: Opened) => Promise<string | undefined>,
])[] = [
  ['the operator', 'operator', () => api.operatorJwt()],
  ['the operator among several audiences', 'operator', () => api.operatorJwt({ aud: ['x', 'singlestate'] })],
  ['the app', 'app', () => api.appJwt()],
  ['the user', 'user', ({ token }) => Promise.resolve(token)],
  ['nobody', undefined, () => Promise.resolve(undefined)],
  ['who sends no JWT', undefined, () => Promise.resolve('password')],
  ['another issuer', undefined, () => api.operatorJwt({ iss: 'https://other.test' })],
  ['another subject', undefined, () => api.operatorJwt({ sub: 'system:serviceaccount:ops:other' })],
  ['another audience', undefined, () => api.operatorJwt({ aud: 'other' })],
  ['an app for another audience', undefined, () => api.appJwt('billing', { aud: 'other' })],
  ['an app that is not configured', undefined, () => api.appJwt('shop')],
  ['who was the operator until the token expired', undefined, () => api.operatorJwt({ exp: 1 })],
  ['who was the app until the token expired', undefined, () => api.appJwt('billing', { exp: 1 })],
  [
    'who signs with a key of their own',
    undefined,
    async () => api.operatorJwt({}, await createIssuerKey('ES256', 'cluster')),
  ],
  ['a user with an ID token', undefined, () => api.idToken()],
  ['a user with a refresh token', undefined, ({ refreshToken }) => Promise.resolve(refreshToken)],
];

const rows = Object.entries(ROWS).flatMap(([path, { openTo }]) =>
  CREDENTIALS.map(([who, kind, credential]) => ({ path, who, code: expected(openTo, kind), credential })),
);

function expected(openTo: Row['openTo'], kind: Who | undefined): number {
  if (openTo === 'anyone') return 200;
  if (kind === undefined) return 401;
  return openTo.includes(kind) ? 200 : 403;
}

test('every call is among the rows, but for the one that streams', () => {
  const streamed = `/${AuditService.typeName}/TailAudit`;
  expect(Object.keys(ROWS).sort()).toEqual([...CALLERS.keys()].filter((path) => path !== streamed).sort());
});

test.each(rows)('E3 C2 $path by $who: $code', async ({ path, code, credential }) => {
  const session = await opened();
  const request = await ROWS[path]?.request(session);
  const response = await send(path, request ?? {}, await credential(session));
  expect(response.status).toBe(code);
  expect(response.headers.has('www-authenticate')).toBe(code === 401);
});

function send(path: string, request: JsonObject, credential: string | undefined): Promise<Response> {
  const isForm = path.startsWith('/oauth2/');
  const headers = credential === undefined ? {} : { authorization: `Bearer ${credential}` };
  if (path.startsWith('/.well-known/')) return fetch(api.url + path, { headers });
  const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
  const body = isForm
    ? new URLSearchParams(request as Record<string, string>).toString()
    : JSON.stringify(request);
  return fetch(api.url + path, { method: 'POST', headers: { ...headers, 'content-type': type }, body });
}

test.each(Object.keys(ROWS).filter((path) => ROWS[path]?.openTo !== 'anyone'))(
  'without configured operators there is no open door: %s',
  async (path) => {
    const session = await opened();
    const request = (await ROWS[path]?.request(session)) ?? {};
    await using closed = await startSessionApi(issuers, { operators: false });
    const credentials = [undefined, operator];
    for (const credential of credentials) {
      const headers = credential === undefined ? {} : { authorization: `Bearer ${credential}` };
      const body = JSON.stringify(request);
      const sent = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body };
      expect((await fetch(closed.url + path, sent)).status).toBe(401);
    }
  },
);

test("E3 while the keys of the callers' issuer are out of reach, the answer is UNAVAILABLE and never yes", async () => {
  await issuers.cluster.stop();
  try {
    for (const credential of [operator, await api.appJwt()]) {
      expect(await overJson(api.url, 'getSession', { ref: ABSENT_REF }, credential)).toMatchObject({
        code: 'unavailable',
        headers: { 'retry-after': '5' },
      });
    }
  } finally {
    await issuers.cluster.start();
  }
});

test.each(['Basic b246Y2FsbA==', 'Bearer', 'Bearer a b', 'Bearer a, Bearer b'])(
  'E3 the header "authorization: %s" proves nobody',
  async (authorization) => {
    const response = await getSession(ABSENT_REF, authorization);
    expect(response.status).toBe(401);
  },
);

test.each([
  ['HTTP/1.1', statusOverHttp1],
  ['HTTP/2', statusOverHttp2],
] as const)('E3 two credentials over %s prove nobody, whichever comes first', async (_protocol, statusOf) => {
  const [good, other] = [`Bearer ${operator}`, `Bearer ${await api.appJwt()}`];
  expect(await statusOf([good])).toBe(200);
  for (const credentials of [
    [good, other],
    [other, good],
    [good, good],
    ['Bearer x', good],
  ]) {
    expect(await statusOf(credentials)).toBe(400);
  }
});

test("the scheme's case does not matter", async () => {
  const { ref } = await opened();
  expect((await getSession(ref, `bearer ${operator}`)).status).toBe(200);
});

test('E2 a user may name no session but their own, and learns nothing of another', async () => {
  const [mine, other] = [await opened(), await opened()];
  for (const ref of [other.ref, ABSENT_REF]) {
    for (const [call, body] of [
      ['getSession', { ref }],
      ['revokeSession', { ref, reason: 'test' }],
    ] as const) {
      expect(await overJson(api.url, call, body, mine.token)).toMatchObject({
        code: 'permission_denied',
        message: 'ref: a session token is for its own session alone',
      });
    }
  }
  expect(await overJson(api.url, 'getSession', { ref: other.ref }, other.token)).toMatchObject({
    code: 'ok',
  });
});

test('E6 the token of a session that has ended is no credential any more', async () => {
  const { ref, token } = await opened();
  expect(await overJson(api.url, 'getSession', {}, token)).toMatchObject({ code: 'ok' });
  await overJson(api.url, 'revokeSession', { ref, reason: 'test' }, operator);
  expect(await overJson(api.url, 'getSession', {}, token)).toMatchObject({ code: 'unauthenticated' });
});

const LIST = [`${SESSION}/ListSessions`, '{}'] as const;

async function statusOverHttp1(credentials: readonly string[]): Promise<number | undefined> {
  const [path, body] = LIST;
  const headers = ['host', '127.0.0.1', 'content-type', 'application/json', 'content-length', '2'];
  const shown = credentials.flatMap((credential) => ['authorization', credential]);
  const request = http.request(`${api.url}${path}`, { method: 'POST', headers: [...headers, ...shown] });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  return response.statusCode;
}

/** Node's types do not have it yet. */
const LENIENT = { settings: {}, strictSingleValueFields: false };

async function statusOverHttp2(credentials: readonly string[]): Promise<number | undefined> {
  const [path, body] = LIST;
  const session = http2.connect(api.url, LENIENT);
  const headers = [':method', 'POST', ':path', path, 'content-type', 'application/json'];
  const shown = credentials.flatMap((credential) => ['authorization', credential]);
  const stream = session.request([...headers, ...shown]);
  stream.end(body);
  const [answered] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  stream.resume();
  session.close();
  return Number(answered[':status']);
}

function getSession(ref: string, authorization: string): Promise<Response> {
  return fetch(`${api.url}${SESSION}/GetSession`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ ref }),
  });
}
