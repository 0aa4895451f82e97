/** What a check asks: the request as the proxy saw it, the same for every transport. */

/** `grpc`: Envoy's CheckRequest; `http`: a request of the `http` listener. */
export type Transport = 'grpc' | 'http';

/** W3C Trace Context as it came: unchecked, as whoever asks can send anything. */
export interface TraceHeaders {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** Its trace headers are the nearest ones: those of the proxy's call of this server, else those of the client. */
export interface AuthzRequest extends TraceHeaders {
  /** How it came. */
  readonly transport: Transport;
  /** `GET`, `PUT`, ...; case matters (RFC 9110 section 9.1). Empty when the proxy sent none. */
  readonly method: string;
  /** The authority with its port, as the client sent it. */
  readonly host: string;
  /** Path and query as on the request line, not decoded. */
  readonly path: string;
  /** Names in lower case; a repeated header's values are joined by `,` (`cookie`: by `; `). */
  readonly headers: ReadonlyMap<string, string>;
  /** Who connected to the proxy: an IP address without a port; undefined where the proxy does not tell. */
  readonly address: string | undefined;
  /** Envoy's `context_extensions` of the matched route; empty for other transports. */
  readonly contextExtensions: ReadonlyMap<string, string>;
  /** Why what is said here can't be believed, for the log: with it, no route matches. */
  readonly fault?: string;
}
