/** The store of a running server: with its circuit breaker, every operation counted, and what happens to it logged. */
import type { CircuitBreaker } from '../breaker/circuit-breaker.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import { createStoreBreaker, guardStore } from '../session/guarded-store.ts';
import { observeStore } from '../session/observed-store.ts';
import { StoreError, type SessionStore } from '../session/store.ts';
import type { BreakerLog } from './breaker-log.ts';
import { openStore, storeSurroundings } from './open-store.ts';
import type { Runtime } from './runtime.ts';

export interface GuardedStoreParts {
  readonly runtime: () => Pick<Runtime, 'config' | 'sealer'>;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly onBreaker: BreakerLog;
}

export interface GuardedStore {
  readonly store: SessionStore;
  readonly breaker: CircuitBreaker;
}

/** Rejects with `StartError`. */
export async function openGuardedStore(parts: GuardedStoreParts): Promise<GuardedStore> {
  const { runtime, metrics, log } = parts;
  const { store: config } = runtime().config;
  const opened = await openStore(
    config,
    storeSurroundings(runtime, (change) => log.info('store connection', { ...change })),
  );
  const breaker = breakerOf(config, parts.onBreaker);
  const store = observeStore(guardStore(opened, breaker), (operation, outcome, seconds) =>
    metrics.observeStore(operation, outcome, seconds),
  );
  return { store, breaker };
}

function breakerOf({ breaker }: Config['store'], onBreaker: BreakerLog): CircuitBreaker {
  return createStoreBreaker({
    failures: breaker.failures,
    failingForMs: breaker.failingFor,
    openForMs: () => breaker.openFor,
    onChange: (change) =>
      onBreaker('store', change.state, change.state === 'open' ? explainStore(change.cause) : undefined),
  });
}

/** A `StoreError` says what is wrong without naming a key or a secret. */
export function explainStore(error: unknown): string {
  return error instanceof StoreError ? error.message : 'it failed';
}
