import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryRates, type Cell } from '../../../src/session/memory-rates.ts';
import type { RateTake } from '../../../src/session/rate-limit.ts';

const NOW = 1_700_000_000_000;

function open() {
  const cells = new Map<string, Cell>();
  const clock = { nowMs: NOW };
  return { cells, clock, rates: createMemoryRates(() => clock.nowMs, cells) };
}

function takeOf(limit: number, windowMs: number): RateTake {
  return { kind: 'address', of: '192.0.2.1', limit, windowMs };
}

test('E11 a request passes at the very millisecond that was told, and not before', () => {
  const { rates, clock } = open();
  const take = takeOf(3, 1_000);
  for (let count = 0; count < 3; count += 1) expect(rates.take([take])).toEqual({ allowed: true });
  const refused = { allowed: false, by: 'address', retryAfterMs: 334 };
  expect(rates.take([take])).toEqual(refused);
  clock.nowMs += 333;
  expect(rates.take([take])).toEqual({ ...refused, retryAfterMs: 1 });
  clock.nowMs += 1;
  expect(rates.take([take])).toEqual({ allowed: true });
  expect(rates.take([take])).toMatchObject({ allowed: false });
});

test('E11 in no stretch of time do more requests pass than a burst and the average allow', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 2_000 }),
      gaps,
      (limit, windowMs, steps) => {
        const { rates, clock } = open();
        const passed: number[] = [];
        for (const step of steps) {
          clock.nowMs += step;
          if (rates.take([takeOf(limit, windowMs)]).allowed) passed.push(clock.nowMs);
        }
        for (const [first, from] of passed.entries()) {
          for (const [offset, to] of passed.slice(first).entries()) {
            expect(offset + 1).toBeLessThanOrEqual(limit + ((to - from) * limit) / windowMs + 1e-6);
          }
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('E11 where two limits are reached, the longer wait is told', () => {
  const { rates } = open();
  const [short, long] = [takeOf(1, 1_000), { ...takeOf(1, 5_000), kind: 'session' as const }];
  rates.take([short, long]);
  expect(rates.take([short, long])).toEqual({ allowed: false, by: 'session', retryAfterMs: 5_000 });
});

test('A5 what has been earned back is forgotten', () => {
  const { rates, clock, cells } = open();
  rates.take([takeOf(4, 1_000)]);
  rates.sweep();
  expect(cells.size).toBe(1);
  clock.nowMs += 250;
  rates.sweep();
  rates.sweep();
  expect(cells.size).toBe(0);
});
