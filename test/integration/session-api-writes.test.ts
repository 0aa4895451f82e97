import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  overGrpc,
  overGrpcWeb,
  overJson,
  type Answer,
  type Call,
  type Caller,
} from '../parts/session-api-callers.ts';
import { NONCE, startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';
import type { SessionDocument } from '../../src/session/document.ts';
import type { SessionRef } from '../../src/session/ref.ts';

const PROTOCOLS = [
  ['gRPC', overGrpc],
  ['gRPC-Web', overGrpcWeb],
  ['Connect JSON', overJson],
] as const;
const ABSENT_REF = '3f.AAAAAAAAAAAAAAAAAAAAAA';
const CART = { items: [{ sku: 'a', count: 2 }] };

let issuers: Issuers;
let api: SessionApi;
let operator: string;
let billing: string;
let support: string;

beforeAll(async () => {
  issuers = await startIssuers();
});
afterAll(() => issuers[Symbol.asyncDispose]());
beforeEach(async () => {
  api = await startSessionApi(issuers);
  [operator, billing, support] = await Promise.all([api.operatorJwt(), api.appJwt(), api.appJwt('support')]);
});
afterEach(() => api[Symbol.asyncDispose]());

const call = (name: Call, body: JsonObject, credential: string, caller: Caller = overJson) =>
  caller(api.url, name, body, credential);

async function opened(): Promise<SessionRef> {
  const request = { provider: 'main', id_token: await api.idToken(), nonce: NONCE };
  const { body } = await call('createSession', request, operator);
  return (body['session'] as { ref: SessionRef }).ref;
}

const update = (
  ref: string,
  version: number,
  changes: JsonValue[],
  credential = billing,
  caller?: Caller,
) => {
  const body = { ref, expected_version: version, changes, reason: 'cart.changed' };
  return call('updateSession', body, credential, caller);
};

const setCart = (value: JsonValue): JsonObject => ({ slice: 'cart', value });

async function session(ref: string, credential = operator): Promise<JsonObject> {
  return (await call('getSession', { ref }, credential)).body['session'] as JsonObject;
}

async function document(ref: SessionRef): Promise<SessionDocument> {
  const lookup = await api.deps.store.read(ref);
  if (lookup.state !== 'live') throw new Error(`The session is ${lookup.state}`);
  return lookup.session.document;
}

describe.each(PROTOCOLS)('over %s', (_name, caller) => {
  test('A8 B1 what one app writes is what another app reads next', async () => {
    const ref = await opened();
    const written = await update(ref, 1, [setCart(CART)], billing, caller);
    expect([written.code, written.body]).toEqual(['ok', { version: 2 }]);
    const { body } = await call('getSession', { ref }, support, caller);
    expect(body['session']).toMatchObject({ version: 2, slices: { cart: CART } });
    expect(api.counted).toContain('write billing written');
  });

  test('A2 a writer who read another version is told the current one', async () => {
    const ref = await opened();
    await update(ref, 1, [setCart(CART)], billing, caller);
    const late = await update(ref, 1, [setCart({ items: [] })], billing, caller);
    expect([late.code, late.currentVersion]).toEqual(['aborted', 2]);
    expect((await document(ref)).slices).toEqual({ cart: CART });
    expect(api.counted).toContain('write billing conflict');
  });

  test('B1 a part that the app may not write is refused by name, and nothing is written', async () => {
    const ref = await opened();
    const changes = [
      setCart(CART),
      { slice: 'profile', value: 1 },
      { attribute: 'email_domain', value: 'x' },
    ];
    const answer = await update(ref, 1, changes, billing, caller);
    expect([answer.code, answer.message]).toEqual([
      'permission_denied',
      'changes: the app may not write the slice "profile", the attribute "email_domain"',
    ]);
    expect(await session(ref)).toMatchObject({ version: 1, attributes: { email_domain: 'example.com' } });
    expect(api.counted).toContain('write billing not_permitted');
  });
});

describe('UpdateSession', () => {
  test('A2 of 100 writers at one version exactly one wins, and 99 are told the version that won', async () => {
    const ref = await opened();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, count) =>
        update(ref, 1, [setCart({ items: [{ sku: 'a', count: count + 1 }] })]),
      ),
    );
    expect(answers.filter(({ code }) => code === 'ok')).toHaveLength(1);
    const losers = answers.filter(({ code }) => code !== 'ok');
    expect(losers.map(({ code, currentVersion }) => [code, currentVersion])).toEqual(
      Array.from({ length: 99 }, () => ['aborted', 2]),
    );
  });

  test('B6 C2 leaves a record: which app, which parts, why, from which version to which', async () => {
    const ref = await opened();
    await update(ref, 1, [setCart(CART), { attribute: 'locale', value: 'de' }]);
    const { records } = await api.deps.store.audit({ ref, action: 'session_written', limit: 10 });
    expect(records).toMatchObject([
      {
        actor: { kind: 'app', name: 'billing' },
        reason: 'cart.changed',
        detail: 'slice:cart attribute:locale',
        before: 1,
        after: 2,
      },
    ]);
  });

  test('removes the parts that have no value, and sets null where it is one', async () => {
    const ref = await opened();
    await update(ref, 1, [
      setCart(CART),
      { slice: 'notes', value: 'x' },
      { attribute: 'locale', value: 'de' },
    ]);
    const removal = [{ slice: 'cart' }, { attribute: 'locale' }, { slice: 'notes', value: null }];
    expect(await update(ref, 2, removal)).toMatchObject({ code: 'ok', body: { version: 3 } });
    const { slices, attributes } = await document(ref);
    expect([slices, attributes]).toEqual([{ notes: null }, { email_domain: 'example.com' }]);
  });

  test('C2 an app without write rules writes nothing', async () => {
    const ref = await opened();
    expect(await update(ref, 1, [setCart(CART)], support)).toMatchObject({ code: 'permission_denied' });
  });

  test.each<[string, JsonValue[], string]>([
    [
      'another type deep inside',
      [
        setCart({
          items: [
            { sku: 'a', count: 1 },
            { sku: 'b', count: '1' },
          ],
        }),
      ],
      'changes[0].value: slice "cart": /items/1/count must be integer',
    ],
    [
      'a member too many',
      [setCart({ items: [], total: 1 })],
      'changes[0].value: slice "cart": must NOT have additional properties',
    ],
    [
      'a name of its own, which is not repeated',
      [setCart({ notes: { 'bob@example.com': 1 } })],
      'changes[0].value: slice "cart": /notes/* must be string',
    ],
    [
      'another word than the allowed',
      [{ attribute: 'locale', value: 'xx' }],
      'changes[0].value: attribute "locale": must be equal to one of the allowed values',
    ],
    [
      'an attribute that is no string',
      [{ attribute: 'locale', value: 1 }],
      'changes[0].value: the value of an attribute must be a string',
    ],
    [
      'half of a surrogate pair',
      [{ slice: 'notes', value: { a: '\ud800' } }],
      'changes[0].value: it holds text that is not Unicode: half of a surrogate pair',
    ],
    ['one part twice', [setCart(CART), setCart({})], 'changes[1]: the slice "cart" is there twice'],
  ])('B1 a value with %s is refused, and the message says where', async (_what, changes, message) => {
    const ref = await opened();
    expect(await update(ref, 1, changes)).toMatchObject({ code: 'invalid_argument', message });
    expect(api.counted).toContain('write billing invalid');
    expect(await session(ref)).toMatchObject({ version: 1 });
  });

  test.each([31, 90, 5_000])('A5 a value nested %i levels deep is refused', async (depth) => {
    const ref = await opened();
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const answer = await update(ref, 1, [{ slice: 'notes', value: JSON.parse(deep) as JsonValue }]);
    expect(answer.code).toBe('invalid_argument');
  });

  test('a value nested as deeply as may be is read back by every protocol', async () => {
    const ref = await opened();
    const value = JSON.parse(`${'{"a":'.repeat(30)}1${'}'.repeat(30)}`) as JsonValue;
    expect(await update(ref, 1, [{ slice: 'notes', value }], billing, overGrpc)).toMatchObject({
      code: 'ok',
    });
    for (const [, caller] of PROTOCOLS) {
      const { body } = await call('getSession', { ref }, operator, caller);
      expect(body['session']).toMatchObject({ slices: { notes: value } });
    }
  });

  test('A5 a session that would be larger than session.maxBytes is refused with both sizes', async () => {
    const ref = await opened();
    const answer = await update(ref, 1, [{ slice: 'notes', value: 'x'.repeat(16_384) }]);
    expect(answer.code).toBe('failed_precondition');
    expect(answer.message).toMatch(/^the session would be \d{5} bytes; session\.maxBytes allows 16384$/);
    expect(api.counted).toContain('write billing too_large');
  });

  test('E2 names that objects inherit are names like any other', async () => {
    const ref = await opened();
    const value = JSON.parse('{"__proto__":{"isAdmin":true},"constructor":1}') as JsonValue;
    expect(await update(ref, 1, [{ slice: 'notes', value }])).toMatchObject({ code: 'ok' });
    const { slices } = await document(ref);
    expect(JSON.stringify(slices['notes'])).toBe('{"__proto__":{"isAdmin":true},"constructor":1}');
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    for (const slice of ['__proto__', 'constructor', 'toString']) {
      expect(await update(ref, 2, [{ slice, value: 1 }])).toMatchObject({ code: 'permission_denied' });
    }
  });

  test('A3 E6 a session that has ended is never written', async () => {
    const ref = await opened();
    await call('revokeSession', { ref, reason: 'test' }, operator);
    expect(await update(ref, 1, [setCart(CART)])).toMatchObject({
      code: 'failed_precondition',
      message: 'ref: the session has ended: revoked',
    });
    expect(await update(ABSENT_REF, 1, [setCart(CART)])).toMatchObject({ code: 'not_found' });
    const late = await opened();
    const end = Date.now() + 60 * 60_000;
    api.deps.nowMs = () => end - 30 * 60_000;
    expect(await update(late, 1, [setCart(CART)])).toMatchObject({
      message: 'ref: the session has ended: idle_timeout',
    });
    api.deps.nowMs = () => end;
    expect(await update(late, 1, [setCart(CART)])).toMatchObject({
      message: 'ref: the session has ended: absolute_timeout',
    });
    expect(api.counted.filter((line) => line === 'write billing no_session')).toHaveLength(4);
  });

  test('E6 a revocation that comes between the read and the write wins', async () => {
    const ref = await opened();
    const { store } = api.deps;
    api.deps.store = {
      ...store,
      read: async (asked) => {
        const lookup = await store.read(asked);
        await call('revokeSession', { ref, reason: 'racing' }, operator);
        return lookup;
      },
    };
    expect(await update(ref, 1, [setCart(CART)])).toMatchObject({ code: 'failed_precondition' });
    expect(await store.read(ref)).toMatchObject({ state: 'revoked' });
  });

  test('D2 where the store does not answer, the write is UNAVAILABLE and counted as failed', async () => {
    const ref = await opened();
    await api.deps.store.close();
    expect(await update(ref, 1, [setCart(CART)])).toMatchObject({ code: 'unavailable' });
    expect(api.counted).toContain('write billing failed');
  });

  test('C1 B1 whatever an app asks for, no part outside its writes ever changes', async () => {
    const ref = await opened();
    const name = fc.constantFrom('cart', 'notes', 'locale', 'profile', 'email_domain', 'constructor');
    const change = fc.oneof(
      fc.record({ slice: name, value: fc.jsonValue({ maxDepth: 2 }) }, { requiredKeys: ['slice'] }),
      fc.record(
        { attribute: name, value: fc.oneof(fc.constantFrom('de', 'en'), fc.jsonValue({ maxDepth: 1 })) },
        { requiredKeys: ['attribute'] },
      ),
    );
    let version = 1;
    const first = await document(ref);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const before = await document(ref);
        const answer: Answer = await update(ref, version, changes as JsonValue[]);
        const after = await document(ref);
        if (answer.code === 'ok') version += 1;
        else expect(after).toEqual(before);
        expect(outsideWrites(after)).toEqual(outsideWrites(first));
      }),
      { numRuns: 150 },
    );
    expect(version).toBeGreaterThan(1);
  });

  function outsideWrites({ slices, attributes, ...rest }: SessionDocument): unknown {
    const without = (parts: object, written: readonly string[]) =>
      Object.entries(parts).filter(([name]) => !written.includes(name));
    return { slices: without(slices, ['cart', 'notes']), attributes: without(attributes, ['locale']), rest };
  }
});

describe('what an app sees', () => {
  test('C1 is what its configuration names, and nothing more', async () => {
    const ref = await opened();
    await update(ref, 1, [setCart(CART), { slice: 'notes', value: 'secret' }]);
    expect(await session(ref, billing)).toEqual({
      ref,
      state: 'SESSION_STATE_ACTIVE',
      version: 2,
      identity: { issuer: issuers.idp.issuer, subject: 'alice' },
      scopes: ['invoices:read', 'invoices:write'],
      attributes: { email_domain: 'example.com' },
      slices: { cart: CART },
      expires_at: expect.any(String) as string,
    });
    expect(await session(ref, support)).toEqual({
      ref,
      state: 'SESSION_STATE_ACTIVE',
      version: 2,
      identity: { issuer: issuers.idp.issuer, subject: 'alice' },
      slices: { cart: CART },
      expires_at: expect.any(String) as string,
    });
  });

  test('C1 of a session that has ended is its state and nothing else', async () => {
    const ref = await opened();
    await call('revokeSession', { ref, reason: 'test' }, operator);
    expect(await session(ref, billing)).toEqual({ ref, state: 'SESSION_STATE_REVOKED' });
  });
});

describe('TouchSession', () => {
  test('A5 slides the idle timeout, and changes no version', async () => {
    const ref = await opened();
    const nowMs = Date.now() + 20 * 60_000;
    api.deps.nowMs = () => nowMs;
    const { body } = await call('touchSession', { ref }, billing);
    expect(body['idle_expires_at']).toBe(new Date(nowMs + 30 * 60_000).toISOString());
    api.deps.nowMs = () => nowMs + 20 * 60_000;
    expect(await session(ref)).toMatchObject({ state: 'SESSION_STATE_ACTIVE', version: 1 });
  });

  test('A5 never tells an end behind the absolute timeout', async () => {
    const ref = await opened();
    const { expiresAtMs } = await document(ref);
    api.deps.nowMs = () => expiresAtMs - 40 * 60_000;
    await call('touchSession', { ref }, billing);
    api.deps.nowMs = () => expiresAtMs - 15 * 60_000;
    const { body } = await call('touchSession', { ref }, billing);
    expect(body['idle_expires_at']).toBe(new Date(expiresAtMs).toISOString());
  });

  test('E6 revives nothing', async () => {
    const ref = await opened();
    await call('revokeSession', { ref, reason: 'test' }, operator);
    expect(await call('touchSession', { ref }, billing)).toMatchObject({ code: 'failed_precondition' });
    expect(await call('touchSession', { ref: ABSENT_REF }, billing)).toMatchObject({ code: 'not_found' });
    expect(await session(ref)).toMatchObject({ state: 'SESSION_STATE_REVOKED' });
  });
});
