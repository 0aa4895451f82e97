import { expect, it } from 'vitest';
import type { CheckReport } from '../../../src/authz/checker.ts';
import { deny } from '../../../src/authz/decision.ts';
import { createLog } from '../../../src/ops/log.ts';
import { createMetrics } from '../../../src/ops/metrics.ts';
import { createCheckReporter } from '../../../src/server/report-check.ts';
import { request } from '../authz/scene.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

it.each<[string, string | undefined, string | undefined, string | undefined]>([
  ['the trace of its span', 'ab', `00-${TRACE_ID}-b7ad6b7169203331-01`, 'ab'],
  ["the proxy's trace, where it is no span", undefined, `00-${TRACE_ID}-b7ad6b7169203331-00`, TRACE_ID],
  ['no trace, where it came with none', undefined, undefined, undefined],
  ['no trace, where what it came with is none', undefined, `00-x"y-b7ad6b7169203331-01`, undefined],
  [
    'no trace, where what it came with has none',
    undefined,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    undefined,
  ],
])('the line of a check names %s', (_, traceId, traceparent, expected) => {
  const lines: string[] = [];
  const log = createLog({
    level: 'info',
    decisions: 'all',
    stream: { write: (line) => void lines.push(line) },
  });
  const report: CheckReport = {
    decision: deny('no_route'),
    decisionId: 'd',
    request: { ...request({}), traceparent },
    status: 403,
    durationMs: 1,
    traceId,
  };
  createCheckReporter(createMetrics({ version: '1' }), log)(report);
  expect((JSON.parse(lines[0] ?? '{}') as { trace_id?: string }).trace_id).toBe(expected);
});
