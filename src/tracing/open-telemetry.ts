/** Checks as spans of OpenTelemetry. Hides its SDK; loaded only where tracing is on. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
  type TextMapGetter,
  type Tracer as SdkTracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import {
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_VERSION,
} from '@opentelemetry/semantic-conventions';
import { createBoundedExport } from './bounded-export.ts';
import type { TracingOptions, TracingSettings } from './settings.ts';
import { CHECKS, checkOutcome, storeCall, storeCallOutcome } from './span-attributes.ts';
import { createSpanClocks, type SpanClock } from './span-clock.ts';
import type { CheckSpan, OpenTracer, StoreCallSpan, TraceParent } from './tracer.ts';

const INSTANCE = { [ATTR_SERVICE_INSTANCE_ID]: randomUUID(), 'host.name': hostname() };

/** What a child is begun with is the span itself: no context is kept in the background, which every check would pay for. */
export function createOpenTelemetryTracer(settings: TracingSettings, options: TracingOptions): OpenTracer {
  const sending = createBoundedExport(settings, options);
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        [ATTR_SERVICE_NAME]: settings.serviceName,
        [ATTR_SERVICE_VERSION]: options.version,
        ...INSTANCE,
      }),
    ),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.sampleRatio) }),
    spanProcessors: [sending.processor],
  });
  const tracer = provider.getTracer('singlestate', options.version);
  const startClock = createSpanClocks();
  return {
    startCheck(transport, parent) {
      const { name, attributes } = CHECKS[transport];
      const now = startClock();
      const begun = { kind: SpanKind.SERVER, attributes, startTime: now() };
      const span = tracer.startSpan(name, begun, contextOf(parent));
      return span.isRecording() ? checkSpan(span, now, tracer, options.store) : undefined;
    },
    close: () => sending.close(),
  };
}

const propagator = new W3CTraceContextPropagator();

const GETTER: TextMapGetter<TraceParent> = {
  get: (parent, key) => (key === 'traceparent' ? parent.traceparent : parent.tracestate),
  keys: () => ['traceparent', 'tracestate'],
};

/** What is malformed counts as nothing: then the trace begins here. */
function contextOf(parent: TraceParent) {
  return parent.traceparent === undefined ? ROOT_CONTEXT : propagator.extract(ROOT_CONTEXT, parent, GETTER);
}

function checkSpan(span: Span, now: SpanClock, tracer: SdkTracer, store: TracingOptions['store']): CheckSpan {
  const end = (ending: Span, outcome: Attributes, failed: boolean) => {
    ending.setAttributes(outcome);
    if (failed) ending.setStatus({ code: SpanStatusCode.ERROR });
    ending.end(now());
  };
  const inside = trace.setSpan(ROOT_CONTEXT, span);
  const kind = store === undefined ? SpanKind.INTERNAL : SpanKind.CLIENT;
  return {
    traceId: span.spanContext().traceId,
    startStoreCall(operation): StoreCallSpan {
      const { name, attributes } = storeCall(operation, store);
      const call = tracer.startSpan(name, { kind, attributes, startTime: now() }, inside);
      return { end: (facts) => end(call, storeCallOutcome(facts), facts.failed) };
    },
    end: (facts) => end(span, checkOutcome(facts), facts.decision === 'error'),
  };
}
