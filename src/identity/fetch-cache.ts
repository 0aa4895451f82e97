/**
 * Keeps what was fetched from an issuer. Hides freshness, the floor between two fetches, and an issuer that is down: while
 * its circuit breaker is open it is asked by one caller at a time, and everybody else has the answer at once.
 */
import type { CircuitBreaker } from '../breaker/circuit-breaker.ts';

/** What was fetched, and when: Unix milliseconds. */
export interface Fetched<T> {
  readonly value: T;
  readonly atMs: number;
}

export interface FetchCacheOptions<T> {
  readonly nowMs: () => number;
  /** One that opens with the first failure (`createFetchBreaker`). */
  readonly breaker: CircuitBreaker;
  /** Told of every fetch that failed, for the log. */
  readonly onFailure: (cause: unknown) => void;
  /** What another one fetched from there: used only where the first fetch of this one fails. */
  readonly inherited?: Fetched<T> | undefined;
}

/** `too_soon`: what is there was fetched a moment ago. */
export type Refresh = 'fetched' | 'failed' | 'too_soon';

/** No method rejects. */
export interface FetchCache<T> {
  /** What was fetched within `USABLE_MS`, and within `FRESH_MS` where the issuer answers; else undefined. */
  get(): Promise<T | undefined>;
  /** Only while the issuer is up, as far as was seen within `FETCH_FLOOR_MS`: for what is of no use while it is down. */
  getWhileUp(): Promise<T | undefined>;
  refresh(): Promise<Refresh>;
  /** The last that was fetched, however old. */
  content(): Fetched<T> | undefined;
}

/** What is older than this is fetched again before it is used. */
export const FRESH_MS = 600_000;

/** While fetching fails, what is there is used for this long in all: a key that was withdrawn is not trusted for longer. */
export const USABLE_MS = 3_600_000;

/** Between two fetches at the least, so that made-up key ids can't drive traffic to the issuer. */
export const FETCH_FLOOR_MS = 30_000;

/** `load` must end by itself, in time. */
export function createFetchCache<T>(
  load: () => Promise<T>,
  { nowMs, breaker, onFailure, inherited }: FetchCacheOptions<T>,
): FetchCache<T> {
  let content = inherited;
  let underWay: Promise<Refresh> | undefined;

  async function fetchOnce(): Promise<Refresh> {
    const startedAtMs = nowMs();
    try {
      content = { value: await breaker.run('trial', load), atMs: startedAtMs };
      return 'fetched';
    } catch (cause) {
      onFailure(cause);
      return 'failed';
    }
  }

  async function refresh(): Promise<Refresh> {
    // Nobody but the one who tries waits for an issuer that failed last time.
    if (!breaker.admits('trial')) return 'failed';
    if (underWay !== undefined) return underWay;
    if (breaker.state === 'closed' && isFresh(FETCH_FLOOR_MS)) return 'too_soon';
    underWay = fetchOnce();
    try {
      return await underWay;
    } finally {
      underWay = undefined;
    }
  }

  const isYoungerThan = (ageMs: number) => content !== undefined && nowMs() < content.atMs + ageMs;
  const isFresh = (ageMs: number) => content !== inherited && isYoungerThan(ageMs);
  return {
    refresh,
    content: () => content,
    async get() {
      if (!isFresh(FRESH_MS)) await refresh();
      return isYoungerThan(USABLE_MS) ? content?.value : undefined;
    },
    async getWhileUp() {
      if (breaker.state === 'closed' && isFresh(FETCH_FLOOR_MS)) return content?.value;
      return (await refresh()) === 'failed' ? undefined : content?.value;
    },
  };
}
