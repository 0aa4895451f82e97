/** Envoy's CheckRequest bytes as an `AuthzRequest`. Hides protobuf and Envoy's two ways of sending headers. */
import type { AuthzRequest, TraceHeaders } from '../authz/request.ts';
import { envoy } from '../gen/envoy/messages.js';

const { CheckRequest } = envoy.service.auth.v3;

const NOTHING: ReadonlyMap<string, string> = new Map();

/**
 * Source: envoy.service.auth.v3.CheckRequest. What is missing is empty, which no route matches. `call`: the metadata of
 * the call, in which an Envoy that traces names its own span; the client's headers name at best a span before it.
 * @throws Error when the bytes are no CheckRequest.
 */
export function decodeCheckRequest(bytes: Uint8Array, call: TraceHeaders = {}): AuthzRequest {
  const { attributes } = CheckRequest.decode(bytes);
  const http = attributes?.request?.http;
  const extensions = attributes?.contextExtensions;
  const headers = http?.headerMap?.headers ? joinHeaders(http.headerMap.headers) : toMap(http?.headers);
  const isTraced = call.traceparent !== undefined;
  return {
    transport: 'grpc',
    method: http?.method ?? '',
    host: http?.host ?? '',
    path: http?.path ?? '',
    address: attributes?.source?.address?.socketAddress?.address ?? undefined,
    headers,
    contextExtensions: toMap(extensions),
    traceparent: isTraced ? call.traceparent : headers.get('traceparent'),
    tracestate: isTraced ? call.tracestate : headers.get('tracestate'),
  };
}

function toMap(fields: Readonly<Record<string, string>> | null | undefined): ReadonlyMap<string, string> {
  return fields ? new Map(Object.entries(fields)) : NOTHING;
}

/** `encode_raw_headers` sends repeated headers one by one; they are joined as Envoy joins them otherwise. */
function joinHeaders(
  list: readonly envoy.service.auth.v3.HeaderValue.$Properties[],
): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const { key, value, rawValue } of list) {
    if (!key) continue;
    const text = rawValue?.length ? Buffer.from(rawValue).toString('utf8') : (value ?? '');
    const before = headers.get(key);
    headers.set(key, before === undefined ? text : `${before}${key === 'cookie' ? '; ' : ','}${text}`);
  }
  return headers;
}
