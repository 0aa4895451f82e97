import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { overGrpc, overGrpcWeb, overJson, type Call, type Caller } from '../parts/session-api-callers.ts';
import { NONCE, startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';
import type { SessionRef } from '../../src/session/ref.ts';
import { StoreError } from '../../src/session/store.ts';

const PROTOCOLS = [
  ['gRPC', overGrpc],
  ['gRPC-Web', overGrpcWeb],
  ['Connect JSON', overJson],
] as const;

interface Opened {
  readonly ref: SessionRef;
  readonly token: string;
  readonly refresh_token: string;
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

const call = (
  name: Call,
  body: JsonObject,
  caller: Caller = overJson,
  credential: string | undefined = operator,
) => caller(api.url, name, body, credential);

async function opened(claims: Record<string, unknown> = {}, refreshable = false): Promise<Opened> {
  const request = { provider: 'main', id_token: await api.idToken(claims), nonce: NONCE, refreshable };
  const { code, body } = await call('createSession', request);
  expect(code).toBe('ok');
  const { session, token, refresh_token } = body as unknown as Opened & { session: { ref: SessionRef } };
  return { ref: session.ref, token, refresh_token };
}

const stateOf = async (ref: string) =>
  ((await call('getSession', { ref })).body['session'] as { state: string }).state;

interface Page {
  readonly sessions?: readonly (JsonObject & { readonly ref: string })[];
  readonly next_page_token?: string;
}

const list = async (request: JsonObject, caller?: Caller) =>
  (await call('listSessions', request, caller)).body as Page;

describe.each(PROTOCOLS)('over %s', (_name, caller) => {
  test('sessions are listed in pages, oldest first, each once', async () => {
    const start = Date.now();
    const refs: string[] = [];
    for (let count = 0; count < 5; count++) {
      api.deps.nowMs = () => start + count;
      refs.push((await opened({ sub: `user-${count}` })).ref);
    }
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await list({ page_size: 2, page_token: pageToken }, caller);
      expect(page.sessions?.length).toBeLessThanOrEqual(2);
      seen.push(...(page.sessions ?? []).map(({ ref }) => ref));
      pageToken = page.next_page_token ?? '';
    } while (pageToken !== '');
    expect(seen).toEqual(refs);
  });

  test('E6 all sessions of a subject are ended at once, and no others', async () => {
    const [first, second, other] = [await opened(), await opened(), await opened({ sub: 'bob' })];
    const subject = { issuer: issuers.idp.issuer, subject: 'alice' };
    const answer = await call('revokeSessions', { subject, reason: 'account taken over' }, caller);
    expect(answer.body).toEqual({ revoked: 2 });
    for (const { ref } of [first, second]) expect(await stateOf(ref)).toBe('SESSION_STATE_REVOKED');
    expect(await stateOf(other.ref)).toBe('SESSION_STATE_ACTIVE');
    expect(api.counted).toContain('ended operator 2');
    expect((await call('revokeSessions', { subject, reason: 'again' }, caller)).body).toEqual({});
  });

  test('E10 a refresh token is traded for a session token and the next one, and an old one ends the session', async () => {
    const { ref, refresh_token } = await opened({}, true);
    const refresh = (refresh_token: string) => caller(api.url, 'refreshSession', { refresh_token });
    const { code, body } = await refresh(refresh_token);
    const next = body as unknown as Opened;
    expect(code).toBe('ok');
    expect((await call('getSession', {}, caller, next.token)).body['session']).toMatchObject({ ref });
    expect((await refresh(refresh_token)).body['refresh_token']).toBe(next.refresh_token);
    const later = Date.now() + 11_000;
    api.deps.nowMs = () => later;
    const reused = await refresh(refresh_token);
    expect([reused.code, reused.headers]).toEqual([
      'unauthenticated',
      { 'www-authenticate': 'Bearer error="invalid_token"' },
    ]);
    expect((await refresh(next.refresh_token)).code).toBe('unauthenticated');
    expect((await call('getSession', { ref })).body['session']).toMatchObject({
      revocation: { cause: 'REVOCATION_CAUSE_REFRESH_REUSE' },
    });
  });
});

describe('ListSessions', () => {
  test('finds those of a subject and of a time, and shows all of them but their slices', async () => {
    const start = Date.now();
    const at = (ms: number) => new Date(start + ms).toISOString();
    const refs: string[] = [];
    for (const [offset, sub] of [
      [0, 'alice'],
      [1_000, 'bob'],
      [2_000, 'alice'],
      [3_000, 'alice'],
    ] as const) {
      api.deps.nowMs = () => start + offset;
      refs.push((await opened({ sub })).ref);
    }
    const subject = { issuer: issuers.idp.issuer, subject: 'alice' };
    const found = async (request: JsonObject) => (await list(request)).sessions?.map(({ ref }) => ref);
    expect(await found({ subject })).toEqual([refs[0], refs[2], refs[3]]);
    expect(await found({ subject, created_from: at(2_000) })).toEqual([refs[2], refs[3]]);
    expect(await found({ subject, created_before: at(2_000) })).toEqual([refs[0]]);
    expect(await found({ created_from: at(1_000), created_before: at(3_000) })).toEqual([refs[1], refs[2]]);
    expect(await found({ subject: { ...subject, subject: 'nobody' } })).toBeUndefined();
    const [shown] = (await list({ subject })).sessions ?? [];
    expect(shown).toMatchObject({
      state: 'SESSION_STATE_ACTIVE',
      identity: { subject: 'alice' },
      version: 1,
    });
  });

  test.each([
    ['is none', 'nonsense', /^page_token: it is none that an earlier answer gave$/],
    [
      'is no position',
      Buffer.from('[1,"x","y"]').toString('base64url'),
      /it is none that an earlier answer gave$/,
    ],
  ])('a page token that %s is refused', async (_what, page_token, message) => {
    const answer = await call('listSessions', { page_token });
    expect(answer.code).toBe('invalid_argument');
    expect(answer.message).toMatch(message);
  });

  test('a page token of another question is refused', async () => {
    await opened();
    await opened();
    const { next_page_token = '' } = await list({ page_size: 1 });
    const subject = { issuer: issuers.idp.issuer, subject: 'alice' };
    const answer = await call('listSessions', { page_size: 1, page_token: next_page_token, subject });
    expect(answer.message).toBe('page_token: it is of an answer to another question');
  });
});

describe('RevokeSessions', () => {
  test('E6 ends what came from one session at the identity provider', async () => {
    const [mine, other] = [await opened({ sid: 'a' }), await opened({ sid: 'b' })];
    const provider_session = { issuer: issuers.idp.issuer, provider_session: 'a' };
    const { body } = await call('revokeSessions', { provider_session, reason: 'test' });
    expect(body).toEqual({ revoked: 1 });
    expect(await stateOf(mine.ref)).toBe('SESSION_STATE_REVOKED');
    expect(await stateOf(other.ref)).toBe('SESSION_STATE_ACTIVE');
  });

  test("E6 ends everybody's, where that is said outright", async () => {
    await opened();
    await opened({ sub: 'bob' });
    expect(await call('revokeSessions', { reason: 'test' })).toMatchObject({ code: 'invalid_argument' });
    expect(await call('revokeSessions', { all: false, reason: 'test' })).toMatchObject({
      code: 'invalid_argument',
    });
    expect((await call('revokeSessions', { all: true, reason: 'test' })).body).toEqual({ revoked: 2 });
    expect(await list({})).toEqual({});
  });
});

describe("an operator's reading", () => {
  test('E7 is in the audit trail, with whose session it was', async () => {
    const { ref } = await opened();
    await call('getSession', { ref });
    await list({ subject: { issuer: issuers.idp.issuer, subject: 'alice' } });
    const { records } = await api.deps.store.audit({ actor: { kind: 'operator' }, limit: 10 });
    const subject = { issuer: issuers.idp.issuer, subject: 'alice' };
    expect(records.map(({ action }) => action).sort()).toEqual([
      'session_created',
      'session_read',
      'sessions_listed',
    ]);
    expect(records.find(({ action }) => action === 'session_read')).toMatchObject({ ref, subject });
    expect(records.find(({ action }) => action === 'sessions_listed')).toMatchObject({ subject });
  });

  test('E7 is not answered where it can not be recorded', async () => {
    const { ref } = await opened();
    const failure = new StoreError('ERR_STORE_TIMEOUT', 'record: late');
    api.deps.store = { ...api.deps.store, record: () => Promise.reject(failure) };
    expect(await call('getSession', { ref })).toMatchObject({ code: 'unavailable', body: {} });
    expect(await call('listSessions', {})).toMatchObject({ code: 'unavailable', body: {} });
    expect(await call('getSession', { ref }, overJson, await api.appJwt())).toMatchObject({ code: 'ok' });
  });
});

describe('a user', () => {
  test('sees who they are and until when, and nothing that apps keep', async () => {
    const { ref, token } = await opened();
    const changes = [{ slice: 'cart', value: { items: [] } }];
    const update = { ref, expected_version: 1, changes, reason: 'test' };
    await call('updateSession', update, overJson, await api.appJwt());
    const { body } = await call('getSession', {}, overJson, token);
    expect(body['session']).toMatchObject({
      ref,
      state: 'SESSION_STATE_ACTIVE',
      version: 2,
      identity: { provider: 'main', issuer: issuers.idp.issuer, subject: 'alice' },
      scopes: ['invoices:read', 'invoices:write'],
      attributes: { email_domain: 'example.com' },
    });
    expect(JSON.stringify(body)).not.toMatch(/items|idp-session-1/);
  });

  test('may end their own session, which counts as a logout', async () => {
    const { ref, token } = await opened();
    expect((await call('revokeSession', { reason: 'done' }, overJson, token)).code).toBe('ok');
    expect((await call('getSession', { ref })).body['session']).toMatchObject({
      revocation: { cause: 'REVOCATION_CAUSE_LOGOUT' },
    });
    const { records } = await api.deps.store.audit({ ref, action: 'session_revoked', limit: 1 });
    expect(records).toMatchObject([{ actor: { kind: 'user', name: ref }, reason: 'done' }]);
    expect(api.counted).toContain('ended logout');
  });
});

describe('CreateSession', () => {
  test('E10 gives a refresh token where it is asked for, and none else', async () => {
    expect((await opened()).refresh_token).toBeUndefined();
    expect((await opened({}, true)).refresh_token).toMatch(/^[0-9a-f]{2}\.[\w-]{43}\.[\w-]{43}$/);
  });

  test('E12 beyond the limit of a subject the answer is RESOURCE_EXHAUSTED', async () => {
    api.deps.limits = { ...api.deps.limits, maxPerSubject: { limit: 1, onExceed: 'refuse' } };
    await opened();
    const request = { provider: 'main', id_token: await api.idToken(), nonce: NONCE };
    expect(await call('createSession', request)).toMatchObject({
      code: 'resource_exhausted',
      message: 'the subject has 1 sessions already; session.maxPerSubject allows no more',
    });
  });
});
