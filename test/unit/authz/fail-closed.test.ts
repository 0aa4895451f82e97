/** E3, by force: every part that a decision rests on is made to fail in every way, and nothing passes for it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/authz/answer.ts';
import type { SessionReader } from '../../../src/authz/authorize.ts';
import { createChecker } from '../../../src/authz/checker.ts';
import type { Policy } from '../../../src/authz/policy.ts';
import { REASONS, type Reason } from '../../../src/authz/reason.ts';
import { mayBeOpen, type RouteTable } from '../../../src/authz/routes.ts';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';
import type { RateCounter } from '../../../src/session/rate-limit.ts';
import { StoreError, type SessionLookup } from '../../../src/session/store.ts';
import {
  createSessionTokenMinter,
  type MintedToken,
  type SessionTokenMinter,
} from '../../../src/token/mint.ts';
import { createTokenRenewals } from '../../../src/token/renewal.ts';
import { createScene, HOUR, NOW, request, revoke, type RouteInput } from './scene.ts';

const ROUTES: readonly RouteInput[] = [
  { match: { path: '/public' }, require: { public: true } },
  { match: { path: '/optional' }, require: { optional: true } },
  { match: { path: '/session' }, require: { session: true } },
  { match: { path: '/scoped/{tenant}' }, require: { all: ['tenant:{tenant}:read'] } },
  { match: { path: '/signed' }, require: { session: true }, app: 'signed' },
  { match: { path: '/strict' }, require: { session: true }, authentication: { acr: ['gold'], maxAge: '1h' } },
  { match: { path: '/shadow' }, require: { all: ['nobody:has:this'] }, mode: 'shadow' },
];
const rate = { limit: 1_000_000, window: '1s' };
const scene = await createScene({
  apps: { signed: { assertion: true } },
  routes: ROUTES,
  rateLimits: { perAddress: rate, perSession: rate, perSubject: rate },
});
const CSRF = 'b2xkLWZyaWVuZHMtYXJlLWJlc3Q';
const alice = await scene.open({
  scopes: ['tenant:acme:read'],
  authentication: { atMs: NOW, acr: 'gold' },
  csrfToken: CSRF,
});
const bob = await scene.open({
  identity: { provider: 'main', issuer: 'https://idp.example.com', subject: 'bob' },
  scopes: ['tenant:acme:read', 'nobody:has:this'],
});
const carol = await scene.open({ scopes: ['tenant:acme:read'] });
await revoke(scene, carol.ref);
const live = await scene.store.read(alice.ref);
if (live.state !== 'live') throw new Error(live.state);
const { session } = live;
/** A well-formed ref that none of the requests asks for. */
const nobody = sessionRef(createSessionId(partitionOf('https://idp.example.com', 'nobody')));

/** How a part answers one call: a sound answer, or a fault. `late` settles once the check is over. */
type Behaviour<T> =
  { readonly kind: 'sound' | 'late' | 'never' } | { readonly kind: 'fault'; readonly answer: () => T };

/** Runs after a check was answered. */
type Later = (() => void)[];

function behave<T>(behaviour: Behaviour<T>, sound: () => T, later: Later): T {
  if (behaviour.kind === 'sound') return sound();
  if (behaviour.kind === 'fault') return behaviour.answer();
  const { promise, resolve } = Promise.withResolvers<unknown>();
  if (behaviour.kind === 'late') later.push(() => resolve(sound()));
  return promise as T;
}

const anyError = fc
  .constantFrom<unknown>(
    new Error('fault'),
    new StoreError('ERR_STORE_TIMEOUT', 'slow'),
    new StoreError('ERR_STORE_UNAVAILABLE', 'gone'),
    new RangeError('fault'),
    'text',
    undefined,
    null,
    { valid: true, state: 'live', decision: 'allow' },
  )
  .map((thrown) => thrown as Error);

/** Values that have nothing to do with what was asked for. */
const anyJunk = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    1,
    '',
    'allow',
    'live',
    'public',
    [],
    {},
    () => true,
    Symbol('junk'),
  ),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
);

/** Throws, rejects, or answers with junk or with one of `malformed`, at once, later, or as an odd thenable. */
function faults<T>(malformed: fc.Arbitrary<unknown>): fc.Arbitrary<Behaviour<T>> {
  const thrown = anyError.map((error) => () => {
    throw error;
  });
  const rejected = anyError.map((error) => () => Promise.reject(error));
  const junk = fc.oneof(anyJunk, malformed);
  const answered = junk.map((value) => () => value);
  const resolved = junk.map((value) => () => Promise.resolve(value));
  const failsThenAnswers = junk.map((value) => () => ({
    then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
      reject(new Error('first'));
      resolve(value);
    },
  }));
  const throwsInThen = fc.constant(() => ({
    then() {
      throw new Error('no promise');
    },
  }));
  return fc
    .oneof(thrown, rejected, answered, resolved, failsThenAnswers, throwsInThen)
    .map((answer) => ({ kind: 'fault' as const, answer: answer as () => T }));
}

/** For a part that answers at once: it throws, or answers with junk. */
function plainFaults<T>(malformed: fc.Arbitrary<unknown>): fc.Arbitrary<Behaviour<T>> {
  const thrown = anyError.map((error) => () => {
    throw error;
  });
  const answered = fc.oneof(anyJunk, malformed).map((value) => () => value);
  return fc.oneof(thrown, answered).map((answer) => ({ kind: 'fault', answer: answer as () => T }));
}

const sound = fc.constant({ kind: 'sound' as const });
const silent = fc.constantFrom({ kind: 'late' as const }, { kind: 'never' as const });

function behaviours<T>(malformed: fc.Arbitrary<unknown>): fc.Arbitrary<Behaviour<T>> {
  return fc.oneof(
    { weight: 4, arbitrary: sound },
    { weight: 4, arbitrary: faults<T>(malformed) },
    { weight: 1, arbitrary: silent },
  );
}

const withoutOne = (value: object) =>
  fc
    .constantFrom(...Object.keys(value))
    .map((key) => Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)));

/**
 * Sessions that are not alice's, or not sessions, or over. None agrees with a malformed verdict, say on a ref that is
 * undefined: two parts that agree can't be told from two that are sound.
 */
const LOOKUPS: readonly unknown[] = [
  { state: 'live' },
  { state: 'live', session: undefined },
  { state: 'LIVE', session },
  { state: ['live'], session },
  { session },
  session,
  { state: 'live', session: { ...session, ref: nobody } },
  { state: 'live', session: { ...session, ref: null } },
  { state: 'live', session: { ...session, document: undefined } },
  { state: 'live', session: { ...session, document: { ...session.document, expiresAtMs: NOW } } },
  { state: 'live', session: { ...session, document: { ...session.document, expiresAtMs: NaN } } },
  { state: 'live', session: { ...session, lastSeenAtMs: NOW - HOUR } },
  { state: 'live', session: { ...session, lastSeenAtMs: undefined } },
  { valid: true, session },
  [live],
];
const VERDICTS: readonly unknown[] = [
  { valid: true },
  { valid: true, claims: undefined },
  { valid: true, claims: {} },
  { valid: true, claims: { ref: '' } },
  { valid: true, claims: { ref: bob.ref.toUpperCase() } },
  { valid: 'yes' },
  { claims: { ref: alice.ref } },
  { valid: false },
  { valid: false, reason: 'nonsense' },
  { valid: false, reason: '__proto__' },
  { valid: undefined, claims: { ref: alice.ref } },
];
const MATCHES: readonly unknown[] = [
  { route: undefined, parameters: {} },
  { route: null },
  { route: {}, parameters: {} },
  { route: { access: 'nonsense', mode: 'nonsense' }, parameters: {} },
  { route: { access: 'session', mode: 'enforce' } },
  { parameters: {} },
  'ambiguous',
  'allow',
];
const TAKEN: readonly unknown[] = [
  {},
  { allowed: undefined },
  { allowed: 'true' },
  { allowed: 1 },
  { allowed: false },
  { allowed: false, by: 'nonsense', retryAfterMs: NaN },
  [{ allowed: true }],
  { retryAfterMs: 0 },
];
/** A fresh token is worth less than the check that it comes with: none of these may change how that ends. */
const MINTED: readonly unknown[] = [
  {},
  { token: '' },
  { token: 7 },
  { token: 'a.b' },
  { token: 'a.b.c; Domain=evil.example' },
  { token: 'a.b.c\r\nx-session-subject: root' },
  ['a.b.c'],
];
const ASSERTIONS: readonly unknown[] = [
  '',
  ' ',
  'a.b',
  'a.b.c\r\nx-session-subject: root',
  'é.é.é',
  {},
  ['a.b.c.d'],
];

const malformedLookup = fc.oneof(
  fc.constantFrom(...LOOKUPS),
  withoutOne(session)
    .map((broken) => ({ state: 'live', session: broken }))
    .filter(({ session: broken }) => 'version' in broken && 'ref' in broken),
);

const faultyParts = fc.record({
  table: fc.oneof(
    { weight: 3, arbitrary: sound },
    { weight: 1, arbitrary: plainFaults<ReturnType<RouteTable['match']>>(fc.constantFrom(...MATCHES)) },
  ),
  verifier: behaviours<ReturnType<Policy['tokens']['verify']>>(fc.constantFrom(...VERDICTS)),
  store: behaviours<ReturnType<SessionReader['read']>>(malformedLookup),
  signer: behaviours<ReturnType<Policy['assertions']['sign']>>(fc.constantFrom(...ASSERTIONS)),
  counter: behaviours<ReturnType<RateCounter['take']>>(fc.constantFrom(...TAKEN)),
  minter: behaviours<ReturnType<SessionTokenMinter['mintSessionToken']>>(fc.constantFrom(...MINTED)),
});
type Parts = typeof faultyParts extends fc.Arbitrary<infer T> ? T : never;
const FAULTLESS: Parts = {
  table: { kind: 'sound' },
  verifier: { kind: 'sound' },
  store: { kind: 'sound' },
  signer: { kind: 'sound' },
  counter: { kind: 'sound' },
  minter: { kind: 'sound' },
};
const parts = fc.oneof(
  { weight: 3, arbitrary: faultyParts },
  { weight: 1, arbitrary: fc.constant(FAULTLESS) },
);

const credentials = {
  alice: alice.bearer,
  'alice, by her browser': { ...alice.cookie, 'x-csrf-token': CSRF },
  'alice, by a browser that was talked into it': alice.cookie,
  'bob, whose scopes are more': bob.bearer,
  'carol, who was revoked': carol.bearer,
  'a broken token': { authorization: `Bearer ${alice.token.slice(0, -10)}AAAAAAAAAA` },
  'two tokens': { ...alice.bearer, cookie: `__Host-session=${bob.token}` },
  none: {},
};
const asked = fc.record({
  path: fc.constantFrom(
    '/public',
    '/optional',
    '/session',
    '/scoped/acme',
    '/scoped/other',
    '/signed',
    '/strict',
    '/shadow',
    '/nowhere',
  ),
  method: fc.constantFrom('GET', 'POST'),
  who: fc.constantFrom(...(Object.keys(credentials) as (keyof typeof credentials)[])),
});
type Asked = typeof asked extends fc.Arbitrary<infer T> ? T : never;

const minter = createSessionTokenMinter({
  keyRing: () => scene.ring,
  issuer: 'https://sessions.example.com',
  audience: 'https://sessions.example.com',
});
/** At half the life of every token here. */
const LATER = NOW + HOUR / 2;

/** Deadlines of checks that are to pass, on a machine that has much else to do: where nothing hangs, and where the minter may. */
const UNHURRIED_MS = 10_000;
const PATIENT_MS = 250;

async function check(
  { path, method, who }: Asked,
  faulty: Parts,
  deadlineMs = 10,
): Promise<{ answer: Answer; reports: number }> {
  const later: Later = [];
  const { policy } = scene;
  const broken: Policy = {
    ...policy,
    idleTimeoutMs: HOUR,
    routes: {
      ...policy.routes,
      match: (...of) => behave(faulty.table, () => policy.routes.match(...of), later),
    },
    tokens: { verify: (...of) => behave(faulty.verifier, () => policy.tokens.verify(...of), later) },
    assertions: { sign: (of) => behave(faulty.signer, () => policy.assertions.sign(of), later) },
  };
  let reports = 0;
  const faultyMinter: SessionTokenMinter = {
    mintSessionToken: (of) => behave(faulty.minter, () => minter.mintSessionToken(of), later),
  };
  const checker = createChecker({
    policy: () => broken,
    limits: () => ({ deadlineMs, maxInFlight: 1 }),
    sessions: { read: (ref) => behave(faulty.store, () => scene.store.read(ref), later) },
    rates: { take: (takes) => behave(faulty.counter, () => scene.store.take(takes), later) },
    renewals: createTokenRenewals({
      minter: () => faultyMinter,
      ttlMs: () => HOUR,
      onIssued: () => undefined,
      onFailure: () => undefined,
    }),
    now: () => LATER,
    report: () => (reports += 1),
    used: () => undefined,
  });
  const answer = await checker.check(request({ path, method, headers: { ...credentials[who] } }));
  later.forEach((settle) => settle());
  await new Promise(setImmediate);
  return { answer, reports };
}

/** Why a request may pass; undefined where it must not. Written from the product's page, not from the code. */
function expectedPass(
  { path, method, who }: Asked,
  { table, verifier, store, signer, counter }: Parts,
): 'identity' | 'nobody' | undefined {
  if (table.kind !== 'sound' || counter.kind !== 'sound') return undefined;
  if (path === '/public') return 'nobody';
  const isForged = who === 'alice, by a browser that was talked into it' && method === 'POST';
  const isBob = who === 'bob, whose scopes are more';
  const isPerson = isBob || who.startsWith('alice');
  const found = isPerson && verifier.kind === 'sound' && store.kind === 'sound';
  const valid = found && !isForged;
  switch (path) {
    case '/nowhere':
    case '/scoped/other':
      return undefined;
    case '/session':
    case '/scoped/acme':
      return valid ? 'identity' : undefined;
    case '/signed':
      return valid && signer.kind === 'sound' ? 'identity' : undefined;
    case '/strict':
      return valid && !isBob ? 'identity' : undefined;
    case '/optional':
      // Where the store says that her session is over, she is a visitor like any other.
      return valid ? 'identity' : found ? undefined : 'nobody';
    case '/shadow':
      return valid && isBob ? 'identity' : 'nobody';
  }
}

function verdictOf(answer: Answer): 'identity' | 'nobody' | undefined {
  if (!answer.allowed) return undefined;
  return answer.set.some(([name]) => name.startsWith('x-session-')) ? 'identity' : 'nobody';
}

describe('E3 no fault of any part becomes an allow', () => {
  it('whatever store, verifier, route table and signer do', { timeout: 120_000 }, async () => {
    const passed = new Set<string>();
    await fc.assert(
      fc.asyncProperty(asked, parts, async (wanted, faulty) => {
        const { answer, reports } = await check(wanted, faulty);
        const [verdict, allowed] = [verdictOf(answer), expectedPass(wanted, faulty)];
        expect(reports).toBe(1);
        passed.add(`${wanted.path} ${verdict ?? 'refused'}`);
        if (verdict === undefined) {
          if (answer.allowed) throw new Error('unreachable');
          const { reason } = answer.metadata as { reason: Reason };
          expect(answer.status).toBe(REASONS[reason].status);
          return;
        }
        expect(verdict).toBe(allowed);
        const person = wanted.who.startsWith('alice') ? alice : bob;
        expect(answer.metadata['ref']).toBe(verdict === 'identity' ? person.ref : undefined);
      }),
      { numRuns: 2_000 },
    );
    // What never passed would have shown nothing.
    expect([...passed].sort()).toEqual([
      '/nowhere refused',
      '/optional identity',
      '/optional nobody',
      '/optional refused',
      '/public nobody',
      '/public refused',
      '/scoped/acme identity',
      '/scoped/acme refused',
      '/scoped/other refused',
      '/session identity',
      '/session refused',
      '/shadow identity',
      '/shadow nobody',
      '/shadow refused',
      '/signed identity',
      '/signed refused',
      '/strict identity',
      '/strict refused',
    ]);
  });

  it.each<[string, readonly unknown[], keyof Parts]>([
    ['lookup', LOOKUPS, 'store'],
    ['verdict', VERDICTS, 'verifier'],
    ['match', MATCHES, 'table'],
    ['assertion', ASSERTIONS, 'signer'],
    ['count', TAKEN, 'counter'],
  ])('no malformed %s, one by one', async (_, answers, part) => {
    for (const malformed of answers) {
      for (const path of [
        '/session',
        '/scoped/acme',
        '/signed',
        '/strict',
        '/optional',
        '/shadow',
      ] as const) {
        const faulty = { kind: 'fault', answer: () => malformed as never } as const;
        const broken = { ...FAULTLESS, [part]: faulty };
        const wanted = { path, method: 'GET', who: 'alice' } as const;
        const { answer } = await check(wanted, broken);
        const verdict = verdictOf(answer);
        if (verdict !== undefined)
          expect([malformed, path, verdict]).toEqual([malformed, path, expectedPass(wanted, broken)]);
      }
    }
  });

  it(
    'D2 what fails is an error, also where a request without a session would pass',
    { timeout: 120_000 },
    async () => {
      const failing = fc.oneof(
        anyError.map((error) => () => Promise.reject(error)),
        anyError.map((error) => () => {
          throw error;
        }),
        fc
          .constantFrom<unknown>(undefined, null, {}, { state: 'LIVE' }, 'live')
          .map((value) => () => Promise.resolve(value)),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom('/optional', '/shadow', '/session'),
          failing,
          async (path, answer) => {
            const store: Behaviour<Promise<SessionLookup>> = {
              kind: 'fault',
              answer: answer as () => Promise<SessionLookup>,
            };
            const result = await check({ path, method: 'GET', who: 'alice' }, { ...FAULTLESS, store });
            expect(result.answer).toMatchObject({
              allowed: false,
              status: 503,
              metadata: { decision: 'error' },
            });
          },
        ),
      );
    },
  );

  it('and no fault of the renewal of tokens becomes a deny', { timeout: 60_000 }, async () => {
    const wanted = { path: '/session', method: 'GET', who: 'alice, by her browser' } as const;
    const fresh: Behaviour<Promise<MintedToken>> = {
      kind: 'fault',
      answer: () => Promise.resolve({ token: 'a.b.c', expiresAtMs: LATER + HOUR }),
    };
    expect((await check(wanted, { ...FAULTLESS, minter: fresh }, UNHURRIED_MS)).answer).toMatchObject({
      allowed: true,
      cookies: [expect.stringMatching(/^__Host-session=a\.b\.c; /), expect.stringMatching(/^__Host-csrf=/)],
    });
    const failing = fc.oneof(faults<Promise<MintedToken>>(fc.constantFrom(...MINTED)), silent);
    await fc.assert(
      fc.asyncProperty(failing, async (minterFault) => {
        const { answer } = await check(wanted, { ...FAULTLESS, minter: minterFault }, PATIENT_MS);
        expect(answer).toMatchObject({ allowed: true, metadata: { ref: alice.ref } });
        expect(answer).not.toHaveProperty('cookies');
      }),
    );
  });

  it('the parts together let in who should be in', async () => {
    for (const { match } of ROUTES) {
      for (const who of Object.keys(credentials) as (keyof typeof credentials)[]) {
        const wanted = { path: match.path.replace('{tenant}', 'acme'), method: 'GET', who } as Asked;
        const { answer } = await check(wanted, FAULTLESS, UNHURRIED_MS);
        const ambiguous = who === 'two tokens' && match.path === '/optional';
        expect([wanted, verdictOf(answer)]).toEqual([
          wanted,
          ambiguous ? undefined : expectedPass(wanted, FAULTLESS),
        ]);
      }
    }
  });
});

describe('E3 no request talks its way in', () => {
  const piece = fc.constantFrom(
    'public',
    'session',
    'scoped',
    'acme',
    'signed',
    'optional',
    'shadow',
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2f',
    ';',
    '?',
    '#',
    '%00',
    '*',
    ' ',
  );
  const path = fc.oneof(
    fc.array(piece).map((all) => `/${all.join('')}`),
    fc.string({ unit: 'binary' }),
    fc.webPath(),
  );
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }));
  const header = fc.tuple(
    fc.oneof(
      fc.constantFrom(
        'authorization',
        'cookie',
        'x-session-subject',
        'x-original-url',
        'x-http-method-override',
        'host',
        ':path',
        '__proto__',
      ),
      text,
    ),
    fc.oneof(
      fc.constantFrom('Bearer x', '__Host-session=x', 'Bearer ', 'Bearer x,Bearer y', '/public', alice.ref),
      text,
    ),
  );
  const extension = fc.tuple(
    fc.oneof(
      fc.constantFrom('singlestate.app', 'singlestate.require', 'singlestate.access', '__proto__'),
      text,
    ),
    fc.oneof(fc.constantFrom('signed', 'public', ''), text),
  );
  const wild = fc.record({
    transport: fc.constantFrom('grpc', 'http'),
    method: fc.oneof(fc.constantFrom('GET', 'HEAD', 'PUT', 'CONNECT', 'get', ''), text),
    host: fc.oneof(fc.constantFrom('app.example.com', 'x', '', '*', 'public'), fc.domain(), text),
    path,
    address: fc.oneof(fc.constantFrom('192.0.2.1', undefined), text),
    headers: fc.array(header).map((all) => new Map(all)),
    contextExtensions: fc.oneof(
      fc.constant(new Map<string, string>()),
      fc.array(extension).map((all) => new Map(all)),
    ),
  });

  it(
    'without a session only where a route is open, and without an identity',
    { timeout: 60_000 },
    async () => {
      for (const contextExtensions of ['narrow', 'trust', 'ignore'] as const) {
        const policy = { ...scene.policy, contextExtensions };
        await fc.assert(
          fc.asyncProperty(wild, async (asking) => {
            const decision = await scene.decide(asking, NOW, scene.store, policy);
            if (decision.decision !== 'allow') return;
            expect(mayBeOpen(decision.route)).toBe(true);
            expect(decision.session).toBeUndefined();
          }),
          { numRuns: 1_000 },
        );
      }
    },
  );

  it('with a session only as that session', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(wild, async (asking) => {
        const headers = new Map([...asking.headers, ['authorization', alice.bearer.authorization]]);
        const decision = await scene.decide({ ...asking, headers });
        if (decision.decision !== 'allow') return;
        if (decision.session === undefined) expect(mayBeOpen(decision.route)).toBe(true);
        else expect(decision.session.ref).toBe(alice.ref);
      }),
      { numRuns: 1_000 },
    );
  });
});
