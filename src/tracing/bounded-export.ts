/**
 * Finished spans on their way to the collector: a queue with a bound, sent in batches, and a count of what became of each
 * span. Hides OpenTelemetry's batch processor, which drops in silence, and the exporter's connection.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Span,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import type { TracingOptions, TracingSettings } from './settings.ts';

/** Some megabytes at the most; beyond it spans are dropped. */
const MAX_WAITING_SPANS = 4_096;

/** To turn a batch into bytes holds up all checks: so many take about a millisecond. */
const MAX_BATCH_SPANS = 128;

const EXPORT_INTERVAL_MS = 1_000;

/** For one batch, with all attempts to send it again; also what stopping waits for, at the longest. */
const EXPORT_TIMEOUT_MS = 3_000;

export interface BoundedExport {
  readonly processor: SpanProcessor;
  /** Sends what is waiting, for three seconds at the longest, and closes the connection. Never rejects. */
  close(): Promise<void>;
}

export function createBoundedExport(
  settings: TracingSettings,
  { onSpans, onFailure }: Pick<TracingOptions, 'onSpans' | 'onFailure'>,
): BoundedExport {
  let waiting = 0;
  let closed = false;
  const agent = agentFor(settings);
  const sender = createSender(settings, agent);

  const exporter: SpanExporter = {
    export(spans, done) {
      waiting -= spans.length;
      sender.export(spans, (result) => {
        const failed = result.code !== ExportResultCode.SUCCESS;
        onSpans(failed ? 'failed' : 'exported', spans.length);
        if (failed) onFailure(result.error);
        done(result);
      });
    },
    shutdown: () => sender.shutdown(),
  };
  const batches = new BatchSpanProcessor({
    exporter,
    maxQueueSize: MAX_WAITING_SPANS,
    maxExportBatchSize: MAX_BATCH_SPANS,
    scheduledDelayMillis: EXPORT_INTERVAL_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS + 1_000,
  });
  const processor: SpanProcessor = {
    onStart: (span: Span, context) => batches.onStart(span, context),
    onEnd(span: ReadableSpan) {
      if (closed || waiting >= MAX_WAITING_SPANS) {
        onSpans('dropped', 1);
        return;
      }
      waiting += 1;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
  return {
    processor,
    async close() {
      closed = true;
      const late = new AbortController();
      const sent = batches.shutdown().catch(() => undefined);
      const tooLate = delay(EXPORT_TIMEOUT_MS, undefined, late).catch(() => undefined);
      await Promise.race([sent, tooLate]);
      late.abort();
      // Else a collector that is silent would keep the process from ending.
      agent.destroy();
    },
  };
}

function createSender({ endpoint, headers }: TracingSettings, agent: HttpAgent): OTLPTraceExporter {
  return new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
    headers: { ...headers },
    httpAgentOptions: () => agent,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
}

function agentFor({ endpoint, tls }: TracingSettings): HttpAgent {
  return endpoint.startsWith('https:')
    ? new HttpsAgent({ keepAlive: true, minVersion: 'TLSv1.2', ...tls })
    : new HttpAgent({ keepAlive: true });
}
