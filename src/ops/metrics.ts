/** The server's Prometheus metrics: their names in one table, and one method for each thing that is counted. Hides prom-client. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export interface MetricFacts {
  readonly name: `singlestate_${string}`;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Label name -> what its values are. No value is ever one that a client can choose. */
  readonly labels: Readonly<Record<string, string>>;
}

const TRANSPORT = 'how the check came: `grpc` or `http`';
const DECISION = '`allow`, `deny` or `error`';
const LISTENER = '`check`, `http`, `api` or `ops`';
const OPERATION =
  'of sessions: `read`, `create`, `write`, `revoke`, `revokeMany`, `touch`, `refresh` or `list`; of proofs of identity: `isSpent` or `spend`; of the audit trail: `record` or `audit`; of rate limits: `take`; or `ping`';

/** docs/reference/metrics.md is generated from this table. */
export const METRICS = {
  checks: {
    name: 'singlestate_checks_total',
    type: 'counter',
    help: 'Checks answered.',
    labels: {
      transport: TRANSPORT,
      app: 'the app of the route, by its configured name; `none` where no route matched or it names no app',
      decision: DECISION,
      reason:
        'the reason of a deny or an error; `none` for an allow, or in shadow mode the reason for which it would be a deny',
    },
  },
  checkDuration: {
    name: 'singlestate_check_duration_seconds',
    type: 'histogram',
    help: 'Time from a whole check request to its answer.',
    labels: { transport: TRANSPORT, decision: DECISION },
  },
  checkDeadline: {
    name: 'singlestate_check_deadline_seconds',
    type: 'gauge',
    help: 'How long a check may take: `check.deadline` of the configuration in use.',
    labels: {},
  },
  storeOperations: {
    name: 'singlestate_store_operations_total',
    type: 'counter',
    help: 'Operations asked of the session store.',
    labels: {
      operation: OPERATION,
      outcome:
        '`ok`; other answers: `absent`, `revoked`, `corrupt`, `conflict`, `replayed` (a proof of identity was used before), `limited` (a limit of sessions or of requests is reached), `stale` (the session that was to be replaced has changed), `repeated` (a refresh token within its grace), `reused` (an old one, which ended its session), `refused` (none of a live session); no answer: `timeout`, `unavailable`; not asked, since the circuit breaker was open: `breaker_open`; a mistake of Singlestate: `fault`',
    },
  },
  storeDuration: {
    name: 'singlestate_store_duration_seconds',
    type: 'histogram',
    help: 'Time that operations of the session store took, failed ones included, but not those with the outcome `breaker_open`.',
    labels: { operation: OPERATION },
  },
  breakerState: {
    name: 'singlestate_breaker_state',
    type: 'gauge',
    help: 'Circuit breakers: 1 for the state that each is in, 0 for the others.',
    labels: {
      dependency:
        '`store`; `identity_provider/NAME`: discovery and keys of an identity provider, by its configured name; `identity_provider/NAME/token_endpoint`: where its browser logins are redeemed',
      state: '`closed`: it is asked; `open`: it is not; `half_open`: one call is under way to try it',
    },
  },
  storeDeadline: {
    name: 'singlestate_store_deadline_seconds',
    type: 'gauge',
    help: 'How long one operation of the session store may take: `store.deadline`.',
    labels: {},
  },
  shed: {
    name: 'singlestate_shed_total',
    type: 'counter',
    help: 'Requests refused at once because the server was full.',
    labels: { reason: '`overloaded`: more than `check.maxInFlight` checks were under way' },
  },
  sessionsCreated: {
    name: 'singlestate_sessions_created_total',
    type: 'counter',
    help: 'Sessions opened.',
    labels: { provider: 'the name of the identity provider as configured' },
  },
  sessionsEnded: {
    name: 'singlestate_sessions_ended_total',
    type: 'counter',
    help: 'Sessions ended before their time.',
    labels: {
      cause:
        '`operator`: revoked by one; `logout`: by its user; `provider_logout`: by the identity provider; `superseded`: a new login took its place; `limit`: a newer session of its subject did, at the limit; `refresh_reuse`: an old refresh token was used; `token_revocation`: whoever held its token gave it back; `corrupt`: what was stored is no session document',
    },
  },
  sessionWrites: {
    name: 'singlestate_session_writes_total',
    type: 'counter',
    help: 'Writes to sessions that apps asked for.',
    labels: {
      app: 'the app, by its configured name',
      outcome:
        '`written`; `conflict`: the session was at another version; `not_permitted`: a part that the app may not write; `invalid`: a value that does not fit its JSON Schema, or a request that makes no sense; `too_large`: a document beyond `session.maxBytes`; `no_session`: there is none that is live; `failed`: a fault, such as a store that does not answer',
    },
  },
  tokensIssued: {
    name: 'singlestate_tokens_issued_total',
    type: 'counter',
    help: 'Session tokens signed.',
    labels: {
      cause:
        '`created`: for a session that was opened; `refreshed`: for a refresh token; `renewed`: by a check, for a cookie past half of its life',
    },
  },
  tlsRefused: {
    name: 'singlestate_tls_refused_total',
    type: 'counter',
    help: 'TLS connections that were ended before anything was read from them.',
    labels: {
      listener: LISTENER,
      reason:
        '`handshake_failed`, `handshake_timeout`, or of the client certificate: `no_certificate`, `untrusted_certificate`, `ambiguous_certificate`, `client_not_allowed`',
    },
  },
  tlsCertificateNotBefore: {
    name: 'singlestate_tls_certificate_not_before_timestamp_seconds',
    type: 'gauge',
    help: "When the life of a listener's certificate began, Unix time.",
    labels: { listener: LISTENER },
  },
  tlsCertificateNotAfter: {
    name: 'singlestate_tls_certificate_not_after_timestamp_seconds',
    type: 'gauge',
    help: "When the life of a listener's certificate ends, Unix time.",
    labels: { listener: LISTENER },
  },
  traceSpans: {
    name: 'singlestate_trace_spans_total',
    type: 'counter',
    help: 'Spans that ended, while `tracing` is configured.',
    labels: {
      outcome:
        '`exported`: the collector took them; `dropped`: too many were waiting, or it came while tracing was being changed; `failed`: the collector did not take them',
    },
  },
  configReloads: {
    name: 'singlestate_config_reloads_total',
    type: 'counter',
    help: 'Reloads of the configuration after start-up.',
    labels: { outcome: '`applied`, or `refused` where the file was bad and the last good one stays' },
  },
  configLastReloadSuccessful: {
    name: 'singlestate_config_last_reload_successful',
    type: 'gauge',
    help: '1 while the configuration in use is the one in the file, 0 after a reload was refused.',
    labels: {},
  },
  configLastReloadSuccessTimestamp: {
    name: 'singlestate_config_last_reload_success_timestamp_seconds',
    type: 'gauge',
    help: 'When the configuration in use was loaded, Unix time.',
    labels: {},
  },
  sessionRoutes: {
    name: 'singlestate_session_routes',
    type: 'gauge',
    help: 'SessionRoutes of the cluster, with `kubernetes.sessionRoutes`.',
    labels: { verdict: '`accepted`, or `refused`: the condition of the resource says why' },
  },
  sessionRoutePolicies: {
    name: 'singlestate_session_route_policies',
    type: 'gauge',
    help: 'SessionRoutePolicies of the cluster, with `kubernetes.sessionRoutes`.',
    labels: { verdict: '`read`, or `unreadable`: it grants nothing, and the log says why' },
  },
  sessionRoutesApplies: {
    name: 'singlestate_session_routes_applies_total',
    type: 'counter',
    help: 'Changes of SessionRoutes, policies and namespaces that were taken up, with `kubernetes.sessionRoutes`.',
    labels: { outcome: '`applied`, or `failed`: the state from before stays, and it is tried again' },
  },
  kubernetesWatchUp: {
    name: 'singlestate_kubernetes_watch_up',
    type: 'gauge',
    help: '1 while the API server is watched, 0 while it is out of reach and the last good state stays.',
    labels: { resource: '`sessionroutes`, `sessionroutepolicies` or `namespaces`' },
  },
  kubernetesWrites: {
    name: 'singlestate_kubernetes_writes_total',
    type: 'counter',
    help: 'Verdicts written back to the API server.',
    labels: {
      object: '`status`: the condition of a SessionRoute; `event`: of one that is refused',
      outcome: '`written`; `superseded`: another replica did, or the resource has changed; `failed`',
    },
  },
  buildInfo: {
    name: 'singlestate_build_info',
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: { version: 'the version of Singlestate', node: 'the version of Node' },
  },
} as const satisfies Record<string, MetricFacts>;

/** Upper bounds in seconds: a check takes some hundred microseconds, a store read less, a deadline 50 to 150 ms. */
export const DURATION_BUCKETS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
] as const;

export type Transport = 'grpc' | 'http';
export type DecisionLabel = 'allow' | 'deny' | 'error';
export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;

export interface BreakerReading {
  /** As the table has it. */
  readonly dependency: string;
  readonly state: (typeof BREAKER_STATES)[number];
}

export type ReloadOutcome = 'applied' | 'refused';
export type ApplyOutcome = 'applied' | 'failed';

/** A certificate's life, Unix milliseconds. */
export interface CertificateLife {
  readonly listener: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Every string given must come from a closed set: the code's own words, or names that the configuration holds. */
export interface Metrics {
  /** `app` and `reason` are `none` where there is none. An allow has a reason in shadow mode alone. */
  observeCheck(
    transport: Transport,
    app: string,
    decision: DecisionLabel,
    reason: string,
    seconds: number,
  ): void;
  observeStore(operation: string, outcome: string, seconds: number): void;
  /** `read` is asked at each scrape for all that there are. Without a call there are none. */
  watchBreakers(read: () => readonly BreakerReading[]): void;
  /** `count` requests at once. Default 1. */
  shed(reason: string, count?: number): void;
  sessionCreated(provider: string): void;
  /** `count` sessions at once. Default 1. */
  sessionEnded(cause: string, count?: number): void;
  sessionWritten(app: string, outcome: string): void;
  tokenIssued(cause: string): void;
  tlsRefused(listener: string, reason: string): void;
  spansEnded(outcome: string, count: number): void;
  configReloaded(outcome: ReloadOutcome): void;
  /** Of the configuration in use, milliseconds. */
  deadlines(checkMs: number, storeMs: number): void;
  /** Of the certificates in use, all of them. */
  certificates(lives: readonly CertificateLife[]): void;
  /** Shows it at 0 before it happens: in a counter that appears with its first event, no alert sees a rise. */
  awaitStore(operation: string, outcome: string): void;
  sessionRoutesJudged(accepted: number, refused: number): void;
  sessionRoutePoliciesRead(read: number, unreadable: number): void;
  /** `count` changes at once. Default 1. */
  sessionRoutesApplied(outcome: ApplyOutcome, count?: number): void;
  kubernetesWatched(resource: string, isUp: boolean): void;
  /** `count` objects at once. Default 1. */
  kubernetesWritten(object: string, outcome: string, count?: number): void;
  /** The `content-type` of what `expose` answers: the Prometheus text format 0.0.4. */
  readonly contentType: string;
  /** All metrics, Node's own included, in the text format. */
  expose(): Promise<string>;
}

/** A registry of its own, so that two servers in one process never mix. The configuration counts as loaded now. */
export function createMetrics(build: { readonly version: string }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  let breakers: () => readonly BreakerReading[] = () => [];
  const instruments = createInstruments(registry, () => breakers());
  instruments.buildInfo.set({ version: build.version, node: process.version }, 1);
  instruments.configReloads.inc({ outcome: 'applied' }, 0);
  instruments.configReloads.inc({ outcome: 'refused' }, 0);
  markLoaded(instruments);
  return {
    observeCheck(transport, app, decision, reason, seconds) {
      instruments.checks.inc({ transport, app, decision, reason });
      instruments.checkDuration.observe({ transport, decision }, seconds);
    },
    observeStore(operation, outcome, seconds) {
      instruments.storeOperations.inc({ operation, outcome });
      if (outcome !== NOT_ASKED) instruments.storeDuration.observe({ operation }, seconds);
    },
    watchBreakers: (read) => void (breakers = read),
    shed: (reason, count = 1) => instruments.shed.inc({ reason }, count),
    sessionCreated: (provider) => instruments.sessionsCreated.inc({ provider }),
    sessionEnded: (cause, count = 1) => instruments.sessionsEnded.inc({ cause }, count),
    sessionWritten: (app, outcome) => instruments.sessionWrites.inc({ app, outcome }),
    tokenIssued: (cause) => instruments.tokensIssued.inc({ cause }),
    tlsRefused: (listener, reason) => instruments.tlsRefused.inc({ listener, reason }),
    spansEnded: (outcome, count) => instruments.traceSpans.inc({ outcome }, count),
    configReloaded(outcome) {
      instruments.configReloads.inc({ outcome });
      if (outcome === 'applied') markLoaded(instruments);
      else instruments.configLastReloadSuccessful.set(0);
    },
    deadlines(checkMs, storeMs) {
      instruments.checkDeadline.set(checkMs / 1_000);
      instruments.storeDeadline.set(storeMs / 1_000);
    },
    certificates(lives) {
      for (const { listener, fromMs, toMs } of lives) {
        instruments.tlsCertificateNotBefore.set({ listener }, fromMs / 1_000);
        instruments.tlsCertificateNotAfter.set({ listener }, toMs / 1_000);
      }
    },
    awaitStore: (operation, outcome) => instruments.storeOperations.inc({ operation, outcome }, 0),
    sessionRoutesJudged(accepted, refused) {
      instruments.sessionRoutes.set({ verdict: 'accepted' }, accepted);
      instruments.sessionRoutes.set({ verdict: 'refused' }, refused);
    },
    sessionRoutePoliciesRead(read, unreadable) {
      instruments.sessionRoutePolicies.set({ verdict: 'read' }, read);
      instruments.sessionRoutePolicies.set({ verdict: 'unreadable' }, unreadable);
    },
    sessionRoutesApplied: (outcome, count = 1) => instruments.sessionRoutesApplies.inc({ outcome }, count),
    kubernetesWatched: (resource, isUp) => instruments.kubernetesWatchUp.set({ resource }, Number(isUp)),
    kubernetesWritten: (object, outcome, count = 1) =>
      instruments.kubernetesWrites.inc({ object, outcome }, count),
    contentType: registry.contentType,
    expose: () => registry.metrics(),
  };
}

/** The outcome of an operation that took no time, since there was none. */
const NOT_ASKED = 'breaker_open';

function markLoaded(instruments: Instruments): void {
  instruments.configLastReloadSuccessful.set(1);
  instruments.configLastReloadSuccessTimestamp.setToCurrentTime();
}

type LabelOf<F extends MetricFacts> = Extract<keyof F['labels'], string>;

function settings<F extends MetricFacts>(facts: F, registry: Registry) {
  const labelNames = Object.keys(facts.labels) as LabelOf<F>[];
  return { name: facts.name, help: facts.help, labelNames, registers: [registry] };
}

type Instruments = ReturnType<typeof createInstruments>;

function createInstruments(registry: Registry, breakers: () => readonly BreakerReading[]) {
  const counter = <F extends MetricFacts>(facts: F) => new Counter<LabelOf<F>>(settings(facts, registry));
  const gauge = <F extends MetricFacts>(facts: F) => new Gauge<LabelOf<F>>(settings(facts, registry));
  const histogram = <F extends MetricFacts>(facts: F) =>
    new Histogram<LabelOf<F>>({ ...settings(facts, registry), buckets: [...DURATION_BUCKETS] });
  return {
    checks: counter(METRICS.checks),
    checkDuration: histogram(METRICS.checkDuration),
    checkDeadline: gauge(METRICS.checkDeadline),
    storeOperations: counter(METRICS.storeOperations),
    storeDuration: histogram(METRICS.storeDuration),
    breakerState: breakerGauge(registry, breakers),
    storeDeadline: gauge(METRICS.storeDeadline),
    shed: counter(METRICS.shed),
    sessionsCreated: counter(METRICS.sessionsCreated),
    sessionsEnded: counter(METRICS.sessionsEnded),
    sessionWrites: counter(METRICS.sessionWrites),
    tokensIssued: counter(METRICS.tokensIssued),
    tlsRefused: counter(METRICS.tlsRefused),
    tlsCertificateNotBefore: gauge(METRICS.tlsCertificateNotBefore),
    tlsCertificateNotAfter: gauge(METRICS.tlsCertificateNotAfter),
    traceSpans: counter(METRICS.traceSpans),
    configReloads: counter(METRICS.configReloads),
    configLastReloadSuccessful: gauge(METRICS.configLastReloadSuccessful),
    configLastReloadSuccessTimestamp: gauge(METRICS.configLastReloadSuccessTimestamp),
    sessionRoutes: gauge(METRICS.sessionRoutes),
    sessionRoutePolicies: gauge(METRICS.sessionRoutePolicies),
    sessionRoutesApplies: counter(METRICS.sessionRoutesApplies),
    kubernetesWatchUp: gauge(METRICS.kubernetesWatchUp),
    kubernetesWrites: counter(METRICS.kubernetesWrites),
    buildInfo: gauge(METRICS.buildInfo),
  };
}

/** Set anew at each scrape: a reload may have taken an identity provider away. */
function breakerGauge(registry: Registry, read: () => readonly BreakerReading[]) {
  return new Gauge<LabelOf<typeof METRICS.breakerState>>({
    ...settings(METRICS.breakerState, registry),
    collect() {
      this.reset();
      for (const { dependency, state } of read())
        for (const each of BREAKER_STATES) this.set({ dependency, state: each }, Number(each === state));
    },
  });
}
