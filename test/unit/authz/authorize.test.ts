import { describe, expect, it } from 'vitest';
import { WrongSessionError } from '../../../src/authz/authorize.ts';
import { StoreError, type SessionLookup } from '../../../src/session/store.ts';
import { createScene, HOUR, NOW, request, revoke, type RouteInput } from './scene.ts';

const scoped: RouteInput[] = [
  { match: { path: '/session' }, require: { session: true } },
  { match: { path: '/invoices/{tenant}' }, require: { all: ['invoices:read', 'tenant:{tenant}:read'] } },
  { match: { path: '/any' }, require: { any: ['a', 'b'] } },
  { match: { path: '/optional' }, require: { optional: true } },
  { match: { path: '/public' }, require: { public: true } },
];
const shadows = scoped.map(({ match, require }): RouteInput => ({
  match: { path: `/shadow${match.path}` },
  require,
  mode: 'shadow',
}));
const scene = await createScene({ routes: [...scoped, ...shadows] });
const alice = await scene.open({ scopes: ['invoices:*', 'tenant:acme:read', 'b'] });

async function outcome(path: string, headers: Readonly<Record<string, string>> = alice.bearer, nowMs = NOW) {
  const decision = await scene.decide(request({ path, headers }), nowMs);
  const who = decision.decision === 'allow' && decision.session !== undefined ? ' as alice' : '';
  return `${decision.decision}${who}${decision.reason === undefined ? '' : `: ${decision.reason}`}`;
}

describe('a session passes where it has what the route requires', () => {
  it.each([
    ['/session', 'allow as alice'],
    ['/invoices/acme', 'allow as alice'],
    ['/invoices/other', 'deny: insufficient_scope'],
    ['/invoices/acme%3Aread', 'deny: insufficient_scope'],
    ['/invoices/*', 'deny: insufficient_scope'],
    ['/any', 'allow as alice'],
    ['/optional', 'allow as alice'],
    ['/public', 'allow'],
    ['/nowhere', 'deny: no_route'],
    ['/', 'deny: no_route'],
  ])('%s: %s', async (path, expected) => {
    expect(await outcome(path)).toBe(expected);
  });

  it('what it lacks is told to the operator as the route writes it', async () => {
    const decision = await scene.decide(request({ path: '/invoices/other', headers: { ...alice.bearer } }));
    expect(decision).toMatchObject({ detail: 'lacks tenant:{tenant}:read', session: { ref: alice.ref } });
  });
});

describe('without a valid session', async () => {
  const revoked = await scene.open({ scopes: ['b'] });
  await revoke(scene, revoked.ref);
  const short = await scene.open({ expiresAtMs: NOW + HOUR / 4 });
  const unknown = await (await createScene({ routes: [] })).open();
  const cookie = (token: string) => ({ cookie: `__Host-session=${token}` });
  const cases: [string, Record<string, string>, number, string][] = [
    ['none', {}, NOW, 'no_credential'],
    ['an empty cookie', cookie(''), NOW, 'malformed_token'],
    ['no JWT', { authorization: 'Bearer hello' }, NOW, 'malformed_token'],
    [
      'an oversized one',
      { authorization: `Bearer ${alice.token}${'A'.repeat(5000)}` },
      NOW,
      'malformed_token',
    ],
    [
      'another signature',
      cookie(alice.token.replace(/[^.]+$/, unknown.token.split('.')[2] ?? '')),
      NOW,
      'bad_signature',
    ],
    ['an old one', alice.bearer, NOW + HOUR, 'expired_token'],
    ['of a session that never was', unknown.bearer, NOW, 'unknown_session'],
    ['of a revoked session', revoked.bearer, NOW, 'revoked'],
    ['of an idle session', alice.bearer, NOW + HOUR / 2, 'idle_timeout'],
    ['two that differ', { ...alice.bearer, ...cookie(revoked.token) }, NOW, 'ambiguous_credential'],
  ];

  it.each(cases)('%s: 401 with its reason', async (_, headers, nowMs, reason) => {
    expect(await outcome('/session', headers, nowMs)).toBe(`deny: ${reason}`);
    expect(await outcome('/invoices/acme', headers, nowMs)).toBe(`deny: ${reason}`);
  });

  it('of a session that is at its end', async () => {
    // The token ends with its session, so it is the session's end that a store with another clock would show.
    const { store, policy } = scene;
    const lookup = await store.read(short.ref);
    if (lookup.state !== 'live') throw new Error(lookup.state);
    const sessions = { read: () => Promise.resolve(lookup) };
    const tokens = {
      verify: () => ({
        valid: true as const,
        claims: { sessionId: '' as never, ref: short.ref, issuedAtMs: 0, expiresAtMs: 0 },
      }),
    };
    const asked = request({ path: '/session', headers: { ...short.bearer } });
    const decide = (nowMs: number) => scene.decide(asked, nowMs, sessions, { ...policy, tokens });
    expect(await decide(NOW + HOUR / 4 - 1)).toMatchObject({ decision: 'allow' });
    expect(await decide(NOW + HOUR / 4)).toMatchObject({ decision: 'deny', reason: 'absolute_timeout' });
  });

  it.each(cases)(
    '%s: on optional it passes as nobody, unless two differ',
    async (_, headers, nowMs, reason) => {
      const expected = reason === 'ambiguous_credential' ? 'deny' : 'allow';
      expect(await outcome('/optional', headers, nowMs)).toBe(`${expected}: ${reason}`);
    },
  );

  it.each(cases)('%s: on public it is not looked at', async (_, headers, nowMs) => {
    expect(await outcome('/public', headers, nowMs)).toBe('allow');
  });

  it.each(cases)(
    'D10 %s: in shadow mode it passes as nobody, with what would have been',
    async (_, headers, nowMs, reason) => {
      for (const path of ['/shadow/session', '/shadow/invoices/acme', '/shadow/any', '/shadow/optional']) {
        expect(await outcome(path, headers, nowMs)).toBe(`allow: ${reason}`);
      }
    },
  );
});

describe('D10 shadow mode', () => {
  it('reports a scope that is missing, and passes the request as nobody', async () => {
    expect(await outcome('/shadow/invoices/other')).toBe('allow: insufficient_scope');
  });

  it('passes a session that has all of it as itself', async () => {
    expect(await outcome('/shadow/session')).toBe('allow as alice');
    expect(await outcome('/shadow/invoices/acme')).toBe('allow as alice');
  });

  it('does not open what no route matches', async () => {
    expect(await outcome('/shadow/nowhere')).toBe('deny: no_route');
    expect(await outcome('/shadow/sessio%6E')).toBe('deny: no_route');
  });

  it('leaves an error an error', async () => {
    const failing = { read: () => Promise.reject(new StoreError('ERR_STORE_UNAVAILABLE', 'gone')) };
    const asked = request({ path: '/shadow/session', headers: { ...alice.bearer } });
    await expect(scene.decide(asked, NOW, failing)).rejects.toThrow(StoreError);
  });
});

describe('the store is asked late and little', () => {
  it('not on public, not without a token, not with a token that is not good', async () => {
    const never = { read: () => Promise.reject(new Error('asked')) };
    for (const headers of [{}, { authorization: 'Bearer x' }, { cookie: '__Host-session=y' }]) {
      expect(await scene.decide(request({ path: '/session', headers }), NOW, never)).toMatchObject({
        decision: 'deny',
      });
    }
    expect(
      await scene.decide(request({ path: '/public', headers: { ...alice.bearer } }), NOW, never),
    ).toMatchObject({
      decision: 'allow',
    });
  });

  it('D4 a corrupt document is no session', async () => {
    const corrupt: SessionLookup = { state: 'corrupt', problem: 'document: missing', removable: true };
    const asked = request({ path: '/session', headers: { ...alice.bearer } });
    const decision = await scene.decide(asked, NOW, { read: () => Promise.resolve(corrupt) });
    expect(decision).toMatchObject({ decision: 'deny', reason: 'corrupt_session' });
  });

  it("E2 an answer that is somebody else's session is a fault, on every route", async () => {
    const bob = await scene.open({
      identity: { provider: 'main', issuer: 'https://idp.example.com', subject: 'bob' },
    });
    const mixed = { read: () => scene.store.read(bob.ref) };
    for (const path of ['/session', '/optional', '/shadow/session']) {
      const asked = request({ path, headers: { ...alice.bearer } });
      await expect(scene.decide(asked, NOW, mixed)).rejects.toThrow(WrongSessionError);
    }
  });

  it('a time that is no number is over', async () => {
    const lookup = await scene.store.read(alice.ref);
    if (lookup.state !== 'live') throw new Error(lookup.state);
    const { session } = lookup;
    const asked = request({ path: '/session', headers: { ...alice.bearer } });
    for (const odd of [undefined, NaN, null, 'soon', {}]) {
      const without = { ...session, document: { ...session.document, expiresAtMs: odd as never } };
      const unseen = { ...session, lastSeenAtMs: odd as never };
      for (const broken of [without, unseen]) {
        const read = () => Promise.resolve({ state: 'live' as const, session: broken });
        expect(await scene.decide(asked, NOW, { read })).toMatchObject({ decision: 'deny' });
      }
    }
    expect(await scene.decide(asked, NaN)).toMatchObject({ decision: 'deny' });
  });
});

describe('the host', () => {
  it.each(['', 'a b', 'app.example.com/x', '*', 'app..example.com'])('E3 %j has no route', async (host) => {
    const decision = await scene.decide(request({ path: '/public', host }));
    expect(decision).toMatchObject({
      decision: 'deny',
      reason: 'no_route',
      detail: 'the host is no valid authority',
    });
  });

  it('is compared without case, port and trailing dot', async () => {
    const hosted = await createScene({
      routes: [{ match: { host: 'app.example.com', path: '/' }, require: { public: true } }],
    });
    for (const host of ['app.example.com', 'APP.example.com:8443', 'app.example.com.']) {
      expect(await hosted.decide(request({ host }))).toMatchObject({ decision: 'allow' });
    }
    expect(await hosted.decide(request({ host: 'x.app.example.com' }))).toMatchObject({ decision: 'deny' });
  });
});
