/**
 * The times of spans. Node tells the system's time in whole milliseconds, and a check takes less: hides how it is told more
 * finely, and that all of one check goes by one reading, so that no span sticks out of the one around it.
 */

/** Unix milliseconds, with fractions. */
export type SpanClock = () => number;

/** A difference to the system's time that is more than what rounding makes: it was set, or has drifted. */
const SET_MS = 2;

/** Returns what reads the system's time, once for each check. */
export function createSpanClocks(wallMs = Date.now, steadyMs = () => performance.now()): () => SpanClock {
  let offset = -Infinity;
  return () => {
    const read = wallMs() - steadyMs();
    // A reading is up to a millisecond too early, so the latest of many is the nearest.
    if (read > offset || read < offset - SET_MS) offset = read;
    const own = offset;
    return () => own + steadyMs();
  };
}
