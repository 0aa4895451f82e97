import { once } from 'node:events';
import { connect } from 'node:net';
import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { IdentityProvider, IdTokenVerdict } from '../../src/identity/identity.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import {
  createSessionId,
  isSessionRef,
  partitionOf,
  sessionRef,
  type SessionId,
} from '../../src/session/ref.ts';
import { overGrpc, overGrpcWeb, overJson, type Call, type Caller } from '../parts/session-api-callers.ts';
import { NONCE, startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';
import { createIssuerKey } from '../parts/test-issuer.ts';

const PROTOCOLS = [
  ['gRPC', overGrpc],
  ['gRPC-Web', overGrpcWeb],
  ['Connect JSON', overJson],
] as const;
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

const call = (name: Call, body: JsonObject, caller: Caller = overJson) =>
  caller(api.url, name, body, operator);
const creation = async (claims?: Record<string, unknown>) => ({
  provider: 'main',
  id_token: await api.idToken(claims),
  nonce: NONCE,
});

async function opened(): Promise<{ ref: string; token: string }> {
  const { code, body } = await call('createSession', await creation());
  expect(code).toBe('ok');
  return { ref: (body['session'] as { ref: string }).ref, token: body['token'] as string };
}

describe.each(PROTOCOLS)('over %s', (_name, caller) => {
  test('B2 A9 E6 a session is opened from an ID token, shown whole, and revoked for good', async () => {
    const created = await call('createSession', await creation(), caller);
    expect(created.code).toBe('ok');
    const { session, token } = created.body as { session: JsonObject & { ref: string }; token: string };
    expect(session).toMatchObject({
      state: 'SESSION_STATE_ACTIVE',
      version: 1,
      schema_version: 2,
      identity: {
        provider: 'main',
        issuer: issuers.idp.issuer,
        subject: 'alice',
        provider_session: 'idp-session-1',
      },
      authentication: { acr: 'gold', amr: ['pwd', 'otp'] },
      scopes: ['invoices:read', 'invoices:write'],
      attributes: { email_domain: 'example.com' },
    });
    expect(isSessionRef(session.ref)).toBe(true);
    expect(sessionRef(sidOf(token))).toBe(session.ref);

    const { ref } = session;
    expect(await call('getSession', { ref }, caller)).toMatchObject({ code: 'ok', body: { session } });
    const revocation = { ref, reason: 'laptop stolen' };
    expect((await call('revokeSession', revocation, caller)).body).toEqual({});
    const revoked = await call('getSession', { ref }, caller);
    expect(revoked.body['session']).toEqual({
      ref,
      state: 'SESSION_STATE_REVOKED',
      revocation: { cause: 'REVOCATION_CAUSE_OPERATOR', revoked_at: expect.any(String) as string },
    });
    expect((await call('revokeSession', revocation, caller)).body).toEqual({ already_revoked: true });
    expect(await call('getSession', { ref }, caller)).toEqual(revoked);
    expect(api.counted).toEqual(['created main', 'token created', 'ended operator']);
  });

  test('E3 without a credential the answer is UNAUTHENTICATED with a challenge', async () => {
    const answer = await caller(api.url, 'getSession', { ref: ABSENT_REF });
    expect(answer).toMatchObject({ code: 'unauthenticated', headers: { 'www-authenticate': 'Bearer' } });
  });

  test('a session that is not there is NOT_FOUND', async () => {
    expect(await call('getSession', { ref: ABSENT_REF }, caller)).toMatchObject({ code: 'not_found' });
    const revocation = { ref: ABSENT_REF, reason: 'x' };
    expect(await call('revokeSession', revocation, caller)).toMatchObject({ code: 'not_found' });
  });

  test('E1 an ID token that has opened a session is ALREADY_EXISTS', async () => {
    const request = await creation();
    expect((await call('createSession', request, caller)).code).toBe('ok');
    expect(await call('createSession', request, caller)).toMatchObject({ code: 'already_exists' });
  });

  test('an invalid argument is named by its field', async () => {
    const answer = await call('getSession', { ref: 'nonsense' }, caller);
    expect(answer.code).toBe('invalid_argument');
    expect(answer.message).toMatch(/^ref: must be a session reference/);
  });

  test('D2 a store that does not answer is UNAVAILABLE, with a time to try again', async () => {
    await api.deps.store.close();
    for (const request of [
      call('getSession', { ref: ABSENT_REF }, caller),
      call('revokeSession', { ref: ABSENT_REF, reason: 'x' }, caller),
      call('createSession', await creation(), caller),
    ]) {
      expect(await request).toMatchObject({ code: 'unavailable', headers: { 'retry-after': '1' } });
    }
  });

  test('a message above 64 KiB is RESOURCE_EXHAUSTED', async () => {
    const request = { provider: 'main', id_token: 'a'.repeat(65_536), nonce: NONCE };
    expect(await call('createSession', request, caller)).toMatchObject({ code: 'resource_exhausted' });
  });
});

describe('CreateSession', () => {
  test.each([
    ['another nonce', { nonce: 'other' }],
    ['another audience', { aud: 'other' }],
    ['another issuer', { iss: 'https://other.test' }],
    ['an end in the past', { exp: 1 }],
    ['no subject', { sub: undefined }],
  ])('E1 an ID token with %s opens nothing, and the answer names the field', async (_what, claims) => {
    const answer = await call('createSession', await creation(claims));
    expect(answer).toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(/^id_token: /) as string,
    });
    expect(api.records.size).toBe(0);
  });

  test('E1 an ID token that somebody else signed opens nothing', async () => {
    const forger = await createIssuerKey('RS256', 'idp');
    const claims = { iss: issuers.idp.issuer, sub: 'alice', aud: 'singlestate', nonce: NONCE };
    const nowSeconds = Math.floor(Date.now() / 1000);
    const id_token = await forger.sign({ ...claims, iat: nowSeconds, exp: nowSeconds + 300 });
    const answer = await call('createSession', { provider: 'main', id_token, nonce: NONCE });
    expect(answer.code).toBe('invalid_argument');
  });

  test('a provider that is not configured is named as the field that is wrong', async () => {
    const answer = await call('createSession', { ...(await creation()), provider: 'other' });
    expect(answer).toMatchObject({ code: 'invalid_argument' });
    expect(answer.message).toMatch(/^provider: no identity provider of this name/);
  });

  test('every field that is wrong is named in the details', async () => {
    const response = await post('CreateSession', '{}');
    const { details } = (await response.json()) as { details: { type: string; debug: unknown }[] };
    expect(details[0]?.type).toBe('buf.validate.Violations');
    const text = JSON.stringify(details[0]?.debug);
    for (const field of ['provider', 'id_token', 'nonce']) expect(text).toContain(`"fieldName":"${field}"`);
  });

  test('D1 while the identity provider is down new sessions are UNAVAILABLE, and old ones work on', async () => {
    const { ref } = await opened();
    await using fresh = await startSessionApi(issuers);
    fresh.deps.store = api.deps.store;
    const request = await creation();
    await issuers.idp.stop();
    try {
      const answer = await overJson(fresh.url, 'createSession', request, operator);
      expect(answer).toMatchObject({ code: 'unavailable', headers: { 'retry-after': '5' } });
      expect(await overJson(fresh.url, 'getSession', { ref }, operator)).toMatchObject({ code: 'ok' });
    } finally {
      await issuers.idp.start();
    }
  });

  test('A5 a session larger than session.maxBytes is refused with both sizes', async () => {
    api.deps.limits = { ...api.deps.limits, maxBytes: 200 };
    const answer = await call('createSession', await creation());
    expect(answer.code).toBe('failed_precondition');
    expect(answer.message).toMatch(/a session of \d{3} bytes; session\.maxBytes allows 200$/);
  });
});

describe('GetSession', () => {
  test('D4 a corrupt session is shown as such, with the problem and none of its values', async () => {
    const { ref } = await opened();
    for (const record of api.records.values()) {
      if ('document' in record.fields) record.fields = { ...record.fields, document: '{"scopes":"secret"}' };
    }
    const { body } = await call('getSession', { ref });
    expect(body['session']).toEqual({
      ref,
      state: 'SESSION_STATE_CORRUPT',
      problem: expect.any(String) as string,
    });
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  test('may be asked by HTTP GET, and is never kept by a cache', async () => {
    const { ref } = await opened();
    const query = new URLSearchParams({ encoding: 'json', message: JSON.stringify({ ref }) });
    const url = `${api.url}/singlestate.session.v1.SessionService/GetSession?${query.toString()}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${operator}` } });
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
  });

  test('what changes a session can not be asked by HTTP GET', async () => {
    const query = new URLSearchParams({ encoding: 'json', message: '{}' });
    const url = `${api.url}/singlestate.session.v1.SessionService/RevokeSession?${query.toString()}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${operator}` } });
    expect(response.status).toBe(405);
  });
});

describe('faults', () => {
  test('D2 a Redis that can not be reached is UNAVAILABLE at once', async () => {
    const store = createRedisStore({
      ...{ url: 'redis://127.0.0.1:1', deadlineMs: 50, keyPrefix: 'test:' },
      ...{ sealer: () => unsealedText, audit: () => ({ maxEntries: 1_000, maxAgeMs: 3_600_000 }) },
    });
    api.deps.store = store;
    try {
      expect(await call('getSession', { ref: ABSENT_REF })).toMatchObject({ code: 'unavailable' });
    } finally {
      await store.close();
    }
  });

  test('D5 a call that takes too long is DEADLINE_EXCEEDED', async () => {
    await using slow = await startSessionApi(issuers, { callDeadlineMs: 50 });
    slow.deps.store = { ...slow.deps.store, read: () => new Promise(() => undefined) };
    const answer = await overJson(slow.url, 'getSession', { ref: ABSENT_REF }, operator);
    expect(answer).toMatchObject({ code: 'deadline_exceeded' });
    expect(slow.log.calls().at(-1)).toMatchObject({ code: 'deadline_exceeded', ref: ABSENT_REF });
  });

  test('A3 a call that nobody waits for any more opens no session', async () => {
    await using slow = await startSessionApi(issuers, { callDeadlineMs: 50 });
    const [provider] = slow.deps.identityProviders.values();
    const gate = Promise.withResolvers<undefined>();
    const verdict = Promise.withResolvers<IdTokenVerdict>();
    const verifyIdToken: IdentityProvider['verifyIdToken'] = async (...given) => {
      await gate.promise;
      const answer = await provider?.verifyIdToken(...given);
      if (answer !== undefined) verdict.resolve(answer);
      return verdict.promise;
    };
    slow.deps.identityProviders = new Map([['main', { name: 'main', verifyIdToken }]]);
    const answer = await overJson(slow.url, 'createSession', await creation(), operator);
    expect(answer.code).toBe('deadline_exceeded');
    gate.resolve(undefined);
    expect(await verdict.promise).toMatchObject({ verified: true });
    // Signing a token takes several turns of the event loop; by then a session would be there.
    await slow.deps.mint({ sessionId: createSessionId(partitionOf('a', 'b')), nowMs: 0, notAfterMs: 1_000 });
    await new Promise(setImmediate);
    expect(slow.records.size).toBe(0);
  });

  test('an unexpected error is INTERNAL and tells nothing; the log tells where, not what', async () => {
    api.deps.store = {
      ...api.deps.store,
      read: () => Promise.reject(new RangeError('a secret in a message')),
    };
    const answer = await call('getSession', { ref: ABSENT_REF });
    expect(answer).toMatchObject({ code: 'internal', message: 'internal error' });
    expect(api.log.calls().at(-1)).toMatchObject({
      level: 'error',
      code: 'internal',
      operator: 'on-call',
      fault: { name: 'RangeError', at: expect.any(Array) as string[] },
    });
    expect(api.log.text).not.toContain('a secret');
  });

  test.each([
    ['no Host', 'HTTP/1.0', ''],
    ['a Host that is no host', 'HTTP/1.1', 'Host: a b<\r\n'],
  ])('a request with %s is a 400, and the server lives on', async (_what, version, host) => {
    const head = `POST /singlestate.session.v1.SessionService/GetSession ${version}\r\n${host}`;
    const answer = await rawHttp(
      `${head}Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect((await call('getSession', { ref: ABSENT_REF })).code).toBe('not_found');
  });

  test('a body that is not JSON is INVALID_ARGUMENT, and its text stays out of the log', async () => {
    const response = await post('CreateSession', 'id_token=eyJhbGciOiJub25lIn0.e30.');
    expect(response.status).toBe(400);
    expect(api.log.calls().at(-1)).toMatchObject({ procedure: 'CreateSession', code: 'invalid_argument' });
    expect(api.log.text).not.toContain('id_token=');
  });
});

describe('the log', () => {
  test('has a line for a call whose client went away before its message was there', async () => {
    const socket = connect(api.port, '127.0.0.1');
    const head =
      'POST /singlestate.session.v1.SessionService/GetSession HTTP/1.1\r\nHost: a\r\nContent-Type: application/json';
    socket.write(
      `${head}\r\nAuthorization: Bearer ${operator}\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n`,
    );
    await once(socket, 'data');
    socket.write('{');
    socket.destroy();
    await vi.waitFor(() => expect(api.log.calls()).toHaveLength(1));
    const [line] = api.log.calls();
    expect(line).toMatchObject({ operator: 'on-call', procedure: 'GetSession', code: 'aborted' });
  });

  test('has one line a call: who, what, which session, why, and how it ended', async () => {
    const { ref } = await opened();
    await call('getSession', { ref });
    await call('revokeSession', { ref, reason: 'laptop stolen' });
    await overJson(api.url, 'getSession', { ref });
    await call('getSession', { ref: 'nonsense' });
    expect(
      api.log
        .calls()
        .map(({ operator, procedure, ref, reason, code }) => [operator, procedure, ref, reason, code]),
    ).toEqual([
      ['on-call', 'CreateSession', ref, undefined, 'ok'],
      ['on-call', 'GetSession', ref, undefined, 'ok'],
      ['on-call', 'RevokeSession', ref, 'laptop stolen', 'ok'],
      [undefined, 'GetSession', undefined, undefined, 'unauthenticated'],
      ['on-call', 'GetSession', undefined, undefined, 'invalid_argument'],
    ]);
  });

  test('holds no token, no ID token, no session id and no credential, whatever the outcome', async () => {
    const secrets = [operator];
    const request = await creation();
    const { token } = (await call('createSession', request)).body as { token: string };
    const sid = sidOf(token);
    secrets.push(request.id_token, token, sid);
    await call('createSession', request);
    await call('createSession', { ...request, nonce: 'other' });
    await call('createSession', { ...request, provider: request.id_token });
    await call('getSession', { ref: sid });
    await call('revokeSession', { ref: token, reason: 'x' });
    const expired = await api.operatorJwt({ exp: 1 });
    secrets.push(expired);
    await overJson(api.url, 'getSession', { ref: sid }, expired);
    await api.deps.store.close();
    const last = await creation();
    secrets.push(last.id_token);
    await call('createSession', last);
    expect(api.log.calls()).toHaveLength(8);
    for (const secret of secrets.flatMap((one) => [
      one,
      ...one.split('.').filter((part) => part.length > 20),
    ])) {
      expect(api.log.text).not.toContain(secret);
    }
  });
});

describe('beside the calls', () => {
  test('E9 the public keys are published as a JWK Set that may be cached', async () => {
    const response = await fetch(`${api.url}/.well-known/jwks.json`);
    expect(response.headers.get('content-type')).toBe('application/jwk-set+json');
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    const text = await response.text();
    expect(JSON.parse(text)).toEqual(api.deps.jwks());
    expect(text).not.toContain('"d"');
  });

  test.each([
    ['/', 'GET', 404],
    ['/singlestate.session.v1.SessionService/DeleteEverything', 'POST', 404],
    ['/.well-known/jwks.json/', 'GET', 404],
    ['/.well-known/jwks.json', 'POST', 405],
  ])('%s by %s is a problem, %i', async (path, method, status) => {
    const response = await fetch(api.url + path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ type: 'about:blank', status });
  });
});

function sidOf(token: string): SessionId {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return (JSON.parse(payload) as { sid: SessionId }).sid;
}

function post(procedure: string, body: string): Promise<Response> {
  return fetch(`${api.url}/singlestate.session.v1.SessionService/${procedure}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
    body,
  });
}

function rawHttp(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(api.port, '127.0.0.1', () => socket.write(request));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
}
