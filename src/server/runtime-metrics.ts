/** What the metrics say before anything happens: the limits in use, the certificates, and rare events at 0. */
import { X509Certificate } from 'node:crypto';
import { REPORT_OUTCOMES, WRITTEN_OBJECTS } from '../kubernetes/report.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { StoreOutcome } from '../session/observed-store.ts';
import { REVOCATION_CAUSES, type StoreOperation } from '../session/store.ts';
import type { Runtime } from './runtime.ts';

/** Of the runtime in use: to be told again at each reload. */
export function showRuntime(metrics: Metrics, { config, tls }: Pick<Runtime, 'config' | 'tls'>): void {
  metrics.deadlines(config.check.deadline, config.store.deadline);
  metrics.certificates(
    [...tls].map(([listener, { certificates }]) => {
      const { validFromDate, validToDate } = new X509Certificate(certificates);
      return { listener, fromMs: validFromDate.getTime(), toMs: validToDate.getTime() };
    }),
  );
}

const REVOCATIONS = ['revoke', 'revokeMany'] as const satisfies readonly StoreOperation[];
const FAILURES = [
  'timeout',
  'unavailable',
  'breaker_open',
  'fault',
] as const satisfies readonly StoreOutcome[];

/** One of these is enough for an alert (deploy/prometheus/alerts.yaml). */
export function showRareEvents(metrics: Metrics): void {
  for (const operation of REVOCATIONS) {
    for (const outcome of FAILURES) metrics.awaitStore(operation, outcome);
  }
  for (const cause of REVOCATION_CAUSES) metrics.sessionEnded(cause, 0);
  metrics.shed('overloaded', 0);
}

/** Where SessionRoutes are taken up, before the API server has answered. */
export function showSessionRoutes(metrics: Metrics): void {
  metrics.sessionRoutesJudged(0, 0);
  metrics.sessionRoutePoliciesRead(0, 0);
  for (const outcome of ['applied', 'failed'] as const) metrics.sessionRoutesApplied(outcome, 0);
  for (const object of WRITTEN_OBJECTS)
    for (const outcome of REPORT_OUTCOMES) metrics.kubernetesWritten(object, outcome, 0);
}
