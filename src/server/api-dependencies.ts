/** What the Session API is given, read from the runtime of the moment. */
import type { ApiDependencies } from '../api/dependencies.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { SessionStore } from '../session/store.ts';
import type { Runtime } from './runtime.ts';

export interface ApiParts {
  readonly runtime: () => Runtime;
  readonly store: SessionStore;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly now: () => number;
}

export function apiDependencies({ runtime, store, metrics, log, now }: ApiParts): ApiDependencies {
  return {
    store,
    log,
    get limits() {
      const { idleTimeout, absoluteTimeout, maxBytes } = runtime().config.session;
      return { idleTimeoutMs: idleTimeout, absoluteTimeoutMs: absoluteTimeout, maxBytes };
    },
    get identityProviders() {
      return runtime().identityProviders;
    },
    get operators() {
      return runtime().operators;
    },
    jwks: () => runtime().keyRing.publicJwks,
    mint: (request) => runtime().minter.mintSessionToken({ ...request, ttlMs: runtime().config.token.ttl }),
    nowMs: now,
    onCreated: (provider) => metrics.sessionCreated(provider),
    onEnded: (cause) => metrics.sessionEnded(cause),
    onTokenIssued: (cause) => metrics.tokenIssued(cause),
  };
}
