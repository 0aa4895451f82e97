import { expect, test } from 'vitest';
import { createMinuteBudget } from '../../../src/ops/minute-budget.ts';

test('E7 a budget is spent, and is full again with the next minute', () => {
  let nowMs = 1_700_000_000_000;
  const take = createMinuteBudget(2, () => nowMs);
  expect([take(), take(), take(), take()]).toEqual([true, true, false, false]);
  nowMs += 60_000;
  expect([take(), take(), take()]).toEqual([true, true, false]);
});
