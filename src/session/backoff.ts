/** How long to wait before each further attempt. */

export interface Backoff {
  /** The next delay in milliseconds. */
  readonly nextMs: () => number;
  /** After a success: the next delay is a first one again. */
  readonly reset: () => void;
}

export interface BackoffOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  /** From 0 to below 1. Default `Math.random`. */
  readonly random?: () => number;
}

/** Exponential, capped, with full jitter, for ever (D7): replicas that lost the same server do not return as one. */
export function createBackoff({ firstMs, longestMs, random = Math.random }: BackoffOptions): Backoff {
  let attempts = 0;
  return {
    nextMs: () => random() * Math.min(firstMs * 2 ** attempts++, longestMs),
    reset: () => (attempts = 0),
  };
}
