/**
 * An `Answer` as the HTTP response that a gateway acts on: 200 lets the request pass, and its headers are those of the
 * request to the app.
 */
import type { Answer } from '../authz/answer.ts';
import type { AuthzRequest } from '../authz/request.ts';
import { GATEWAYS, type GatewayKind } from './gateways.ts';

const REASON_HEADER = 'x-singlestate-reason';

/** Envoy takes the named headers out of the request (ext_authz, HTTP service). */
const ENVOY_REMOVE_HEADER = 'x-envoy-auth-headers-to-remove';

export interface HttpAnswer {
  readonly status: number;
  /** Names and values in turns. */
  readonly headers: readonly string[];
  readonly body: string;
}

type Passed = Extract<Answer, { allowed: true }>;
type Refused = Extract<Answer, { allowed: false }>;

/** `csrfHeader` is the name of the header that may be Singlestate's own. */
export function httpAnswer(
  answer: Answer,
  request: AuthzRequest,
  kind: GatewayKind,
  csrfHeader: string,
): HttpAnswer {
  const { reason } = answer.metadata;
  const headers = reason === undefined ? [] : [REASON_HEADER, String(reason)];
  if (!answer.allowed) return refusal(answer, headers, kind);
  for (const [name, value] of [...answer.set, ...answer.response]) headers.push(name, value);
  answer.cookies?.forEach((cookie, at) => headers.push(cookieHeader(at, kind), cookie));
  if (GATEWAYS[kind].removal === 'listed') {
    if (answer.remove.length > 0) headers.push(ENVOY_REMOVE_HEADER, answer.remove.join(','));
  } else {
    pushUnchanged(headers, answer, request, ['cookie', 'authorization', csrfHeader]);
  }
  return { status: 200, headers, body: '' };
}

/**
 * Such a gateway is configured to replace these headers by those of the answer, and to drop the ones that are not in it:
 * so those that may stay as they are have to be in it too.
 */
function pushUnchanged(
  headers: string[],
  { set, remove }: Passed,
  request: AuthzRequest,
  names: readonly string[],
): void {
  for (const name of names) {
    const value = request.headers.get(name);
    const isChanged = remove.includes(name) || set.some(([other]) => other === name);
    if (value !== undefined && !isChanged) headers.push(name, value);
  }
}

/** nginx hands on the first of several headers of one name, or all of them as one value, which no browser can read. */
function cookieHeader(index: number, kind: GatewayKind): string {
  return GATEWAYS[kind].limited && index > 0 ? `x-singlestate-set-cookie-${index + 1}` : 'set-cookie';
}

/** A redirect is told to nginx as a 401 that has a `location`: its configuration turns that into one again. */
function refusal({ status, headers, body }: Refused, more: readonly string[], kind: GatewayKind): HttpAnswer {
  const told = GATEWAYS[kind].limited && status === 302 ? 401 : status;
  return { status: told, headers: [...headers.flat(), ...more], body };
}
