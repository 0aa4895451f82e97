import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';
import { parseInstant } from '../../../src/cli/instant-option.ts';

const NOW = Date.UTC(2026, 2, 1, 12);

test.each([
  ['15m', NOW - 900_000],
  ['7d', NOW - 7 * 86_400_000],
  ['0s', NOW],
  ['2026-03-01T08:00:00Z', Date.UTC(2026, 2, 1, 8)],
  ['2026-03-01T08:00:00.250+02:00', Date.UTC(2026, 2, 1, 6, 0, 0, 250)],
  ['2026-03-01', Date.UTC(2026, 2, 1)],
  ['36500d', 0],
])('%s is a point in time', (text, ms) => {
  expect(parseInstant(text, NOW)).toBe(ms);
});

test.each([
  '',
  'yesterday',
  '15',
  '-5m',
  '2026-13-01',
  '2026-03-01T08:00:00',
  '2026-03-01 08:00:00Z',
  '1767225600',
])('"%s" is refused', (text) => {
  expect(() => parseInstant(text, NOW)).toThrow(InvalidArgumentError);
});
