/** What the log and the metrics say of circuit breakers. */
import type { BreakerChange, CircuitBreaker } from '../breaker/circuit-breaker.ts';
import type { Log } from '../ops/log.ts';
import type { BreakerReading } from '../ops/metrics.ts';
import type { Runtime } from './runtime.ts';

/** `reason`: of what it opened, a sentence without secrets. */
export type BreakerLog = (dependency: string, state: BreakerChange['state'], reason?: string) => void;

/** A line when a breaker opens and when it closes, and none for the trials between. */
export function createBreakerLog(log: () => Log): BreakerLog {
  return (dependency, state, reason) => {
    if (state === 'open') log().warn('circuit breaker', { dependency, state, reason });
    else log().info('circuit breaker', { dependency, state });
  };
}

/** All that there are: the store's, and those of the identity providers of the runtime of the moment. */
export function readBreakers(store: CircuitBreaker, { identityProviders }: Runtime): BreakerReading[] {
  return [{ dependency: 'store', breaker: store }, ...identityProviders.breakers].map(
    ({ dependency, breaker }) => ({ dependency, state: breaker.state }),
  );
}
