/** What is counted and logged of each check, once it is over. */
import type { CheckReport } from '../authz/checker.ts';
import type { DecisionEntry, Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import { outcomeOf } from './check-outcome.ts';

/** A shadow route's would-be deny is counted as an `allow` that has a reason. */
export function createCheckReporter(metrics: Metrics, log: Log): (report: CheckReport) => void {
  return (report) => {
    const { decision, durationMs } = report;
    const { transport } = report.request;
    const { decision: kind, reason, shadow, app } = outcomeOf(decision);
    metrics.observeCheck(transport, app ?? 'none', kind, reason, durationMs / 1000);
    if (reason === 'overloaded') metrics.shed(reason);
    if (log.logsDecision(kind, shadow)) log.logDecision({ ...entryOf(report), transport, reason, shadow });
    if (reason === 'internal') {
      const { cause } = decision as { readonly cause?: unknown };
      log.error('a check failed by a fault of the server', { decision_id: report.decisionId, err: cause });
    }
  };
}

function entryOf({ decision, decisionId, request, status, durationMs, traceId }: CheckReport) {
  return {
    decisionId,
    decision: decision.decision,
    durationMs,
    method: request.method,
    host: request.host,
    path: request.path,
    route: decision.route?.name,
    app: decision.route?.app,
    ref: decision.decision === 'error' ? undefined : decision.session?.ref,
    detail: decision.decision === 'deny' ? decision.detail : undefined,
    status,
    requestId: request.headers.get('x-request-id'),
    traceId: traceId ?? traceIdIn(request.traceparent),
  } satisfies Partial<DecisionEntry>;
}

/** W3C Trace Context section 3.2.2.3: it is the same in every version, and never all zeros. */
const TRACE_ID = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-/;

/** Of a trace in which this check is no span; the proxy's may be there all the same. */
function traceIdIn(traceparent: string | undefined): string | undefined {
  return traceparent === undefined ? undefined : TRACE_ID.exec(traceparent)?.[1];
}
