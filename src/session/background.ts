/** Work that a request starts and does not wait for. Hides that there is one at a time for each session, and a bound. */
import type { SessionRef } from './ref.ts';

/** How much may be under way at once; beyond that nothing is started, and a later request tries again. */
const MAX_IN_FLIGHT = 1_000;

/** Returns whether it started the work: not while there is some under way for the same session. */
export type StartInBackground = (ref: SessionRef, work: () => Promise<void>) => boolean;

/** What `work` throws goes to `onFailure`, and nowhere else. */
export function createBackground(
  onFailure: (error: unknown) => void,
  maxInFlight = MAX_IN_FLIGHT,
): StartInBackground {
  const inFlight = new Set<SessionRef>();

  return (ref, work) => {
    if (inFlight.has(ref) || inFlight.size >= maxInFlight) return false;
    inFlight.add(ref);
    void work()
      .catch(onFailure)
      .finally(() => inFlight.delete(ref));
    return true;
  };
}
