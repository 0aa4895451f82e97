/** The circuit breakers around an issuer (D8): one for its discovery and keys, one for its token endpoint. */
import {
  createCircuitBreaker,
  type BreakerOptions,
  type CircuitBreaker,
} from '../breaker/circuit-breaker.ts';

export type IssuerBreakerOptions = Pick<BreakerOptions, 'nowMs' | 'onChange'>;

/** After an outage the next attempt waits this long, doubled each time up to the longest; meanwhile the answer comes at once. */
export const FIRST_PAUSE_MS = 1_000;
export const LONGEST_PAUSE_MS = 30_000;

/** How many exchanges of codes must fail in a row: each is of one user, and what fails may lie in that one. */
export const TOKEN_ENDPOINT_FAILURES = 3;

/** Opens with the first failure, whatever it is: what was fetched before goes on being used where it may. */
export function createFetchBreaker(options: IssuerBreakerOptions): CircuitBreaker {
  return issuerBreaker(1, options);
}

/** Opens when the token endpoint does not answer. A refusal is an answer. */
export function createTokenEndpointBreaker(options: IssuerBreakerOptions): CircuitBreaker {
  return issuerBreaker(TOKEN_ENDPOINT_FAILURES, options);
}

function issuerBreaker(failures: number, options: IssuerBreakerOptions): CircuitBreaker {
  return createCircuitBreaker({
    ...options,
    isOutage: () => true,
    failures,
    failingForMs: 0,
    openForMs: (attempt) => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)),
  });
}
