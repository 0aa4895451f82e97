/**
 * How a check ends. Nothing outside this file can make an allow, and `allow` asks for what justifies one, so that the
 * type of every caller shows why the request may pass (E3).
 */
import type { ValidSession } from '../session/validity.ts';
import type { SessionTokenClaims } from '../token/session-token.ts';
import { authenticationGap } from './authentication.ts';
import { REASONS, type DenyReason, type ErrorReason } from './reason.ts';
import type { Route } from './routes.ts';
import { missingScopes } from './scopes.ts';

declare const proof: unique symbol;

/** A route that lets a request pass without a session. Only `openRoute` makes one, of a route that says so. */
export type OpenRoute = Route & { readonly [proof]: 'open' };

/** A valid session that has the scopes and the login which a route requires. Only `entitle` makes one. */
export interface Entitlement {
  readonly session: ValidSession;
  readonly route: Route;
  readonly [proof]: 'entitled';
}

export interface Allow {
  readonly decision: 'allow';
  readonly route: Route;
  /** Without one the request passes with no identity. */
  readonly session: ValidSession | undefined;
  /** What the session token says, where it came in the cookie: that is the one that can be renewed. */
  readonly cookieToken: SessionTokenClaims | undefined;
  /** Why the request has no identity, or would have been denied on a route that enforces. */
  readonly reason: DenyReason | undefined;
  readonly [proof]: 'allowed';
}

export interface Deny {
  readonly decision: 'deny';
  readonly reason: DenyReason;
  readonly route: Route | undefined;
  /** The session, once it was found valid. */
  readonly session: ValidSession | undefined;
  /** For the operator's log and for `explain`, never for the caller. */
  readonly detail: string | undefined;
  /** When to ask again, for `rate_limited`. */
  readonly retryAfterMs: number | undefined;
  /** Whether the caller could pass after a login. */
  readonly loginHelps: boolean;
}

export interface Failure {
  readonly decision: 'error';
  readonly reason: ErrorReason;
  readonly route: Route | undefined;
  /** What failed, for the log. */
  readonly cause: unknown;
}

export type Decision = Allow | Deny | Failure;

export function allow(
  basis: Entitlement | { readonly open: OpenRoute; readonly reason: DenyReason | undefined },
  cookieToken?: SessionTokenClaims,
): Allow {
  const allowed =
    'open' in basis
      ? { route: basis.open, session: undefined, cookieToken: undefined, reason: basis.reason }
      : { route: basis.route, session: basis.session, cookieToken, reason: undefined };
  return { decision: 'allow', ...allowed } as Allow;
}

/** What there is to say of a deny beside its reason. */
export type DenyFacts = Partial<Omit<Deny, 'decision' | 'reason'>>;

export function deny(reason: DenyReason, facts: DenyFacts = {}): Deny {
  const { route, session, detail, retryAfterMs, loginHelps = isAnonymous(reason) } = facts;
  return { decision: 'deny', reason, route, session, detail, retryAfterMs, loginHelps };
}

export function fail(reason: ErrorReason, cause: unknown, route?: Route): Failure {
  return { decision: 'error', reason, route, cause };
}

/**
 * A public route passes everything; an optional one what has no session that will do; a shadow one whatever it would
 * deny, less `rate_limited`: a limit guards the server and is no rule about who may.
 */
export function openRoute(route: Route, denied: DenyReason | undefined): OpenRoute | undefined {
  const open =
    denied === undefined
      ? route.access === 'public'
      : (route.mode === 'shadow' && denied !== 'rate_limited') ||
        (route.access === 'optional' && isAnonymous(denied));
  return open ? (route as OpenRoute) : undefined;
}

/** Two credentials that disagree are an attack or a fault, not a visitor without a session. */
function isAnonymous(denied: DenyReason): boolean {
  return REASONS[denied].status === 401 && denied !== 'ambiguous_credential';
}

export type Entitled =
  | { readonly entitled: true; readonly entitlement: Entitlement }
  | {
      readonly entitled: false;
      readonly reason: 'insufficient_scope' | 'insufficient_user_authentication';
      readonly detail: string;
      readonly loginHelps: boolean;
    };

/** Checks a valid session against everything that a route requires: scopes first, as no login would add one. */
export function entitle(
  session: ValidSession,
  route: Route,
  parameters: Readonly<Record<string, string>>,
  nowMs: number,
): Entitled {
  const missing = missingScopes(session.document.scopes, route, parameters);
  if (missing.length > 0) {
    const detail = `lacks ${missing.join(' ')}`;
    return { entitled: false, reason: 'insufficient_scope', detail, loginHelps: false };
  }
  const gap =
    route.authentication && authenticationGap(session.document.authentication, route.authentication, nowMs);
  if (gap) return { entitled: false, reason: 'insufficient_user_authentication', ...gap };
  return { entitled: true, entitlement: { session, route } as Entitlement };
}
