/**
 * Tracing that is switched on, changed and switched off while the program runs. Hides that OpenTelemetry is loaded when it
 * is first needed: whoever does not trace pays nothing for it.
 */
import { isDeepStrictEqual } from 'node:util';
import { SPAN_OUTCOMES, type TracingOptions, type TracingSettings } from './settings.ts';
import type { OpenTracer, Tracer } from './tracer.ts';

export interface Tracing {
  /** That of now; undefined while tracing is off. */
  readonly tracer: Tracer | undefined;
  /** Takes up other settings, none for off; the same ones change nothing. What the tracer before has still to send is sent. */
  configure(settings: TracingSettings | undefined): Promise<void>;
  /** Sends what is still to be sent, for three seconds at the longest. */
  stop(): Promise<void>;
}

export function createTracing(options: TracingOptions): Tracing {
  let open: OpenTracer | undefined;
  let current: TracingSettings | undefined;
  let changes: Promise<void> = Promise.resolve();

  async function change(next: TracingSettings | undefined): Promise<void> {
    if (isDeepStrictEqual(next, current)) return;
    const before = open;
    open = next && (await openTracer(next, options));
    current = next;
    await before?.close();
  }

  /** One after the other; one that failed keeps none from being tried. */
  function configure(next: TracingSettings | undefined): Promise<void> {
    const changed = changes.then(() => change(next));
    changes = changed.catch(() => undefined);
    return changed;
  }

  return {
    get tracer() {
      return open;
    },
    configure,
    stop: () => configure(undefined),
  };
}

async function openTracer(settings: TracingSettings, options: TracingOptions): Promise<OpenTracer> {
  const { createOpenTelemetryTracer } = await import('./open-telemetry.ts');
  // A counter that appears with its first event shows no rise.
  for (const outcome of SPAN_OUTCOMES) options.onSpans(outcome, 0);
  return createOpenTelemetryTracer(settings, options);
}
