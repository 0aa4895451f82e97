import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { overJson, type Call } from '../parts/session-api-callers.ts';
import { NONCE, startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';
import { createIssuerKey } from '../parts/test-issuer.ts';

const ABSENT_REF = '3f.AAAAAAAAAAAAAAAAAAAAAA';

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

const creation = async () => ({ provider: 'main', id_token: await api.idToken(), nonce: NONCE });

async function opened(): Promise<{ ref: string; token: string }> {
  const { body } = await overJson(api.url, 'createSession', await creation(), operator);
  return { ref: (body['session'] as { ref: string }).ref, token: body['token'] as string };
}

const REQUESTS: Record<Call, () => Promise<JsonObject>> = {
  createSession: () => creation(),
  getSession: async () => ({ ref: (await opened()).ref }),
  revokeSession: async () => ({ ref: (await opened()).ref, reason: 'test' }),
};

const CALLERS: [string, 'ok' | 'unauthenticated', () => Promise<string | undefined>][] = [
  ['the operator', 'ok', () => api.operatorJwt()],
  ['the operator among several audiences', 'ok', () => api.operatorJwt({ aud: ['other', 'singlestate'] })],
  ['nobody', 'unauthenticated', () => Promise.resolve(undefined)],
  ['who sends no JWT', 'unauthenticated', () => Promise.resolve('password')],
  ['another issuer', 'unauthenticated', () => api.operatorJwt({ iss: 'https://other.test' })],
  ['another subject', 'unauthenticated', () => api.operatorJwt({ sub: 'system:serviceaccount:ops:other' })],
  ['another audience', 'unauthenticated', () => api.operatorJwt({ aud: 'other' })],
  ['who was the operator until the token expired', 'unauthenticated', () => api.operatorJwt({ exp: 1 })],
  [
    'who signs with a key of their own',
    'unauthenticated',
    async () => api.operatorJwt({}, await createIssuerKey('ES256', 'cluster')),
  ],
  ['a user with an ID token', 'unauthenticated', () => api.idToken()],
  ['a session token', 'unauthenticated', async () => (await opened()).token],
];

const rows = (Object.keys(REQUESTS) as Call[]).flatMap((name) =>
  CALLERS.map(([who, code, credential]) => ({ name, who, code, credential })),
);

test.each(rows)('E3 $name by $who: $code', async ({ name, code, credential }) => {
  const request = await REQUESTS[name]();
  const answer = await overJson(api.url, name, request, await credential());
  expect(answer.code).toBe(code);
  expect(answer.headers['www-authenticate'] === undefined).toBe(code === 'ok');
});

test.each(Object.keys(REQUESTS) as Call[])(
  'without configured operators there is no open door: %s',
  async (name) => {
    const request = await REQUESTS[name]();
    await using closed = await startSessionApi(issuers, { operators: false });
    for (const credential of [undefined, operator]) {
      expect(await overJson(closed.url, name, request, credential)).toMatchObject({
        code: 'unauthenticated',
      });
    }
  },
);

test("E3 while the keys of the operators' issuer are out of reach, the answer is UNAVAILABLE and never yes", async () => {
  await issuers.cluster.stop();
  try {
    expect(await overJson(api.url, 'getSession', { ref: ABSENT_REF }, operator)).toMatchObject({
      code: 'unavailable',
      headers: { 'retry-after': '5' },
    });
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

test("the scheme's case does not matter", async () => {
  const { ref } = await opened();
  expect((await getSession(ref, `bearer ${operator}`)).status).toBe(200);
});

function getSession(ref: string, authorization: string): Promise<Response> {
  return fetch(`${api.url}/singlestate.session.v1.SessionService/GetSession`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ ref }),
  });
}
