/** E11: what is counted, when, and what a limit that is reached means. */
import { describe, expect, it } from 'vitest';
import { addressTakes, limitReached } from '../../../src/authz/rate-limits.ts';
import type { RateCounter, RateOutcome, RateTake } from '../../../src/session/rate-limit.ts';
import { StoreError } from '../../../src/session/store.ts';
import { createScene, request, type ConfigInput, type RouteInput } from './scene.ts';

const ROUTES: readonly RouteInput[] = [
  { match: { path: '/public' }, require: { public: true } },
  { match: { path: '/optional' }, require: { optional: true } },
  { match: { path: '/session' }, require: { session: true } },
  { match: { path: '/scoped' }, require: { all: ['admin'] } },
  { match: { path: '/shadow' }, require: { session: true }, mode: 'shadow' },
];
const PER_ADDRESS = { perAddress: { limit: 3, window: '10s' } };
const PER_SESSION = { perSession: { limit: 2, window: '10s' }, perSubject: { limit: 5, window: '1m' } };

async function start(rateLimits: NonNullable<ConfigInput['rateLimits']>) {
  const scene = await createScene({ routes: ROUTES, rateLimits });
  const alice = await scene.open();
  const order: string[] = [];
  const taken: RateTake[] = [];
  const decide = (path: string, headers: Readonly<Record<string, string>>, outcome?: RateOutcome) =>
    scene.decide(request({ path, headers }), undefined, {
      read: (ref) => {
        order.push('read');
        return scene.store.read(ref);
      },
      take: (takes) => {
        order.push('take');
        taken.push(...takes);
        return outcome === undefined ? scene.store.take(takes) : Promise.resolve(outcome);
      },
    });
  return { scene, alice, order, taken, decide };
}

const REACHED: RateOutcome = { allowed: false, by: 'address', retryAfterMs: 1_500 };
const EVERYWHERE = ['/public', '/optional', '/session', '/scoped', '/shadow'];

describe('without a limit', () => {
  it('nothing is counted', async () => {
    const { alice, taken, decide } = await start({});
    for (const path of EVERYWHERE) await decide(path, alice.bearer);
    expect(taken).toEqual([]);
  });
});

describe('E11 the limit per address', () => {
  it('is counted before the session is read, once a check', async () => {
    const { alice, order, taken, decide } = await start(PER_ADDRESS);
    expect(await decide('/session', alice.bearer)).toMatchObject({ decision: 'allow' });
    expect(order).toEqual(['take', 'read']);
    expect(taken).toEqual([{ kind: 'address', of: '192.0.2.1', limit: 3, windowMs: 10_000 }]);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::1:2:3:4', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::', 'fe80:0:0:0::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    [undefined, 'unknown'],
  ])('counts %s as %s', (address, of) => {
    const perAddress = { limit: 3, window: 10_000 };
    expect(addressTakes({ perAddress }, address)).toEqual([
      { kind: 'address', of, limit: 3, windowMs: 10_000 },
    ]);
  });

  it.each(EVERYWHERE)('also without a session, on %s', async (path) => {
    const { order, decide } = await start(PER_ADDRESS);
    await decide(path, {});
    expect(order).toEqual(['take']);
    expect(await decide(path, {}, REACHED)).toMatchObject({
      decision: 'deny',
      reason: 'rate_limited',
      retryAfterMs: 1_500,
      detail: 'the limit per address is reached',
      route: { name: `*${path}` },
    });
  });

  it('lets so many pass and no more, from each address', async () => {
    const { scene } = await start(PER_ADDRESS);
    const ask = async (address: string | undefined) =>
      (await scene.decide(request({ path: '/public', address }))).reason ?? 'passed';
    const fourTimes = (address: string | undefined) =>
      Promise.all(Array.from({ length: 4 }, () => ask(address)));
    for (const address of ['192.0.2.7', '2001:db8::1', undefined]) {
      const outcomes = await fourTimes(address);
      expect(outcomes.toSorted()).toEqual(['passed', 'passed', 'passed', 'rate_limited']);
    }
    expect(await ask(undefined), 'whoever has no address shares one').toBe('rate_limited');
  });

  it('is not asked about what no route matches: that is denied without the store', async () => {
    const { order, decide } = await start(PER_ADDRESS);
    expect(await decide('/nowhere', {})).toMatchObject({ reason: 'no_route' });
    expect(order).toEqual([]);
  });
});

describe('E11 the limits per session and per subject', () => {
  it('are counted together, once the session is known to be valid', async () => {
    const { alice, order, taken, decide } = await start(PER_SESSION);
    await decide('/session', alice.bearer);
    expect(order).toEqual(['read', 'take']);
    expect(taken).toEqual([
      { kind: 'session', of: alice.ref, limit: 2, windowMs: 10_000 },
      { kind: 'subject', of: '["https://idp.example.com","alice"]', limit: 5, windowMs: 60_000 },
    ]);
  });

  it('are not asked about who has no valid session, nor on a public route', async () => {
    const { alice, taken, decide } = await start(PER_SESSION);
    await decide('/session', {});
    await decide('/session', { authorization: 'Bearer x' });
    await decide('/public', alice.bearer);
    expect(taken).toEqual([]);
  });

  it('each may stand alone', async () => {
    for (const kind of ['perSession', 'perSubject'] as const) {
      const { alice, taken, decide } = await start({ [kind]: PER_SESSION[kind] });
      await decide('/session', alice.bearer);
      expect(taken.map((take) => `per${take.kind}`.toLowerCase())).toEqual([kind.toLowerCase()]);
    }
  });

  it.each(['/session', '/optional', '/scoped', '/shadow'])(
    'hold on %s: they are no rule about who may',
    async (path) => {
      const { alice, decide } = await start(PER_SESSION);
      const decision = await decide(path, alice.bearer, { ...REACHED, by: 'session' });
      expect(decision).toMatchObject({
        decision: 'deny',
        reason: 'rate_limited',
        session: { ref: alice.ref },
        detail: 'the limit per session is reached',
      });
    },
  );

  it('sessions of one subject share the limit of the subject, and no other', async () => {
    const { scene, alice } = await start(PER_SESSION);
    const again = [await scene.open(), await scene.open()];
    const ask = async (headers: Readonly<Record<string, string>>) =>
      (await scene.decide(request({ path: '/session', headers }))).reason ?? 'passed';
    const outcomes: string[] = [];
    for (const { bearer } of [alice, ...again]) outcomes.push(await ask(bearer), await ask(bearer));
    expect(outcomes).toEqual(['passed', 'passed', 'passed', 'passed', 'passed', 'rate_limited']);
    const bob = await scene.open({
      identity: { provider: 'main', issuer: 'https://idp.example.com', subject: 'bob' },
    });
    expect(await ask(bob.bearer)).toBe('passed');
  });
});

describe('E3 a counter that fails lets nobody pass', () => {
  const error = new StoreError('ERR_STORE_UNAVAILABLE', 'gone');

  it.each(EVERYWHERE)('on %s', async (path) => {
    const { scene, alice } = await start({ ...PER_ADDRESS, ...PER_SESSION });
    const failing = { ...scene.store, take: () => Promise.reject(error) };
    const asked = request({ path, headers: { ...alice.bearer } });
    await expect(scene.decide(asked, undefined, failing)).rejects.toBe(error);
  });

  it.each<unknown>([undefined, null, {}, true, { allowed: 'yes' }, { allowed: 1 }, { allowed: undefined }])(
    'nor does one that answers %j',
    async (answer) => {
      const counter = { take: () => Promise.resolve(answer) } as RateCounter;
      await expect(limitReached(counter, [])).rejects.toThrow(TypeError);
    },
  );
});
