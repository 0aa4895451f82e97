/** A map whose entries are forgotten at a time of their own, as a store's keys expire. Hides how that is done without timers. */

export interface Forgettable {
  /** Unix milliseconds: from then on the entry is not there. */
  forgetAtMs: number;
}

export interface ForgettingMap<T extends Forgettable> {
  /** Undefined also for what is due to be forgotten. */
  get(key: string): T | undefined;
  set(key: string, entry: T): void;
  /** Looks at a few entries for ones to forget. Called with each operation, it gets round all of them. */
  sweep(): void;
}

export interface ForgettingMapOptions<T extends Forgettable> {
  /** Where the entries are kept. */
  readonly entries: Map<string, T>;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Called for each entry that `sweep` takes out. */
  readonly onForgotten?: (key: string) => void;
}

/** Each sweep looks at so many entries: no long pause. */
const SWEEP_STEP = 8;

export function createForgettingMap<T extends Forgettable>({
  entries,
  now,
  onForgotten,
}: ForgettingMapOptions<T>): ForgettingMap<T> {
  let round = entries.entries();

  function sweep(): void {
    const nowMs = now();
    for (let looked = 0; looked < SWEEP_STEP; looked += 1) {
      const next = round.next();
      if (next.done) {
        round = entries.entries();
        return;
      }
      const [key, { forgetAtMs }] = next.value;
      if (nowMs < forgetAtMs) continue;
      entries.delete(key);
      onForgotten?.(key);
    }
  }

  return {
    get(key) {
      const entry = entries.get(key);
      return entry !== undefined && now() < entry.forgetAtMs ? entry : undefined;
    },
    set: (key, entry) => void entries.set(key, entry),
    sweep,
  };
}
