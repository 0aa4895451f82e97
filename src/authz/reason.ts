/** The closed list of reasons for which a check is not allowed. Metrics, logs, bodies, docs and tests all read it here. */

interface ReasonFacts {
  /** `deny`: the caller may not. `error`: something that the server depends on failed. */
  readonly decision: 'deny' | 'error';
  /** The HTTP status of the answer. */
  readonly status: 401 | 403 | 429 | 503;
  /** One short sentence for the caller, the problem's `title` (RFC 9457). It tells nothing about the store or the rules. */
  readonly title: string;
  /** The `error` code of RFC 6750 section 3.1 and RFC 9470 section 3, for answers that carry `WWW-Authenticate`. */
  readonly bearerError?:
    | 'invalid_token'
    | 'invalid_request'
    | 'insufficient_scope'
    // RFC 9470 section 3
    | 'insufficient_user_authentication';
}

export const REASONS = {
  no_credential: { decision: 'deny', status: 401, title: 'No session token was sent' },
  ambiguous_credential: {
    decision: 'deny',
    status: 401,
    title: 'Two different session tokens were sent',
    bearerError: 'invalid_request',
  },
  malformed_token: {
    decision: 'deny',
    status: 401,
    title: 'The session token is not well-formed',
    bearerError: 'invalid_token',
  },
  bad_signature: {
    decision: 'deny',
    status: 401,
    title: "The session token's signature is not valid",
    bearerError: 'invalid_token',
  },
  expired_token: {
    decision: 'deny',
    status: 401,
    title: 'The session token has expired',
    bearerError: 'invalid_token',
  },
  unknown_session: {
    decision: 'deny',
    status: 401,
    title: 'The session does not exist',
    bearerError: 'invalid_token',
  },
  revoked: { decision: 'deny', status: 401, title: 'The session was revoked', bearerError: 'invalid_token' },
  idle_timeout: {
    decision: 'deny',
    status: 401,
    title: 'The session was idle for too long',
    bearerError: 'invalid_token',
  },
  absolute_timeout: {
    decision: 'deny',
    status: 401,
    title: 'The session has reached its end',
    bearerError: 'invalid_token',
  },
  corrupt_session: {
    decision: 'deny',
    status: 401,
    title: 'The session could not be read',
    bearerError: 'invalid_token',
  },
  insufficient_scope: {
    decision: 'deny',
    status: 403,
    title: 'The session lacks a scope that this route requires',
    bearerError: 'insufficient_scope',
  },
  insufficient_user_authentication: {
    decision: 'deny',
    status: 401,
    title: 'A stronger or more recent login is required',
    bearerError: 'insufficient_user_authentication',
  },
  csrf: { decision: 'deny', status: 403, title: 'The CSRF token is missing or wrong' },
  rate_limited: { decision: 'deny', status: 429, title: 'Too many requests' },
  no_route: { decision: 'deny', status: 403, title: 'No rule allows this request' },
  store_timeout: { decision: 'error', status: 503, title: 'Temporarily unavailable' },
  store_unavailable: { decision: 'error', status: 503, title: 'Temporarily unavailable' },
  overloaded: { decision: 'error', status: 503, title: 'Temporarily unavailable' },
  deadline_exceeded: { decision: 'error', status: 503, title: 'Temporarily unavailable' },
  internal: { decision: 'error', status: 503, title: 'Temporarily unavailable' },
} as const satisfies Record<string, ReasonFacts>;

export type Reason = keyof typeof REASONS;

type ReasonOf<D extends ReasonFacts['decision']> = {
  [R in Reason]: (typeof REASONS)[R]['decision'] extends D ? R : never;
}[Reason];

/** The caller is known well enough to be refused. */
export type DenyReason = ReasonOf<'deny'>;

/** Something that the decision depends on failed: never an allow, never shown as a deny. */
export type ErrorReason = ReasonOf<'error'>;

/** The facts of a reason, with the optional ones visible to the type. */
export function reasonFacts(reason: Reason): ReasonFacts {
  return REASONS[reason];
}
