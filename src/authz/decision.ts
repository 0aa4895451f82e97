/**
 * How a check ends. Nothing outside this file can make an allow, and `allow` asks for what justifies one, so that the
 * type of every caller shows why the request may pass (E3).
 */
import type { ValidSession } from '../session/validity.ts';
import { REASONS, type DenyReason, type ErrorReason } from './reason.ts';
import type { Route } from './routes.ts';
import { missingScopes } from './scopes.ts';

declare const proof: unique symbol;

/** A route that lets a request pass without a session. Only `openRoute` makes one, of a route that says so. */
export type OpenRoute = Route & { readonly [proof]: 'open' };

/** A valid session that has the scopes which a route requires. Only `entitle` makes one. */
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
): Allow {
  const allowed =
    'open' in basis
      ? { route: basis.open, session: undefined, reason: basis.reason }
      : { route: basis.route, session: basis.session, reason: undefined };
  return { decision: 'allow', ...allowed } as Allow;
}

export function deny(
  reason: DenyReason,
  more: Partial<Pick<Deny, 'route' | 'session' | 'detail'>> = {},
): Deny {
  return { decision: 'deny', reason, route: more.route, session: more.session, detail: more.detail };
}

export function fail(reason: ErrorReason, cause: unknown, route?: Route): Failure {
  return { decision: 'error', reason, route, cause };
}

/** A public route passes everything; an optional one what has no valid session; a shadow one whatever it would deny. */
export function openRoute(route: Route, denied: DenyReason | undefined): OpenRoute | undefined {
  const open =
    denied === undefined
      ? route.access === 'public'
      : route.mode === 'shadow' || (route.access === 'optional' && isAnonymous(denied));
  return open ? (route as OpenRoute) : undefined;
}

/** Two credentials that disagree are an attack or a fault, not a visitor without a session. */
function isAnonymous(denied: DenyReason): boolean {
  return REASONS[denied].status === 401 && denied !== 'ambiguous_credential';
}

export type Entitled =
  | { readonly entitled: true; readonly entitlement: Entitlement }
  | { readonly entitled: false; readonly missing: readonly string[] };

/** Checks the scopes of a valid session against everything that a route requires. */
export function entitle(
  session: ValidSession,
  route: Route,
  parameters: Readonly<Record<string, string>>,
): Entitled {
  const missing = missingScopes(session.document.scopes, route, parameters);
  if (missing.length > 0) return { entitled: false, missing };
  return { entitled: true, entitlement: { session, route } as Entitlement };
}
