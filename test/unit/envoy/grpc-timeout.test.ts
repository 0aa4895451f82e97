import { describe, expect, it } from 'vitest';
import { parseGrpcTimeout } from '../../../src/envoy/grpc-timeout.ts';

describe('how long the caller will wait', () => {
  it.each<[string | undefined, number]>([
    [undefined, Infinity],
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['250m', 250],
    ['250000u', 250],
    ['1u', 0.001],
    ['1n', 0.000_001],
    ['0m', 0],
    ['00000001S', 1_000],
    ['99999999H', 99_999_999 * 3_600_000],
  ])('%s is %d ms', (header, ms) => {
    expect(parseGrpcTimeout(header)).toBeCloseTo(ms, 9);
  });

  it.each([
    '',
    '1',
    'S',
    '1s',
    '1h',
    '-1S',
    '+1S',
    '1.5S',
    '1e3m',
    ' 1S',
    '1S ',
    '1S, 1S',
    '123456789S',
    'S1',
    '1SS',
    '１S',
    'Infinity',
    'NaNm',
  ])('D5 %j is malformed, and no time at all', (header) => {
    expect(parseGrpcTimeout(header)).toBeUndefined();
  });
});
