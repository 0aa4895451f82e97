/** The start-up list, in order: configuration, store, servers, listeners, reload; and the way back down. */
import type { Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createApiServer } from '../api/api-server.ts';
import type { SharedKeys } from '../identity/issuer-keys.ts';
import { createLoginRoutes } from '../login/routes.ts';
import type { Environment } from '../config/environment.ts';
import { parseAddress, type Address } from '../net/address.ts';
import { listen, type Listening } from '../net/listener.ts';
import { createHealth, startProbe } from '../ops/health.ts';
import { createLog, type Log } from '../ops/log.ts';
import { createMetrics } from '../ops/metrics.ts';
import { startOpsServer } from '../ops/ops-server.ts';
import type { SessionStore } from '../session/store.ts';
import { createTracing } from '../tracing/tracing.ts';
import { apiDependencies } from './api-dependencies.ts';
import { createBreakerLog, readBreakers } from './breaker-log.ts';
import { createCheckServers } from './check-server.ts';
import { explainStore, openGuardedStore } from './guarded-store.ts';
import { loadRuntime } from './load-runtime.ts';
import { createTerminations, type ListenerName } from './listener-tls.ts';
import { startReloading } from './reload.ts';
import { showRareEvents, showRuntime } from './runtime-metrics.ts';
import type { Runtime } from './runtime.ts';
import { createRuntimeHolder } from './runtime-holder.ts';
import { SESSION_ROUTES_CHECK, startClusterRoutes } from './session-routes.ts';
import { StartError } from './start-error.ts';
import { tracingOptions } from './trace-export.ts';

export interface ServerOptions {
  readonly configFile: string;
  readonly env: Environment;
  readonly version: string;
  /** What tests put in place of the real thing: time, log lines, and a store between the real one and its users. */
  readonly seams?: {
    readonly now?: () => number;
    readonly log?: Log;
    readonly wrapStore?: (store: SessionStore) => SessionStore;
  };
}

export interface RunningServer {
  /** With the ports that the system chose where the configuration says 0. */
  readonly addresses: {
    readonly check: Address;
    /** Where `listen.http` is configured. */
    readonly http: Address | undefined;
    readonly api: Address;
    readonly ops: Address;
  };
  /** Reads the configuration again, now; what is wrong with it is logged and counted, and changes nothing. */
  reload(): Promise<void>;
  /**
   * Goes down without failing a check: readiness first, then after `check.drainDelay` no new connections, then the
   * checks under way for up to `check.drainTimeout`. A second call waits for the same end.
   */
  stop(): Promise<void>;
}

/**
 * Starts a server that answers checks. Resolves once every listener is open; the store may still be out of reach.
 * Rejects with `StartError` or `ListenError`, and leaves nothing open.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { now = Date.now, wrapStore = (opened: SessionStore) => opened } = options.seams ?? {};
  const onFetchFailure = (problem: string, cause: unknown) => log.warn(problem, { err: cause });
  const onBreaker = createBreakerLog(() => log);
  const load = (issuerKeys?: SharedKeys) =>
    loadRuntime(options.configFile, options.env, { now, onFetchFailure, onBreaker, issuerKeys });
  const built = await load();
  if (!built.ok) throw new StartError(built.problems.join('\n'));
  const holder = createRuntimeHolder(built.runtime, {
    now,
    onFault: (route, error) => log.error('a SessionRoute could not be judged', { route, err: error }),
  });
  const { current } = holder;
  const { config, tls } = built.runtime;

  await using undo = new AsyncDisposableStack();
  const log = options.seams?.log ?? createLog(config.log);
  built.warnings.forEach((warning) => log.warn(warning));
  const metrics = createMetrics({ version: options.version });
  showRareEvents(metrics);
  showRuntime(metrics, built.runtime);
  const cluster = config.kubernetes?.sessionRoutes ? config.kubernetes : undefined;
  const health = createHealth(['store', ...(cluster ? [SESSION_ROUTES_CHECK] : [])]);
  const guarded = await openGuardedStore({ runtime: current, metrics, log, onBreaker });
  metrics.watchBreakers(() => readBreakers(guarded.breaker, current()));
  const store = wrapStore(guarded.store);
  undo.defer(() => store.close());
  const probe = startProbe({ health, name: 'store', probe: () => store.ping(), explain: explainStore });
  undo.defer(() => probe.stop());

  if (cluster !== undefined) {
    const { env } = options;
    const routes = await startClusterRoutes(cluster, { env, holder, health, metrics, log, now });
    undo.defer(() => routes.stop());
  }

  const tracing = createTracing(tracingOptions(config, { version: options.version, metrics, log, now }));
  undo.defer(() => tracing.stop());
  await tracing.configure(built.runtime.tracing);

  const checks = createCheckServers({ runtime: current, store, health, metrics, log, tracing, now });
  const deps = apiDependencies({ runtime: current, store, metrics, log, now });
  const stopping = new AbortController();
  const api = createApiServer(deps, {
    routes: createLoginRoutes(deps),
    audit: { stopping: stopping.signal },
  });

  const terminations = createTerminations(tls, { log, metrics, now });
  const opened = (listening: Listening) => {
    undo.defer(() => listening.close(0));
    return listening;
  };
  const open = async (name: ListenerName, server: NetServer, address: string) =>
    opened(await listen(server, parseAddress(address), { name, tls: terminations.of(name) }));
  const where = config.listen;
  const opsAt = { address: parseAddress(where.ops), tls: terminations.of('ops') };
  const ops = opened(await startOpsServer({ ...opsAt, metrics, health }));
  const apiListening = await open('api', api, where.api);
  const http = where.http === undefined ? [] : [await open('http', checks.http, where.http)];
  const check = await open('check', checks.grpc, where.check);

  const reloading = startReloading({
    configFile: options.configFile,
    load: () => load(current().issuerKeys.successor()),
    metrics,
    log,
    trail: store,
    current,
    swap: async (next) => {
      await holder.setConfiguration(next);
      terminations.update(next.tls);
      showRuntime(metrics, next);
      log.configure(next.config.log);
      tracing
        .configure(next.tracing)
        .catch((error: unknown) => log.error('tracing could not be changed', { err: error }));
      prefetchKeys(next);
    },
  });
  prefetchKeys(built.runtime);
  const down = undo.move();
  log.info('started', { version: options.version, listen: config.listen, routes: config.routes.length });

  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    const { drainDelay, drainTimeout } = current().config.check;
    log.info('draining', { checks: checks.inFlight() });
    reloading.stop();
    stopping.abort();
    health.drain();
    await delay(drainDelay);
    await Promise.all([check, ...http, apiListening].map((listening) => listening.close(drainTimeout)));
    await down.disposeAsync();
    log.info('stopped');
    await log.flush();
  }
  return {
    addresses: { check: check.address, http: http[0]?.address, api: apiListening.address, ops: ops.address },
    reload: () => reloading.now(),
    stop: () => (stopped ??= stop()),
  };
}

/** So that the first login does not wait for it, and a wrong address shows in the log at once. */
function prefetchKeys({ identityProviders }: Runtime): void {
  for (const provider of identityProviders.byName.values()) void provider.prefetch();
}
