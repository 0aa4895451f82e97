import { expect, test } from 'vitest';
import { createSpanClocks } from '../../../src/tracing/span-clock.ts';

/** A system clock in whole milliseconds beside a steady one that began at `bootMs`. */
function clocks(bootMs: number) {
  const time = { steadyMs: 0, setMs: 0 };
  const wall = () => Math.floor(bootMs + time.steadyMs + time.setMs);
  const start = createSpanClocks(wall, () => time.steadyMs);
  return { time, start, exact: () => bootMs + time.steadyMs + time.setMs };
}

test('a time has fractions of milliseconds, nearer the more readings there were', () => {
  const { time, start, exact } = clocks(1_000_000.7);
  expect(exact() - start()()).toBeLessThan(1);
  for (let reading = 0; reading < 100; reading += 1) {
    time.steadyMs += 3.37;
    start();
  }
  const late = exact() - start()();
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(0.05);
});

test('times of one check never go back, whatever is read meanwhile', () => {
  const { time, start } = clocks(1_000_000.7);
  const check = start();
  const begin = check();
  time.steadyMs += 0.4;
  start();
  time.setMs = -500;
  start();
  expect(check() - begin).toBeCloseTo(0.4);
});

test.each([500, -500])('a clock that was set by %i ms is followed', (setMs) => {
  const { time, start, exact } = clocks(1_000_000);
  start();
  time.setMs = setMs;
  expect(Math.abs(exact() - start()())).toBeLessThan(1);
});
