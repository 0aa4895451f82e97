/**
 * What can be traced: checks, and their calls of the store. Everything that is told of them comes out of a closed list, so
 * that no attribute is one that a client can choose or that is of a session.
 */

/** Where a trace is joined: W3C Trace Context, unchecked. */
export interface TraceParent {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** How a check ended, in the words of metrics and log. */
export interface CheckFacts {
  readonly decision: 'allow' | 'deny' | 'error';
  /** `none` for an allow, or in shadow mode the reason for which it would be a deny. */
  readonly reason: string;
  readonly shadow: boolean;
  readonly decisionId: string;
  /** By their configured names; undefined where no route matched, or it names no app. */
  readonly route: string | undefined;
  readonly app: string | undefined;
}

/** How a call of the store ended, in the words of the metrics. */
export interface StoreCallFacts {
  readonly outcome: string;
  /** The store did not answer, in place of an answer that nobody wanted. */
  readonly failed: boolean;
}

export interface CheckSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** A span inside this one, from now on. `operation` is a word of the code. */
  startStoreCall(operation: string): StoreCallSpan;
  end(facts: CheckFacts): void;
}

export interface StoreCallSpan {
  end(facts: StoreCallFacts): void;
}

export interface Tracer {
  /** A span of a sampled trace, from now on; undefined where the trace is not sampled. Whatever `parent` is, it never throws. */
  startCheck(transport: 'grpc' | 'http', parent: TraceParent): CheckSpan | undefined;
}

/** A tracer with its connection to the collector. */
export interface OpenTracer extends Tracer {
  /** Sends what is still to be sent, for three seconds at the longest, and closes the connection. Never rejects. */
  close(): Promise<void>;
}
