/** Rate limits of the memory store: the generic cell rate algorithm (GCRA), one number for each who is counted. */
import { createForgettingMap } from './memory-map.ts';
import type { RateOutcome, RateTake } from './rate-limit.ts';

export interface MemoryRates {
  take(takes: readonly RateTake[]): RateOutcome;
  sweep(): void;
  clear(): void;
}

export interface Cell {
  /** When all that was taken will have been earned back (the theoretical arrival time), Unix microseconds. */
  readonly fullAtUs: number;
  forgetAtMs: number;
}

/** Whole microseconds, because sums of fractions of a millisecond would refuse the last request of a burst. */
const US_PER_MS = 1_000;

/** `now` in Unix milliseconds. */
export function createMemoryRates(now: () => number, entries = new Map<string, Cell>()): MemoryRates {
  const cells = createForgettingMap({ entries, now });

  function judge(take: RateTake, nowUs: number) {
    const intervalUs = Math.ceil((take.windowMs * US_PER_MS) / take.limit);
    const key = `${take.kind}:${take.of}`;
    const fullAtUs = Math.max(cells.get(key)?.fullAtUs ?? 0, nowUs) + intervalUs;
    return { key, kind: take.kind, fullAtUs, excessUs: fullAtUs - nowUs - take.limit * intervalUs };
  }

  function take(takes: readonly RateTake[]): RateOutcome {
    const nowUs = Math.floor(now() * US_PER_MS);
    const judged = takes.map((each) => judge(each, nowUs));
    const [worst] = judged.filter(({ excessUs }) => excessUs > 0).sort((a, b) => b.excessUs - a.excessUs);
    if (worst) {
      return { allowed: false, by: worst.kind, retryAfterMs: Math.ceil(worst.excessUs / US_PER_MS) };
    }
    for (const { key, fullAtUs } of judged) {
      cells.set(key, { fullAtUs, forgetAtMs: Math.ceil(fullAtUs / US_PER_MS) });
    }
    return { allowed: true };
  }

  return { take, sweep: () => cells.sweep(), clear: () => entries.clear() };
}
