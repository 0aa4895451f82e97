import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { overJson } from '../parts/session-api-callers.ts';
import { NONCE, startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';

interface Opened {
  readonly ref: string;
  readonly token: string;
  readonly refreshToken: string;
}

let issuers: Issuers;
let api: SessionApi;
let operator: string;
let billing: string;

beforeAll(async () => {
  issuers = await startIssuers();
});
afterAll(() => issuers[Symbol.asyncDispose]());
beforeEach(async () => {
  api = await startSessionApi(issuers);
  [operator, billing] = await Promise.all([api.operatorJwt(), api.appJwt()]);
});
afterEach(() => api[Symbol.asyncDispose]());

async function opened(): Promise<Opened> {
  const request = { provider: 'main', id_token: await api.idToken(), nonce: NONCE, refreshable: true };
  const { body } = await overJson(api.url, 'createSession', request, operator);
  const { ref } = body['session'] as { ref: string };
  return { ref, token: body['token'] as string, refreshToken: body['refresh_token'] as string };
}

type Form = Readonly<Record<string, string>> | string;

function post(path: 'introspect' | 'revoke', form: Form, credential?: string): Promise<Response> {
  return fetch(`${api.url}/oauth2/${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
    },
    body: new URLSearchParams(form).toString(),
  });
}

async function introspect(token: string, credential = billing): Promise<unknown> {
  const response = await post('introspect', { token }, credential);
  expect(response.status).toBe(200);
  return response.json();
}

const stateOf = async (ref: string) => {
  const { body } = await overJson(api.url, 'getSession', { ref }, operator);
  return body['session'] as { state: string; revocation?: { cause: string } };
};

describe('introspection (RFC 7662)', () => {
  test('C1 tells an app whose session it is, until when, and the scopes that it may see', async () => {
    const { ref, token } = await opened();
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >;
    const { exp, iat, sid } = claims;
    const answer = await introspect(token);
    expect(answer).toEqual({
      active: true,
      scope: 'invoices:read invoices:write',
      token_type: 'Bearer',
      iss: api.deps.tokenIssuer,
      sub: 'alice',
      exp,
      iat,
      singlestate_ref: ref,
      singlestate_subject_issuer: issuers.idp.issuer,
    });
    expect(JSON.stringify(answer)).not.toContain(sid);
    expect(await introspect(token, await api.appJwt('support'))).toMatchObject({ active: true, scope: '' });
    expect(await introspect(token, operator)).toMatchObject({ scope: 'invoices:read invoices:write' });
  });

  test('E6 a session that has ended is not active, and nothing more is said', async () => {
    const { ref, token } = await opened();
    await overJson(api.url, 'revokeSession', { ref, reason: 'test' }, operator);
    expect(await introspect(token)).toEqual({ active: false });
  });

  test('what is no session token, or none any more, is not active', async () => {
    const { token, refreshToken } = await opened();
    for (const other of ['x', refreshToken, billing, `${token}x`, token.toUpperCase()]) {
      expect(await introspect(other)).toEqual({ active: false });
    }
    const later = Date.now() + 5 * 60_000;
    api.deps.nowMs = () => later;
    expect(await introspect(token)).toEqual({ active: false });
  });

  test('D2 a store that does not answer is 503, and never "not active"', async () => {
    const { token } = await opened();
    await api.deps.store.close();
    const response = await post('introspect', { token }, billing);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
  });

  test.each<[string, number, string, string | null, () => Promise<string | undefined>]>([
    ['nobody', 401, 'invalid_client', 'Bearer', () => Promise.resolve(undefined)],
    ['a stranger', 401, 'invalid_token', 'Bearer error="invalid_token"', () => Promise.resolve('x')],
    ['a user', 403, 'insufficient_scope', null, async () => (await opened()).token],
  ])('is closed to %s: %i %s', async (_who, status, error, challenge, credential) => {
    const { token } = await opened();
    const response = await post('introspect', { token }, await credential());
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([status, challenge]);
    expect(await response.json()).toMatchObject({ error });
  });

  test("E7 an operator's look at a session is in the audit trail", async () => {
    const { ref, token } = await opened();
    await introspect(token, operator);
    await introspect(token, billing);
    const { records } = await api.deps.store.audit({ action: 'session_read', limit: 10 });
    expect(records).toMatchObject([{ ref, actor: { kind: 'operator', name: 'on-call' } }]);
  });
});

describe('revocation (RFC 7009)', () => {
  test.each(['token', 'refreshToken'] as const)(
    'E6 whoever holds its %s may end the session',
    async (which) => {
      const session = await opened();
      const response = await post('revoke', { token: session[which], token_type_hint: 'refresh_token' });
      expect([response.status, await response.text()]).toEqual([200, '']);
      expect(await stateOf(session.ref)).toMatchObject({
        revocation: { cause: 'REVOCATION_CAUSE_TOKEN_REVOCATION' },
      });
      expect(api.counted).toContain('ended token_revocation');
      expect((await post('revoke', { token: session[which] })).status).toBe(200);
    },
  );

  test('what names no session is no error, and ends nothing', async () => {
    const { ref, token, refreshToken } = await opened();
    for (const other of ['x', `${token}x`, refreshToken.slice(0, -1), ref, billing]) {
      expect((await post('revoke', { token: other })).status).toBe(200);
    }
    expect(await stateOf(ref)).toMatchObject({ state: 'SESSION_STATE_ACTIVE' });
  });

  test('D2 a store that does not answer is 503 with a time to try again', async () => {
    const { token } = await opened();
    await api.deps.store.close();
    const response = await post('revoke', { token });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  });
});

describe('what is no form', () => {
  test.each([
    ['without a token', 'token_type_hint=x', 400],
    ['with an empty token', 'token=', 400],
    ['with two tokens', 'token=a&token=b', 400],
    ['with another parameter twice', 'token=a&x=1&x=2', 400],
    ['beyond 64 KiB', `token=${'a'.repeat(65_536)}`, 413],
  ])('%s is refused', async (_what, form, status) => {
    const response = await post('revoke', form);
    expect(response.status).toBe(status);
    if (status === 400) expect(await response.json()).toMatchObject({ error: 'invalid_request' });
  });

  test.each([
    ['a JSON body', { method: 'POST', body: '{"token":"a"}' }, 400],
    ['no body', { method: 'POST' }, 400],
    ['another method', { method: 'GET' }, 405],
  ])('%s is refused', async (_what, init, status) => {
    const response = await fetch(`${api.url}/oauth2/revoke`, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: 'invalid_request' });
  });
});

test('the log has a line for each, with no token in it', async () => {
  const { ref, token, refreshToken } = await opened();
  await introspect(token);
  await post('introspect', { token }, 'stranger');
  await post('revoke', { token: refreshToken });
  expect(
    api.log
      .calls()
      .slice(1)
      .map(({ procedure, app, ref, code }) => [procedure, app, ref, code]),
  ).toEqual([
    ['/oauth2/introspect', 'billing', ref, 'ok'],
    ['/oauth2/introspect', undefined, undefined, 'unauthenticated'],
    ['/oauth2/revoke', undefined, ref, 'ok'],
  ]);
  for (const secret of [token, refreshToken, billing]) expect(api.log.text).not.toContain(secret);
});
