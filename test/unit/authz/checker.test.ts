import { describe, expect, it, vi } from 'vitest';
import type { SessionReader } from '../../../src/authz/authorize.ts';
import {
  createChecker,
  type CheckReport,
  type CheckerParts,
  type CheckTrace,
} from '../../../src/authz/checker.ts';
import type { SessionRef } from '../../../src/session/ref.ts';
import { StoreError, type SessionLookup } from '../../../src/session/store.ts';
import type { TokenRenewals } from '../../../src/token/renewal.ts';
import { createScene, HOUR, NOW, request } from './scene.ts';

const scene = await createScene({
  apps: { signed: { assertion: true } },
  routes: [
    { match: { path: '/session' }, require: { session: true } },
    { match: { path: '/signed' }, require: { session: true }, app: 'signed' },
    { match: { path: '/scoped' }, require: { all: ['x'] } },
    { match: { path: '/optional' }, require: { optional: true } },
    { match: { path: '/public' }, require: { public: true } },
    { match: { path: '/shadow' }, require: { session: true }, mode: 'shadow' },
  ],
});
const alice = await scene.open();
const asAlice = (path: string) => request({ path, headers: { ...alice.bearer } });

function start(changes: Partial<CheckerParts> = {}) {
  const reports: CheckReport[] = [];
  const used = vi.fn<CheckerParts['used']>();
  const checker = createChecker({
    policy: () => scene.policy,
    limits: () => ({ deadlineMs: 10_000, maxInFlight: 100 }),
    sessions: scene.store,
    rates: scene.store,
    renewals: { renew: () => undefined },
    now: () => NOW,
    report: (report) => reports.push(report),
    used,
    ...changes,
  });
  return { checker, reports, used };
}

const NEVER: SessionReader = { read: () => new Promise(() => undefined) };

describe('one check', () => {
  it('is answered and reported under one decision id', async () => {
    const { checker, reports } = start();
    const answer = await checker.check(asAlice('/session'));
    const [report] = reports;
    expect(answer).toMatchObject({
      allowed: true,
      metadata: { ref: alice.ref, decision_id: report?.decisionId },
    });
    expect(reports).toHaveLength(1);
    expect(report).toMatchObject({ decision: { decision: 'allow' }, request: { path: '/session' } });
    expect(report?.durationMs).toBeGreaterThan(0);
    expect(checker.inFlight).toBe(0);
  });

  it('has an id of its own', async () => {
    const { checker, reports } = start();
    await Promise.all([checker.check(asAlice('/session')), checker.check(asAlice('/session'))]);
    expect(new Set(reports.map(({ decisionId }) => decisionId)).size).toBe(2);
  });

  it('tells of the session that it let pass, and of no other', async () => {
    const { checker, used } = start();
    await checker.check(asAlice('/session'));
    expect(used).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ ref: alice.ref }),
      NOW,
      scene.policy.idleTimeoutMs,
    );
    for (const asked of [
      asAlice('/scoped'),
      asAlice('/public'),
      request({ path: '/session' }),
      request({ path: '/shadow' }),
    ]) {
      await checker.check(asked);
    }
    expect(used).toHaveBeenCalledOnce();
  });

  it('keeps the policy that it began with', async () => {
    const other = await createScene({ routes: [{ match: { path: '/session' }, require: { public: true } }] });
    let policy = scene.policy;
    const read: SessionReader['read'] = (ref) => {
      policy = other.policy;
      return scene.store.read(ref);
    };
    const { checker } = start({ policy: () => policy, sessions: { read } });
    expect(await checker.check(asAlice('/session'))).toMatchObject({
      allowed: true,
      metadata: { ref: alice.ref },
    });
    expect((await checker.check(asAlice('/session'))).metadata).not.toHaveProperty('ref');
  });
});

describe('a check in a trace', () => {
  const traced = (store: Partial<CheckTrace> = {}) => {
    const ended: CheckReport[] = [];
    const { sessions, rates } = { sessions: scene.store, rates: scene.store, ...store };
    const trace: CheckTrace = { traceId: 't', sessions, rates, end: (report) => ended.push(report) };
    return { trace, ended };
  };

  it('asks the store of its trace, and ends it once with what is reported', async () => {
    const read = vi.fn((ref: SessionRef) => scene.store.read(ref));
    const { trace, ended } = traced({ sessions: { read } });
    const beginTrace = vi.fn(() => trace);
    const { checker, reports } = start({ beginTrace, sessions: NEVER });
    const asked = asAlice('/session');
    expect(await checker.check(asked)).toMatchObject({ allowed: true });
    expect(beginTrace).toHaveBeenCalledExactlyOnceWith(asked);
    expect(read).toHaveBeenCalledExactlyOnceWith(alice.ref);
    expect(ended).toEqual(reports);
    expect(reports).toMatchObject([{ traceId: 't', decision: { decision: 'allow' } }]);
  });

  it.each<[string, Partial<CheckerParts>, Partial<CheckTrace>]>([
    ['overloaded', { limits: () => ({ deadlineMs: 1000, maxInFlight: 0 }) }, {}],
    ['deadline_exceeded', { limits: () => ({ deadlineMs: 1, maxInFlight: 1 }) }, { sessions: NEVER }],
    ['internal', {}, { sessions: { read: () => Promise.reject(new TypeError('fault')) } }],
  ])('ends it when it is %s too', async (reason, changes, store) => {
    const { trace, ended } = traced(store);
    const { checker } = start({ ...changes, beginTrace: () => trace });
    await checker.check(asAlice('/session'));
    expect(ended).toMatchObject([{ decision: { decision: 'error', reason } }]);
  });

  it('has no trace where none is begun', async () => {
    const { checker, reports } = start({ beginTrace: () => undefined });
    expect(await checker.check(asAlice('/session'))).toMatchObject({ allowed: true });
    expect(reports[0]?.traceId).toBeUndefined();
  });
});

describe('E13 the cookie of a browser renews itself', () => {
  const FRESH = 'a.b.c';
  const CSRF = 'b2xkLWZyaWVuZHMtYXJlLWJlc3Q';
  const browser = (headers: Readonly<Record<string, string>>, path = '/session') =>
    request({ path, headers });
  const renewing = (renew: TokenRenewals['renew']) => start({ renewals: { renew } });

  it.each<[string, TokenRenewals['renew']]>([
    ['at once', () => FRESH],
    ['when it is signed', () => Promise.resolve(FRESH)],
  ])('%s, with its CSRF cookie, and the response is in no cache', async (_, renew) => {
    const { cookie } = await scene.open({ csrfToken: CSRF });
    expect(await renewing(renew).checker.check(browser(cookie))).toMatchObject({
      allowed: true,
      cookies: [
        '__Host-session=a.b.c; Path=/; Secure; SameSite=Lax; HttpOnly',
        `__Host-csrf=${CSRF}; Path=/; Secure; SameSite=Lax`,
      ],
      response: [
        ['x-singlestate-decision-id', expect.any(String)],
        ['cache-control', 'no-store'],
      ],
    });
  });

  it('asked for with what the token says, and when the session ends', async () => {
    const renew = vi.fn<TokenRenewals['renew']>(() => undefined);
    const { checker } = renewing(renew);
    const answer = await checker.check(browser(alice.cookie));
    expect(answer).not.toHaveProperty('cookies');
    const { ref } = alice;
    const claims = expect.objectContaining({ ref, issuedAtMs: NOW, expiresAtMs: NOW + HOUR }) as never;
    expect(renew).toHaveBeenCalledExactlyOnceWith(claims, NOW + 12 * HOUR, NOW);
  });

  it('only where the session came in the cookie, and the request passed with it', async () => {
    const renew = vi.fn<TokenRenewals['renew']>(() => FRESH);
    const { checker } = renewing(renew);
    const others = [
      browser(alice.bearer),
      browser(alice.cookie, '/public'),
      browser(alice.cookie, '/scoped'),
      browser(alice.cookie, '/nowhere'),
      browser({ cookie: '__Host-session=x' }, '/optional'),
      browser({ cookie: '__Host-session=x' }, '/shadow'),
      { ...browser(alice.cookie), method: 'POST' },
    ];
    for (const asked of others) expect(await checker.check(asked)).not.toHaveProperty('cookies');
    expect(renew).not.toHaveBeenCalled();
    for (const path of ['/optional', '/shadow', '/signed'])
      expect(await checker.check(browser(alice.cookie, path))).toHaveProperty('cookies');
    expect(await checker.check(browser({ ...alice.cookie, ...alice.bearer }))).toHaveProperty('cookies');
  });

  it.each<[string, () => Promise<string | undefined>]>([
    ['fails', () => Promise.resolve(undefined)],
    ['takes too long', () => new Promise(() => undefined)],
  ])('D5 a signer that %s holds nothing up', async (_, renew) => {
    for (const deadlineMs of [5, 10_000]) {
      const { checker, reports } = start({
        renewals: { renew },
        limits: () => ({ deadlineMs, maxInFlight: 100 }),
      });
      const answer = await checker.check(browser(alice.cookie));
      expect(answer).toMatchObject({ allowed: true });
      expect(answer).not.toHaveProperty('cookies');
      expect(reports).toMatchObject([{ decision: { decision: 'allow' } }]);
      expect(reports[0]?.durationMs).toBeLessThan(1_000);
      expect(checker.inFlight).toBe(0);
    }
  });
});

describe('D5 one deadline over all of a check', () => {
  const late = { allowed: false, status: 503, metadata: { decision: 'error', reason: 'deadline_exceeded' } };

  it('a store that never answers is a 503', async () => {
    const { checker, reports, used } = start({
      sessions: NEVER,
      limits: () => ({ deadlineMs: 5, maxInFlight: 100 }),
    });
    expect(await checker.check(asAlice('/session'))).toMatchObject(late);
    expect(reports).toMatchObject([{ decision: { reason: 'deadline_exceeded' } }]);
    expect(checker.inFlight).toBe(0);
    expect(used).not.toHaveBeenCalled();
  });

  it.each(['/optional', '/shadow'])('E3 also on %s: an error is no deny', async (path) => {
    const { checker } = start({ sessions: NEVER });
    expect(await checker.check(asAlice(path), 5)).toMatchObject(late);
  });

  it('the caller may wait for less, and not for more', async () => {
    const { checker } = start({ sessions: NEVER, limits: () => ({ deadlineMs: 5, maxInFlight: 100 }) });
    expect(await checker.check(asAlice('/session'), 60_000)).toMatchObject(late);
    const patient = start({ sessions: NEVER, limits: () => ({ deadlineMs: 60_000, maxInFlight: 100 }) });
    for (const timeoutMs of [5, 0.001, 0]) {
      expect(await patient.checker.check(asAlice('/session'), timeoutMs)).toMatchObject(late);
    }
  });

  it('signing counts too', async () => {
    const assertions = { sign: () => new Promise<string>(() => undefined) };
    const { checker } = start({ policy: () => ({ ...scene.policy, assertions }) });
    expect(await checker.check(asAlice('/signed'), 5)).toMatchObject(late);
  });

  it('an answer that comes too late changes nothing, and its session was not used', async () => {
    const { promise, resolve } = Promise.withResolvers<SessionLookup>();
    const { checker, reports, used } = start({ sessions: { read: () => promise } });
    expect(await checker.check(asAlice('/session'), 5)).toMatchObject(late);
    resolve(await scene.store.read(alice.ref));
    await new Promise(setImmediate);
    expect(reports).toHaveLength(1);
    expect(used).not.toHaveBeenCalled();
  });

  it('a store that fails too late is not an unhandled rejection', async () => {
    const { promise, reject } = Promise.withResolvers<SessionLookup>();
    const { checker, reports } = start({ sessions: { read: () => promise } });
    expect(await checker.check(asAlice('/session'), 5)).toMatchObject(late);
    reject(new Error('late'));
    await new Promise(setImmediate);
    expect(reports).toHaveLength(1);
  });

  it('leaves no timer behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const { checker } = start();
    const before = timers();
    await Promise.all(Array.from({ length: 50 }, () => checker.check(asAlice('/session'))));
    expect(timers()).toBeLessThanOrEqual(before);
  });
});

describe('D9 a bound on the checks under way', () => {
  it('beyond it they are refused at once, and once one is over the next is taken', async () => {
    const { promise, resolve } = Promise.withResolvers<SessionLookup>();
    const { checker, reports } = start({
      sessions: { read: () => promise },
      limits: () => ({ deadlineMs: 10_000, maxInFlight: 2 }),
    });
    const waiting = [checker.check(asAlice('/session')), checker.check(asAlice('/session'))];
    expect(checker.inFlight).toBe(2);
    for (const path of ['/session', '/public', '/shadow']) {
      expect(await checker.check(asAlice(path))).toMatchObject({
        status: 503,
        metadata: { reason: 'overloaded' },
      });
    }
    expect(checker.inFlight).toBe(2);
    resolve(await scene.store.read(alice.ref));
    expect(await Promise.all(waiting)).toMatchObject([{ allowed: true }, { allowed: true }]);
    expect(checker.inFlight).toBe(0);
    expect(await checker.check(asAlice('/session'))).toMatchObject({ allowed: true });
    expect(reports).toHaveLength(6);
  });
});

describe('D2 a failure is an answer of its own', () => {
  it.each<[string, unknown, string]>([
    ['a store that timed out', new StoreError('ERR_STORE_TIMEOUT', 'slow'), 'store_timeout'],
    ['a store that is gone', new StoreError('ERR_STORE_UNAVAILABLE', 'gone'), 'store_unavailable'],
    ['a fault', new TypeError('oops'), 'internal'],
    ['something thrown that is no error', 'oops', 'internal'],
    ['nothing thrown', undefined, 'internal'],
    [
      "an error that only looks like the store's",
      { name: 'StoreError', code: 'ERR_STORE_TIMEOUT' },
      'internal',
    ],
  ])('%s', async (_, thrown, reason) => {
    const cause = thrown as Error;
    const rejecting = { read: () => Promise.reject(cause) };
    const throwing: SessionReader = {
      read: () => {
        throw cause;
      },
    };
    for (const sessions of [rejecting, throwing]) {
      for (const path of ['/session', '/optional', '/shadow', '/scoped']) {
        const { checker, reports } = start({ sessions });
        expect(await checker.check(asAlice(path))).toMatchObject({
          allowed: false,
          status: 503,
          metadata: { reason },
        });
        expect(reports).toMatchObject([{ decision: { decision: 'error', reason, cause } }]);
        expect(checker.inFlight).toBe(0);
      }
    }
  });

  it('a policy or a clock that fails is internal', async () => {
    const boom = () => {
      throw new Error('boom');
    };
    for (const parts of [{ policy: boom }, { now: boom }, { used: boom }]) {
      const { checker } = start(parts);
      expect(await checker.check(asAlice('/session'))).toMatchObject({
        status: 503,
        metadata: { reason: 'internal' },
      });
      expect(checker.inFlight).toBe(0);
    }
  });

  it('E3 a report that fails lets nothing pass', async () => {
    const { checker } = start({
      report: () => {
        throw new Error('no log');
      },
    });
    await expect(checker.check(asAlice('/session'))).rejects.toThrow('no log');
    expect(checker.inFlight).toBe(0);
  });
});
