import { expect, test } from 'vitest';
import { createBackoff } from '../../../src/session/backoff.ts';

test('D7 delays grow exponentially up to the cap, for ever, and begin anew after a success', () => {
  const backoff = createBackoff({ firstMs: 50, longestMs: 500, random: () => 0.5 });
  const delays = Array.from({ length: 6 }, () => backoff.nextMs());
  expect(delays).toEqual([25, 50, 100, 200, 250, 250]);
  for (let attempt = 0; attempt < 5_000; attempt += 1) expect(backoff.nextMs()).toBe(250);
  backoff.reset();
  expect(backoff.nextMs()).toBe(25);
});

test('D7 delays are spread over all of their range', () => {
  const delays = Array.from({ length: 1_000 }, () =>
    createBackoff({ firstMs: 100, longestMs: 500 }).nextMs(),
  );
  expect(Math.min(...delays)).toBeLessThan(20);
  expect(Math.max(...delays)).toBeGreaterThan(80);
  expect(Math.max(...delays)).toBeLessThan(100);
});
