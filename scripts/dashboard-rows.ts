/** What the dashboard shows, row by row: every metric of src/ops/metrics.ts, and those of Node that say how it fares. */
import type { PanelFacts } from './dashboard-panels.ts';

/** The series of the releases and replicas that the reader chose. */
function chosen(metric: string, matchers = ''): string {
  const more = matchers === '' ? '' : `,${matchers}`;
  return `${metric}{namespace=~"$namespace",job=~"$job",pod=~"$pod"${more}}`;
}

const rate = (metric: string, matchers?: string) => `rate(${chosen(metric, matchers)}[$__rate_interval])`;
const sum = (by: string, expr: string) => `sum by (${by}) (${expr})`;
const quantile = (q: number, by: string, metric: string, matchers?: string) =>
  `histogram_quantile(${q}, ${sum(by, rate(`${metric}_bucket`, matchers))})`;

const CHECKS = 'singlestate_checks_total';
const DURATION = 'singlestate_check_duration_seconds';
const STORE = 'singlestate_store_operations_total';
const ERROR_SHARE = `sum(${rate(CHECKS, 'decision="error"')}) / sum(${rate(CHECKS)})`;

const glance: readonly PanelFacts[] = [
  {
    title: 'Replicas',
    description: 'Replicas that Prometheus scrapes.',
    unit: 'short',
    queries: { replicas: `count(${chosen('singlestate_build_info')})` },
  },
  {
    title: 'Checks a second',
    description: 'All checks, however they end.',
    unit: 'reqps',
    queries: { checks: `sum(${rate(CHECKS)})` },
  },
  {
    title: 'Failing closed',
    description: 'The share of checks that end in an error and are answered 503. Nothing to see is right.',
    unit: 'percentunit',
    queries: { errors: ERROR_SHARE },
  },
  {
    title: 'p99 of a check',
    description: 'From a whole request to its answer, errors left out.',
    unit: 's',
    queries: { p99: quantile(0.99, 'le', DURATION, 'decision!="error"') },
  },
  {
    title: 'Breakers not closed',
    description: 'Circuit breakers of replicas that are open or half-open. 0 is right.',
    unit: 'short',
    queries: { breakers: `sum(${chosen('singlestate_breaker_state', 'state!="closed"')})` },
  },
  {
    title: 'Configurations refused',
    description: 'Replicas whose changed configuration was refused. 0 is right.',
    unit: 'short',
    queries: { replicas: `sum(1 - ${chosen('singlestate_config_last_reload_successful')})` },
  },
].map((facts) => ({ ...facts, kind: 'stat', width: 4 }) as PanelFacts);

const decisions: readonly PanelFacts[] = [
  {
    title: 'Decisions',
    description: 'A deny is about callers, an error about Singlestate or its store.',
    unit: 'reqps',
    kind: 'stacked',
    queries: { '{{decision}}': sum('decision', rate(CHECKS)) },
  },
  {
    title: 'Denials by reason',
    description: 'A reason that grows alone is a change of clients, keys, routes or scopes, or an attack.',
    unit: 'reqps',
    kind: 'stacked',
    queries: { '{{reason}}': sum('reason', rate(CHECKS, 'decision="deny"')) },
  },
  {
    title: 'Errors by reason',
    description: 'Requests that are answered 503.',
    unit: 'reqps',
    kind: 'stacked',
    queries: { '{{reason}}': sum('reason', rate(CHECKS, 'decision="error"')) },
  },
  {
    title: 'Checks by app',
    description: 'By the app of the route; "none" where no route matched or it names no app.',
    unit: 'reqps',
    queries: { '{{app}}': sum('app', rate(CHECKS)) },
  },
  {
    title: 'Checks by transport',
    description: 'How gateways ask.',
    unit: 'reqps',
    queries: { '{{transport}}': sum('transport', rate(CHECKS)) },
  },
  {
    title: 'Checks by replica',
    description: 'Even lines are right; gRPC connections that never move are not.',
    unit: 'reqps',
    queries: { '{{pod}} {{instance}}': sum('pod, instance', rate(CHECKS)) },
  },
];

const latency: readonly PanelFacts[] = [
  {
    title: 'Duration of checks',
    description: 'How many checks took how long.',
    unit: 's',
    kind: 'heatmap',
    queries: { '{{le}}': sum('le', rate(`${DURATION}_bucket`)) },
  },
  {
    title: 'Quantiles against the deadline',
    description: 'Errors left out: what reaches the deadline is one.',
    unit: 's',
    queries: {
      p50: quantile(0.5, 'le', DURATION, 'decision!="error"'),
      p99: quantile(0.99, 'le', DURATION, 'decision!="error"'),
      'p99.9': quantile(0.999, 'le', DURATION, 'decision!="error"'),
      deadline: `min(${chosen('singlestate_check_deadline_seconds')})`,
    },
  },
  {
    title: 'p99 by transport and decision',
    description: 'An error that is quick comes from an open breaker or a full server.',
    unit: 's',
    queries: { '{{transport}} {{decision}}': quantile(0.99, 'transport, decision, le', DURATION) },
  },
];

const store: readonly PanelFacts[] = [
  {
    title: 'Store operations',
    description: 'What is asked of the session store; ping is the probe of readiness.',
    unit: 'ops',
    queries: { '{{operation}}': sum('operation', rate(STORE)) },
  },
  {
    title: 'Store failures',
    description: 'Operations that the store did not answer, or was spared by the breaker.',
    unit: 'ops',
    kind: 'stacked',
    queries: {
      '{{operation}} {{outcome}}': sum(
        'operation, outcome',
        rate(STORE, 'outcome=~"timeout|unavailable|breaker_open|fault"'),
      ),
    },
  },
  {
    title: 'p99 of store operations against the deadline',
    description: 'At store.deadline an operation fails.',
    unit: 's',
    queries: {
      '{{operation}}': quantile(0.99, 'operation, le', 'singlestate_store_duration_seconds'),
      deadline: `min(${chosen('singlestate_store_deadline_seconds')})`,
    },
  },
];

const sessions: readonly PanelFacts[] = [
  {
    title: 'Sessions opened',
    description: 'By identity provider.',
    unit: 'cps',
    queries: { '{{provider}}': sum('provider', rate('singlestate_sessions_created_total')) },
  },
  {
    title: 'Sessions ended before their time',
    description: 'refresh_reuse and corrupt are worth a look, each time.',
    unit: 'cps',
    queries: { '{{cause}}': sum('cause', rate('singlestate_sessions_ended_total')) },
  },
  {
    title: 'Session tokens signed',
    description: 'Renewed: by checks, for cookies past half of their life.',
    unit: 'cps',
    queries: { '{{cause}}': sum('cause', rate('singlestate_tokens_issued_total')) },
  },
  {
    title: 'Revocations',
    description: 'A revocation that was not acknowledged may not hold.',
    unit: 'ops',
    queries: {
      '{{operation}} {{outcome}}': sum('operation, outcome', rate(STORE, 'operation=~"revoke|revokeMany"')),
    },
  },
  {
    title: 'Revocation lag',
    description: 'p99 until a revocation is acknowledged; from then on it holds on every replica.',
    unit: 's',
    queries: {
      '{{operation}}': quantile(
        0.99,
        'operation, le',
        'singlestate_store_duration_seconds',
        'operation=~"revoke|revokeMany"',
      ),
    },
  },
  {
    title: 'Writes of apps',
    description:
      'conflict is a lost race, which the app tries again; the other refusals are mistakes of the app.',
    unit: 'ops',
    queries: { '{{app}} {{outcome}}': sum('app, outcome', rate('singlestate_session_writes_total')) },
  },
];

const protection: readonly PanelFacts[] = [
  {
    title: 'Circuit breakers',
    description: 'How many replicas have a breaker in each state other than closed, by what it guards.',
    unit: 'short',
    queries: {
      '{{dependency}} {{state}}': sum(
        'dependency, state',
        chosen('singlestate_breaker_state', 'state!="closed"'),
      ),
    },
  },
  {
    title: 'Refused because full',
    description: 'Requests beyond check.maxInFlight.',
    unit: 'reqps',
    queries: { '{{reason}}': sum('reason', rate('singlestate_shed_total')) },
  },
  {
    title: 'Refused by TLS',
    description: 'Connections that were ended before anything was read from them.',
    unit: 'cps',
    queries: { '{{listener}} {{reason}}': sum('listener, reason', rate('singlestate_tls_refused_total')) },
  },
];

const NOT_AFTER = chosen('singlestate_tls_certificate_not_after_timestamp_seconds');

const operation: readonly PanelFacts[] = [
  {
    title: 'Reloads',
    description: 'Of the configuration, on all replicas.',
    unit: 'short',
    queries: {
      '{{outcome}}': sum(
        'outcome',
        `increase(${chosen('singlestate_config_reloads_total')}[$__rate_interval])`,
      ),
    },
  },
  {
    title: 'Age of the configuration in use',
    description: 'Replicas that differ for more than some minutes have not all got the change.',
    unit: 's',
    queries: {
      '{{pod}} {{instance}}': `time() - ${chosen('singlestate_config_last_reload_success_timestamp_seconds')}`,
    },
  },
  {
    title: 'Life left of certificates',
    description: 'The least of all replicas, as a share of the whole. Renewal comes at a third, or at half.',
    unit: 'percentunit',
    queries: {
      '{{listener}}': `min by (listener) ((${NOT_AFTER} - time()) / (${NOT_AFTER} - ${chosen('singlestate_tls_certificate_not_before_timestamp_seconds')}))`,
    },
  },
];

/** Empty where neither is turned on. */
const optional: readonly PanelFacts[] = [
  {
    title: 'SessionRoutes',
    description:
      'With their policies, at the replica that has the most. A refused one says why in its condition, an unreadable policy in the log. Needs kubernetes.sessionRoutes.',
    unit: 'short',
    queries: {
      '{{verdict}}': `max by (verdict) (${chosen('singlestate_session_routes')})`,
      'policies, {{verdict}}': `max by (verdict) (${chosen('singlestate_session_route_policies')})`,
    },
  },
  {
    title: 'SessionRoutes taken up',
    description:
      'Changes of the cluster. After a failed one the state from before stays. Needs kubernetes.sessionRoutes.',
    unit: 'ops',
    queries: { '{{outcome}}': sum('outcome', rate('singlestate_session_routes_applies_total')) },
  },
  {
    title: 'Resources that are not watched',
    description:
      'How many replicas do not hear of changes: grants that were withdrawn still hold there. 0 is right. Needs kubernetes.sessionRoutes.',
    unit: 'short',
    queries: { '{{resource}}': sum('resource', `1 - ${chosen('singlestate_kubernetes_watch_up')}`) },
  },
  {
    title: 'Verdicts written back',
    description: 'Of conditions and events; failed ones are tried again. Needs kubernetes.sessionRoutes.',
    unit: 'ops',
    queries: {
      '{{object}} {{outcome}}': sum('object, outcome', rate('singlestate_kubernetes_writes_total')),
    },
  },
  {
    title: 'Spans of traces',
    description: 'dropped and failed are missing from traces, and do no other harm. Needs tracing.',
    unit: 'ops',
    queries: { '{{outcome}}': sum('outcome', rate('singlestate_trace_spans_total')) },
  },
];

const node: readonly PanelFacts[] = [
  {
    title: 'Processor time',
    description: 'In cores. A replica does its work on one.',
    unit: 'short',
    queries: { '{{pod}} {{instance}}': rate('process_cpu_seconds_total') },
  },
  {
    title: 'Event loop lag',
    description: 'p99. Every check waits for it.',
    unit: 's',
    queries: { '{{pod}} {{instance}}': chosen('nodejs_eventloop_lag_p99_seconds') },
  },
  {
    title: 'Garbage collection',
    description: 'Seconds a second, by kind.',
    unit: 'percentunit',
    queries: { '{{kind}}': sum('kind', rate('nodejs_gc_duration_seconds_sum')) },
  },
  {
    title: 'Memory',
    description: 'Resident, against the limit of the pod.',
    unit: 'bytes',
    queries: { '{{pod}} {{instance}}': chosen('process_resident_memory_bytes') },
  },
  {
    title: 'Heap used',
    description: 'What grows from day to day is a leak.',
    unit: 'bytes',
    queries: { '{{pod}} {{instance}}': chosen('nodejs_heap_size_used_bytes') },
  },
  {
    title: 'Open file descriptors',
    description: 'Connections above all.',
    unit: 'short',
    queries: { '{{pod}} {{instance}}': chosen('process_open_fds') },
  },
];

export const ROWS: Readonly<Record<string, readonly PanelFacts[]>> = {
  'At a glance': glance,
  'Traffic and decisions': decisions,
  'Latency of checks': latency,
  'Session store': store,
  'Sessions and writes': sessions,
  'Breakers, load and TLS': protection,
  'Configuration and certificates': operation,
  'SessionRoutes and tracing': optional,
  Node: node,
};
