/** How old a connection may get before it is asked to move, so that load spreads to new replicas. */

/** The age, give or take a tenth: connections that were opened together do not all move at once. */
export function jitteredAgeMs(ageMs: number): number {
  return ageMs * (0.9 + Math.random() * 0.2);
}
