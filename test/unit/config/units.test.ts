import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { duration, formatDuration, parseDuration, size } from '../../../src/config/units.ts';

// Properties take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

describe('a duration', () => {
  it.each([
    ['0ms', 0],
    ['250ms', 250],
    ['1s', 1_000],
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['12h', 43_200_000],
    ['365d', 31_536_000_000],
  ])('%s is %i milliseconds', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '',
    '5',
    'ms',
    '-1s',
    '+1s',
    '1.5s',
    '1h30m',
    '1 s',
    '1S',
    '1w',
    '1us',
    ' 1s',
    '1s ',
    '1s\n',
    '0x1s',
    '١s',
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toBeNaN();
  });

  it('is within its bounds, which are included', () => {
    const bounded = duration({ min: '1s', max: '1m' });
    const taken = ['999ms', '1000ms', '60s', '61s', '99999999999999999999d'].map(
      (text) => bounded.safeParse(text).success,
    );
    expect(taken).toEqual([false, true, true, false, false]);
  });

  it('is written in the largest unit that leaves it whole, and read back the same', () => {
    expect([0, 1, 1_500, 90_000, 3_600_000, 172_800_000].map(formatDuration)).toEqual([
      '0ms',
      '1ms',
      '1500ms',
      '90s',
      '1h',
      '2d',
    ]);
    fc.assert(fc.property(fc.nat(), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('a size', () => {
  const any = size({ min: '0B', max: '1024MiB' });
  it.each([
    ['0B', 0],
    ['512B', 512],
    ['16KiB', 16_384],
    ['2MiB', 2_097_152],
  ])('%s is %i bytes', (text, bytes) => {
    expect(any.parse(text)).toBe(bytes);
  });

  it.each(['16', '16K', '16Ki', '16KB', '16kib', '1.5KiB', '-1B', '1GiB'])('%s is none', (text) => {
    expect(any.safeParse(text).success).toBe(false);
  });
});
