/** What the Session API and the browser's routes are given, read from the runtime of the moment. */
import type { ApiDependencies } from '../api/dependencies.ts';
import type { LifecycleDependencies, SessionLimits } from '../lifecycle/dependencies.ts';
import type { LoginDependencies } from '../login/dependencies.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { SessionStore } from '../session/store.ts';
import { cookieTokenTtlMs, type Runtime } from './runtime.ts';

export interface ApiParts {
  readonly runtime: () => Runtime;
  readonly store: SessionStore;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly now: () => number;
}

export function apiDependencies(parts: ApiParts): ApiDependencies & LoginDependencies {
  const { runtime, metrics, log } = parts;
  return {
    ...lifecycleDependencies(parts),
    log,
    get limits() {
      return sessionLimits(runtime().config);
    },
    get config() {
      return runtime().config;
    },
    get identityProviders() {
      return runtime().identityProviders.byName;
    },
    get loginProviders() {
      return runtime().identityProviders.login;
    },
    get logoutTokens() {
      return runtime().identityProviders.logoutTokens;
    },
    get sealer() {
      return runtime().sealer;
    },
    get operators() {
      return runtime().operators;
    },
    get workloads() {
      return runtime().workloads;
    },
    get tokens() {
      return runtime().policy.tokens;
    },
    get tokenIssuer() {
      return runtime().config.token.issuer;
    },
    get views() {
      return runtime().views;
    },
    get writeRules() {
      return runtime().writeRules;
    },
    jwks: () => runtime().keyRing.publicJwks,
    onWritten: (app, outcome) => metrics.sessionWritten(app, outcome),
  };
}

function lifecycleDependencies({
  runtime,
  store,
  metrics,
  now,
}: ApiParts): Omit<LifecycleDependencies, 'limits'> {
  return {
    store,
    mint({ forBrowser = false, ...request }) {
      const { config, minter } = runtime();
      const ttlMs = forBrowser ? cookieTokenTtlMs(config) : config.token.ttl;
      return minter.mintSessionToken({ ...request, ttlMs });
    },
    nowMs: now,
    onCreated: (provider) => metrics.sessionCreated(provider),
    onEnded: (cause, count) => metrics.sessionEnded(cause, count),
    onTokenIssued: (cause) => metrics.tokenIssued(cause),
  };
}

function sessionLimits({ session, token }: Config): SessionLimits {
  const { idleTimeout, absoluteTimeout, maxBytes, maxPerSubject, carryOver } = session;
  return {
    idleTimeoutMs: idleTimeout,
    absoluteTimeoutMs: absoluteTimeout,
    maxBytes,
    maxPerSubject,
    carryOver,
    refreshGraceMs: token.refreshGrace,
  };
}
