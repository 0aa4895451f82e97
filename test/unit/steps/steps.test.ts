import { expect, test } from 'vitest';
import { amongOthers, atOnce, type Steps } from '../../../src/steps/steps.ts';

function* slow(count: number, forMs: number): Steps<number> {
  for (let done = 0; done < count; done += 1) {
    const until = performance.now() + forMs;
    while (performance.now() < until);
    yield;
  }
  return count;
}

test('C4 other work has its turn between steps', async () => {
  const log: string[] = [];
  const other = setInterval(() => log.push('other'), 1);
  expect(await amongOthers(slow(10, 10))).toBe(10);
  clearInterval(other);
  // It could after each step; a timer may come late.
  expect(log.length).toBeGreaterThan(3);
});

test('all at once, nothing has', () => {
  let turns = 0;
  const other = setImmediate(() => (turns += 1));
  expect(atOnce(slow(3, 1))).toBe(3);
  expect(turns).toBe(0);
  clearImmediate(other);
});

test('what a step throws is what its caller gets', async () => {
  function* failing(): Steps<never> {
    yield;
    throw new RangeError('no');
  }
  expect(() => atOnce(failing())).toThrow('no');
  await expect(amongOthers(failing())).rejects.toThrow('no');
});
