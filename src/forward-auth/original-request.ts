/** A gateway's request to this server as an `AuthzRequest`. What it does not tell for certain makes it one that is denied. */
import { isUnderPrefix } from '../authz/mutations.ts';
import type { Policy } from '../authz/policy.ts';
import type { AuthzRequest } from '../authz/request.ts';
import { GATEWAYS, lastAddress, type Gateway, type GatewayKind } from './gateways.ts';

const NOTHING: ReadonlyMap<string, string> = new Map();

/** What of node:http's IncomingMessage is read. */
export interface ReceivedRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** Names and values in turns, as they came. */
  readonly rawHeaders: readonly string[];
}

/** Only the headers that this kind of gateway sets tell what was asked; the subrequest's own target never does. */
export function originalRequest(
  received: ReceivedRequest,
  kind: GatewayKind,
  {
    headers: { prefix },
    configurableHeaderSet: overwritten,
  }: Pick<Policy, 'headers' | 'configurableHeaderSet'>,
): AuthzRequest {
  const gateway = GATEWAYS[kind];
  const { headers, repeated } = joinHeaders(received.rawHeaders, gateway.required);
  const { method = '', url: target = '' } = received;
  const fault = faultOf(headers, repeated, gateway) ?? unremovable(headers, gateway, prefix, overwritten);
  return {
    transport: 'http',
    ...gateway.original({ method, target, headers }),
    headers,
    address: lastAddress(headers.get(gateway.addressHeader)),
    contextExtensions: NOTHING,
    // An Envoy that traces has put its own span in place of the client's.
    traceparent: headers.get('traceparent'),
    tracestate: headers.get('tracestate'),
    ...(fault !== undefined && { fault }),
  };
}

interface JoinedHeaders {
  readonly headers: ReadonlyMap<string, string>;
  /** A header of `once` that came more than once. */
  readonly repeated: string | undefined;
}

/** Joined as Envoy joins them. node:http's own `headers` drop some of the repeated ones. */
function joinHeaders(raw: readonly string[], once: readonly string[]): JoinedHeaders {
  const headers = new Map<string, string>();
  let repeated: string | undefined;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name, value] = [(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? ''];
    const before = headers.get(name);
    if (before !== undefined && once.includes(name)) repeated = name;
    headers.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ','}${value}`);
  }
  return { headers, repeated };
}

function faultOf(
  headers: ReadonlyMap<string, string>,
  repeated: string | undefined,
  { required }: Gateway,
): string | undefined {
  if (repeated !== undefined) return `the gateway sent ${repeated} more than once`;
  const missing = required.filter((name) => !headers.get(name));
  return missing.length === 0 ? undefined : `the gateway did not send ${missing.join(', ')}`;
}

/** The gateway would pass such a header on to the app, and there is no way to tell it not to (E8). */
function unremovable(
  headers: ReadonlyMap<string, string>,
  { removal }: Gateway,
  prefix: string,
  overwritten: ReadonlySet<string>,
): string | undefined {
  if (removal !== 'named') return undefined;
  for (const name of headers.keys()) {
    if (isUnderPrefix(name, prefix) && !overwritten.has(name)) {
      return `the gateway passes on ${name}: let its configuration take that out before it asks`;
    }
  }
  return undefined;
}
