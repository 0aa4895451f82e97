/** A bound on how often something that strangers can cause is told of. */

const MINUTE_MS = 60_000;

/** Whether there is still one left in this minute; the minutes are those of `nowMs`, which is Unix time. */
export function createMinuteBudget(perMinute: number, nowMs: () => number): () => boolean {
  let minute = 0;
  let taken = 0;
  return () => {
    const now = Math.floor(nowMs() / MINUTE_MS);
    if (now !== minute) [minute, taken] = [now, 0];
    taken += 1;
    return taken <= perMinute;
  };
}
