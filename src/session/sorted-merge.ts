/** Reads many sorted sources as one. Hides how much is fetched of each, and when what is known is certain to come next. */

export interface Batch<T> {
  /** In the sources' order; empty only where `isLast`. */
  readonly items: readonly T[];
  /** Whether there was no more to fetch. */
  readonly isLast: boolean;
}

/** Fetches what comes after `last`, from the beginning where there is none. `round` counts from 0. */
export type FetchAfter<T> = (last: T | undefined, round: number) => Promise<Batch<T>>;

interface Reading<T> {
  readonly fetch: FetchAfter<T>;
  held: readonly T[];
  last: T | undefined;
  isOver: boolean;
}

/** Yields everything in order, a chunk at a time. Fetches the first batch of all sources at once, later ones as needed. */
export async function* mergeSorted<T>(
  sources: readonly FetchAfter<T>[],
  compare: (a: T, b: T) => number,
): AsyncGenerator<readonly T[]> {
  let readings = sources.map((fetch): Reading<T> => ({ fetch, held: [], last: undefined, isOver: false }));
  for (let round = 0; readings.length > 0; round += 1) {
    await Promise.all(readings.map((reading) => refill(reading, round)));
    const horizon = readings
      .filter(({ isOver }) => !isOver)
      .map(({ last }) => last as T)
      .sort(compare)
      .at(0);
    const isCertain = (item: T) => horizon === undefined || compare(item, horizon) <= 0;
    yield readings.flatMap(({ held }) => held.filter(isCertain)).sort(compare);
    for (const reading of readings) reading.held = reading.held.filter((item) => !isCertain(item));
    readings = readings.filter(({ held, isOver }) => held.length > 0 || !isOver);
  }
}

async function refill<T>(reading: Reading<T>, round: number): Promise<void> {
  if (reading.held.length > 0 || reading.isOver) return;
  const { items, isLast } = await reading.fetch(reading.last, round);
  reading.held = items;
  reading.last = items.at(-1) ?? reading.last;
  reading.isOver = isLast;
}
