import { describe, expect, it } from 'vitest';
import { nearestWord } from '../../../src/config/nearest.ts';

const KNOWN = ['deadline', 'maxInFlight', 'maxConnectionAge', 'drainTimeout', 'drainDelay', 'ttl', 'url'];

describe('the word that was meant', () => {
  it.each([
    ['deadlin', 'deadline'],
    ['deadilne', 'deadline'],
    ['max-in-flight', 'maxInFlight'],
    ['max_in_flight', 'maxInFlight'],
    ['MAXINFLIGHT', 'maxInFlight'],
    ['maxInflights', 'maxInFlight'],
    ['drainDelays', 'drainDelay'],
    ['tll', 'ttl'],
    ['uri', 'url'],
  ])('by %s is %s', (word, meant) => {
    expect(nearestWord(word, KNOWN)).toBe(meant);
  });

  it.each(['timeout', 'x', '', 'tl2x', 'deadlineseconds'])('by %j is none of them', (word) => {
    expect(nearestWord(word, KNOWN)).toBeUndefined();
  });
});
