/** The servers of the `check` and the `http` listener: every part of a check, put together. */
import type { Server } from 'node:http';
import type { Http2Server } from 'node:http2';
import { createChecker } from '../authz/checker.ts';
import { CHECK_METHOD, createCheckMethod } from '../envoy/check-service.ts';
import { createGrpcServer } from '../envoy/grpc-server.ts';
import { createHealthMethods } from '../envoy/health-service.ts';
import { createForwardAuthServer } from '../forward-auth/forward-auth-server.ts';
import type { Health } from '../ops/health.ts';
import type { Log } from '../ops/log.ts';
import { createMinuteBudget } from '../ops/minute-budget.ts';
import type { Metrics } from '../ops/metrics.ts';
import { createAftercare } from '../session/aftercare.ts';
import type { SessionStore } from '../session/store.ts';
import { createTokenRenewals } from '../token/renewal.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { createCheckReporter } from './report-check.ts';
import { cookieTokenTtlMs, type Runtime } from './runtime.ts';
import { createCheckTracer } from './trace-check.ts';

/** Envoy sends at most 60 KiB of headers by default; the largest that it can be told to send is 8 MiB. */
const MAX_CHECK_BYTES = 1024 * 1024;

/** Whoever can connect can be refused. */
const STRANGERS_LOGGED_PER_MINUTE = 60;

export interface CheckServerParts {
  /** The runtime of the moment: a reload swaps it. */
  readonly runtime: () => Runtime;
  readonly store: SessionStore;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly tracing: Pick<Tracing, 'tracer'>;
  readonly now: () => number;
}

export interface CheckServers {
  /** Not listening yet. Closing one loses no call. */
  readonly grpc: Http2Server;
  readonly http: Server;
  /** How many checks are under way, at both together. */
  readonly inFlight: () => number;
}

export function createCheckServers({
  runtime,
  store,
  health,
  metrics,
  log,
  tracing,
  now,
}: CheckServerParts): CheckServers {
  const onFault = (error: unknown) => log.error('a call failed by a fault of the server', { err: error });
  const aftercare = createAftercare(store, {
    now,
    onFailure: (task, error) => log.warn('work on a session in the background failed', { task, err: error }),
    onRemoved: (ref, problem) => {
      metrics.sessionEnded('corrupt');
      log.error('a corrupt session was removed', { ref, problem });
    },
  });
  const renewals = createTokenRenewals({
    minter: () => runtime().minter,
    ttlMs: () => cookieTokenTtlMs(runtime().config),
    onIssued: () => metrics.tokenIssued('renewed'),
    onFailure: (error) => log.warn('a session token could not be renewed', { err: error }),
  });
  const stores = { sessions: aftercare.reader, rates: store };
  const checker = createChecker({
    policy: () => runtime().policy,
    limits: () => {
      const { deadline, maxInFlight } = runtime().config.check;
      return { deadlineMs: deadline, maxInFlight };
    },
    ...stores,
    renewals,
    now,
    report: createCheckReporter(metrics, log),
    used: aftercare.used,
    beginTrace: createCheckTracer({
      ...stores,
      tracer: () => tracing.tracer,
      onFault: (error) => log.error('a check could not be traced by a fault of the server', { err: error }),
    }),
  });
  const maxConnectionAgeMs = () => runtime().config.check.maxConnectionAge;
  const { server } = createGrpcServer({
    methods: new Map([[CHECK_METHOD, createCheckMethod(checker, onFault)], ...createHealthMethods(health)]),
    maxMessageBytes: MAX_CHECK_BYTES,
    maxConnectionAgeMs,
    onError: onFault,
  });
  const mayLog = createMinuteBudget(STRANGERS_LOGGED_PER_MINUTE, now);
  const http = createForwardAuthServer({
    checker,
    settings: () => runtime().forwardAuth,
    policy: () => runtime().policy,
    maxConnectionAgeMs,
    draining: () => health.draining,
    onStranger(address) {
      if (mayLog()) log.warn('a peer that http.trustedPeers does not name was refused', { address });
    },
    onError: onFault,
  });
  return { grpc: server, http, inFlight: () => checker.inFlight };
}
