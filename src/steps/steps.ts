/** Work that would hold everything else up, cut into short steps: done at once, or with the process's other work in between (C4). */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';

/** Yields after each step, which takes some milliseconds at most. */
export type Steps<T> = Generator<undefined, T, undefined>;

export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** So long steps follow each other before something else has its turn. */
const SLICE_MS = 5;

/** Rejects with what a step throws. */
export async function amongOthers<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const begin = performance.now();
    do {
      const step = steps.next();
      if (step.done === true) return step.value;
    } while (performance.now() - begin < SLICE_MS);
    await turnOfTheLoop();
  }
}
