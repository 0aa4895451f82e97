/** Rate limits in the store: a burst, an average, and no more of it when requests race (E11). */
import { describe, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import type { RateOutcome, RateTake } from '../../src/session/rate-limit.ts';
import type { CurrentStore } from './session-store.ts';

const HOUR_MS = 3_600_000;
const ALLOWED = { allowed: true } as const;

function limitOf(limit: number, changes: Partial<RateTake> = {}): RateTake {
  return { kind: 'address', of: '192.0.2.1', limit, windowMs: HOUR_MS, ...changes };
}

export function rateLimitTests(current: CurrentStore): void {
  describe('rate limits', () => {
    test.each([1, 3, 7, 60])(
      'E11 a burst of %i passes, and no more; all clients count as one',
      async (limit) => {
        const { store, replica } = current();
        for (let count = 0; count < limit; count += 1) {
          expect(await (count % 2 ? store : replica).take([limitOf(limit)])).toEqual(ALLOWED);
        }
        const refused = await store.take([limitOf(limit)]);
        expect(refused).toMatchObject({ allowed: false, by: 'address' });
        expect(retryAfter(refused)).toBeGreaterThan(HOUR_MS / limit - 10_000);
        expect(retryAfter(refused)).toBeLessThanOrEqual(Math.ceil(HOUR_MS / limit));
        expect(await replica.take([limitOf(limit)])).toMatchObject({ allowed: false });
      },
    );

    test('E11 after the time that it was told a request passes', async () => {
      const { store, passTime } = current();
      const take = limitOf(2, { windowMs: 600 });
      await store.take([take]);
      await store.take([take]);
      const refused = await store.take([take]);
      expect(retryAfter(refused)).toBeGreaterThan(0);
      const startedAt = performance.now();
      passTime(retryAfter(refused));
      await waitUntil(async () => (await store.take([take])).allowed, {
        what: 'the next request',
        timeoutMs: 5_000,
      });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    });

    test('E11 of 100 racing requests as many pass as the limit says', async () => {
      const { store, replica } = current();
      const takes = Array.from({ length: 100 }, (_, n) => (n % 2 ? store : replica).take([limitOf(30)]));
      const outcomes = await Promise.all(takes);
      expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(30);
    });

    test('E11 a refused request counts towards none of its limits, and is told which one it was', async () => {
      const { store } = current();
      const session = limitOf(1, { kind: 'session', of: 'a-ref' });
      const subject = limitOf(3, { kind: 'subject', of: '["issuer","alice"]' });
      expect(await store.take([session, subject])).toEqual(ALLOWED);
      for (let count = 0; count < 5; count += 1) {
        expect(await store.take([session, subject])).toMatchObject({ allowed: false, by: 'session' });
      }
      expect(await store.take([subject])).toEqual(ALLOWED);
      expect(await store.take([subject])).toEqual(ALLOWED);
      expect(await store.take([subject])).toMatchObject({ allowed: false, by: 'subject' });
      const other = limitOf(5, { kind: 'session', of: 'another-ref' });
      expect(await store.take([other, subject])).toMatchObject({ allowed: false, by: 'subject' });
    });

    test('E2 E11 who and what kind keep counts apart', async () => {
      const { store } = current();
      const same = { of: 'same', limit: 1 };
      const takes = (['session', 'subject', 'address'] as const).map((kind) => limitOf(1, { ...same, kind }));
      for (const take of takes) {
        expect(await store.take([take])).toEqual(ALLOWED);
        expect(await store.take([take])).toMatchObject({ allowed: false, by: take.kind });
        expect(await store.take([{ ...take, of: 'other' }])).toEqual(ALLOWED);
      }
    });

    test('E11 no limit is no limit', async () => {
      expect(await current().store.take([])).toEqual(ALLOWED);
    });

    test('A5 what was counted is forgotten', async () => {
      const { store, passTime, countRecords } = current();
      await store.take([limitOf(5, { windowMs: 200 }), limitOf(5, { kind: 'session', windowMs: 200 })]);
      passTime(200);
      const isForgotten = async () => {
        await store.ping();
        return (await countRecords()) === 0;
      };
      await waitUntil(isForgotten, { what: 'forgetting a count', timeoutMs: 5_000 });
    });
  });
}

function retryAfter(outcome: RateOutcome): number {
  return outcome.allowed ? 0 : outcome.retryAfterMs;
}
