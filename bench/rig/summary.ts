/** What rounds of samples come to: medians with their spread, and ratios to the reference. Pure. */
import type { Sample } from './measure.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The figures that are summed up, in the order in which they are shown. */
export const FIGURES = {
  cpuMicrosPerCheck: { title: 'CPU µs/check', scale: 1, digits: 1 },
  requestsPerSecond: { title: 'requests/s', scale: 1, digits: 0 },
  p50Micros: { title: 'p50 ms', scale: 1e-3, digits: 2 },
  p99Micros: { title: 'p99 ms', scale: 1e-3, digits: 2 },
  rssBytes: { title: 'RSS MiB', scale: 2 ** -20, digits: 1 },
} as const;

export type Figure = keyof typeof FIGURES;

export const FIGURE_NAMES = Object.keys(FIGURES) as Figure[];

export interface VariantSummary {
  readonly name: string;
  readonly requests: number;
  readonly failed: number;
  /** A figure is missing where the variant has no server of its own. */
  readonly figures: Readonly<Partial<Record<Figure, Spread>>>;
  /** Figure of this variant / figure of the reference, formed in each round; missing for the reference itself. */
  readonly ratios?: Readonly<Partial<Record<Figure, Spread>>>;
  readonly rounds: readonly Sample[];
}

export function summarize(
  samples: ReadonlyMap<string, readonly Sample[]>,
  reference: string,
): VariantSummary[] {
  const yardstick = samples.get(reference) ?? [];
  return [...samples].map(([name, rounds]) => ({
    name,
    requests: total(rounds.map((sample) => sample.requests)),
    failed: total(rounds.map((sample) => sample.failed)),
    figures: spreads((figure) => rounds.map((sample) => sample[figure])),
    ...(name === reference ? {} : { ratios: spreads((figure) => ratiosOf(figure, rounds, yardstick)) }),
    rounds,
  }));
}

function ratiosOf(figure: Figure, rounds: readonly Sample[], yardstick: readonly Sample[]) {
  return rounds.map((sample, round) => {
    const [value, base] = [sample[figure], yardstick[round]?.[figure]];
    return value === undefined || base === undefined ? undefined : value / base;
  });
}

function spreads(
  valuesOf: (figure: Figure) => readonly (number | undefined)[],
): Partial<Record<Figure, Spread>> {
  const found: Partial<Record<Figure, Spread>> = {};
  for (const figure of FIGURE_NAMES) {
    const values = valuesOf(figure).filter((value) => value !== undefined);
    if (values.length > 0) found[figure] = spreadOf(values);
  }
  return found;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
