/** Counting requests in the store, so that a limit holds across all replicas (E11). */

export interface RateTake {
  readonly kind: 'session' | 'subject' | 'address';
  /** Whom it counts for: a session's ref, the JSON of [issuer, subject], or an address. Stored as a hash only. */
  readonly of: string;
  readonly limit: number;
  readonly windowMs: number;
}

export type RateOutcome =
  | { readonly allowed: true }
  /** `by` is the limit that was reached; nothing was counted. */
  | { readonly allowed: false; readonly by: RateTake['kind']; readonly retryAfterMs: number };

export interface RateCounter {
  /**
   * Counts one request towards each of the limits, or towards none where one is reached. At most `limit` requests pass in
   * a burst, and no more than that in any `windowMs` on average (GCRA). By the store's clock.
   */
  take(takes: readonly RateTake[]): Promise<RateOutcome>;
}
