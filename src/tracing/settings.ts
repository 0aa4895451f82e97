/** What a tracer is made from: `tracing` of the configuration, with its files read. */
export interface TracingSettings {
  /** The collector's base URL, without `v1/traces`. */
  readonly endpoint: string;
  /** Headers of each request to it, secrets mostly. */
  readonly headers: Readonly<Record<string, string>>;
  /** For an `https:` endpoint: PEM, by the names of node:tls. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** The share of the traces that begin here which are sampled, 0 to 1. Of others, who began them has decided. */
  readonly sampleRatio: number;
  readonly serviceName: string;
}

/** What does not change while the program runs. */
export interface TracingOptions {
  readonly version: string;
  /** Where the store is; undefined for one in this process. */
  readonly store: { readonly host: string; readonly port: number } | undefined;
  /** Told of what became of finished spans, and of how many. */
  readonly onSpans: (outcome: SpanOutcome, count: number) => void;
  /** A batch was not taken: for the log. */
  readonly onFailure: (error: unknown) => void;
}

/** `exported`: the collector took them. `dropped`: too many were waiting. `failed`: the collector did not take them. */
export const SPAN_OUTCOMES = ['exported', 'dropped', 'failed'] as const;

export type SpanOutcome = (typeof SPAN_OUTCOMES)[number];
