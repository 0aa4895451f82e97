/** E3 D8, by force: whatever a store does, and whenever, no check passes for which it was not asked and did not answer. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createChecker } from '../../../src/authz/checker.ts';
import { createStoreBreaker, guardStore } from '../../../src/session/guarded-store.ts';
import { StoreError, type SessionStore } from '../../../src/session/store.ts';
import { createTokenRenewals } from '../../../src/token/renewal.ts';
import { createScene, HOUR, NOW, request } from './scene.ts';

const scene = await createScene({ routes: [{ match: { path: '/me' }, require: { session: true } }] });
const alice = await scene.open();

const FAILURES = {
  silent: new StoreError('ERR_STORE_TIMEOUT', 'no answer'),
  gone: new StoreError('ERR_STORE_UNAVAILABLE', 'nobody there'),
  refusing: new StoreError('ERR_STORE_UNAVAILABLE', 'LOADING', { answered: true }),
  broken: new TypeError('fault'),
};
type Mood = 'answers' | keyof typeof FAILURES;

const OPEN_FOR_MS = 250;
const step = fc.record({
  passedMs: fc.constantFrom(0, 1, 100, OPEN_FOR_MS, 1_000),
  mood: fc.constantFrom<Mood>('answers', 'silent', 'silent', 'gone', 'refusing', 'broken'),
  checks: fc.integer({ min: 0, max: 5 }),
  probe: fc.boolean(),
});

/** A server with a store whose mood the test sets, and whose every exchange takes a turn of the event loop. */
function createServer() {
  const at = { ms: 0, mood: 'answers' as Mood, asked: 0 };
  const answer = async <T>(sound: () => Promise<T>): Promise<T> => {
    const { mood } = at;
    await new Promise(setImmediate);
    if (mood !== 'answers') throw FAILURES[mood];
    return sound();
  };
  const below: SessionStore = {
    ...scene.store,
    read: (ref) => {
      at.asked += 1;
      return answer(() => scene.store.read(ref));
    },
    ping: () => answer(() => scene.store.ping()),
  };
  const breaker = createStoreBreaker({
    failures: 3,
    failingForMs: 1,
    openForMs: () => OPEN_FOR_MS,
    nowMs: () => at.ms,
  });
  const store = guardStore(below, breaker);
  const checker = createChecker({
    policy: () => scene.policy,
    limits: () => ({ deadlineMs: 5_000, maxInFlight: 100 }),
    sessions: store,
    rates: store,
    renewals: createTokenRenewals({
      minter: () => ({ mintSessionToken: () => Promise.reject(new Error('none')) }),
      ttlMs: () => HOUR,
      onIssued: () => undefined,
      onFailure: () => undefined,
    }),
    now: () => NOW,
    report: () => undefined,
    used: () => undefined,
  });
  return { at, breaker, store, checker };
}

const asked = request({ path: '/me', headers: { ...alice.bearer } });
// Her token is recognised from then on, and the store asked in the same turn as the checker.
await createServer().checker.check(asked);

it('E3 D8 an open breaker never allows, whatever sequence of outcomes led there', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const { at, breaker, store, checker } = createServer();
      for (const { passedMs, mood, checks, probe } of steps) {
        at.ms += passedMs;
        at.mood = mood;
        at.asked = 0;
        const [before, mayTry] = [breaker.state, breaker.admits('trial')];
        const answers = Array.from({ length: checks }, () => checker.check(asked));
        const mostAsked = before === 'closed' ? checks : mayTry ? Math.min(1, checks) : 0;
        expect(at.asked, 'before anything was answered').toBe(mostAsked);
        const probed = probe ? store.ping().catch(() => undefined) : undefined;
        let allowed = 0;
        for (const answer of await Promise.all(answers)) {
          if (answer.allowed) allowed += 1;
          else {
            expect(answer.status).toBe(503);
            expect(answer.headers.some(([name]) => name === 'set-cookie')).toBe(false);
          }
        }
        await probed;
        expect(allowed).toBe(mood === 'answers' ? at.asked : 0);
        expect(at.asked).toBe(mostAsked);
        seen.add(
          `${before}${mayTry && before === 'open' ? ', to be tried' : ''}: ${allowed > 0 ? 'allowed' : 'refused'}`,
        );
      }
    }),
    { numRuns: 300 },
  );
  expect([...seen].sort()).toEqual([
    'closed: allowed',
    'closed: refused',
    'open, to be tried: allowed',
    'open, to be tried: refused',
    'open: refused',
  ]);
});
