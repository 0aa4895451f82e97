/** The decision about one request, in the order of docs/reference/decisions.md. Pure, but for the store it reads. */
import type { RateCounter } from '../session/rate-limit.ts';
import type { SessionStore } from '../session/store.ts';
import { validate, type ValidSession } from '../session/validity.ts';
import { isCsrfToken } from '../token/csrf-token.ts';
import type { SessionTokenClaims } from '../token/session-token.ts';
import { ruleFor } from './context-extensions.ts';
import { findCredential } from './credential.ts';
import { isSafeMethod } from './csrf.ts';
import { allow, deny, entitle, openRoute, type Decision, type Deny, type DenyFacts } from './decision.ts';
import { canonicalHost } from './host.ts';
import { canonicalPath } from './path.ts';
import type { Policy } from './policy.ts';
import { addressTakes, limitReached, sessionTakes } from './rate-limits.ts';
import type { DenyReason } from './reason.ts';
import type { AuthzRequest } from './request.ts';
import type { Route, RouteMatch } from './routes.ts';

/** Reads sessions; all that most decisions need of the store. */
export type SessionReader = Pick<SessionStore, 'read'>;

/** All that a decision needs of the store. */
export interface DecisionStore {
  readonly sessions: SessionReader;
  /** Asked only where the configuration has limits. */
  readonly rates: RateCounter;
}

/** The store answered with another session than the one it was asked for (E2). */
export class WrongSessionError extends Error {
  override readonly name = 'WrongSessionError';
  readonly code = 'ERR_WRONG_SESSION';

  constructor() {
    super('the store answered with another session than the one it was asked for');
  }
}

/**
 * Decides about one request. Rejects when the store fails (`StoreError`, `WrongSessionError`): turning that into an
 * answer, and keeping to the deadline, is the checker's.
 */
export async function authorize(
  request: AuthzRequest,
  policy: Policy,
  { sessions, rates }: DecisionStore,
  nowMs: number,
): Promise<Decision> {
  const ruling = findRoute(request, policy);
  if ('decision' in ruling) return ruling;
  const { route } = ruling;
  const ofAddress = addressTakes(policy.rateLimits, request.address);
  const flood = ofAddress && (await limitReached(rates, ofAddress));
  if (flood) return refuse(route, 'rate_limited', flood);
  const open = openRoute(route, undefined);
  if (open) return allow({ open, reason: undefined });

  const found = await findSession(request, policy, sessions, nowMs);
  if (!found.valid) return refuse(route, found.reason);
  const { session, cookieToken } = found;
  const ofSession = sessionTakes(policy.rateLimits, session);
  const excess = ofSession && (await limitReached(rates, ofSession));
  if (excess) return refuse(route, 'rate_limited', { session, ...excess });
  const isForged = cookieToken !== undefined && route.csrf && !isIntended(request, session, policy);
  if (isForged) return refuse(route, 'csrf', { session });
  const entitled = entitle(session, route, ruling.parameters, nowMs);
  if (entitled.entitled) return allow(entitled.entitlement, cookieToken);
  const { reason, detail, loginHelps } = entitled;
  return refuse(route, reason, { session, detail, loginHelps });
}

/** In capitals: apps that ignore case would take `put` for `PUT`, the route table would not. */
const METHOD = /^[A-Z][A-Z0-9_-]*$/;

function findRoute(request: AuthzRequest, policy: Policy): RouteMatch | Deny {
  if (request.fault !== undefined) return deny('no_route', { detail: request.fault });
  const host = canonicalHost(request.host);
  if (host === undefined) return deny('no_route', { detail: 'the host is no valid authority' });
  if (!METHOD.test(request.method) || request.method === 'CONNECT') {
    return deny('no_route', { detail: 'the method is missing, not in capitals, or CONNECT' });
  }
  const path = canonicalPath(request.path);
  if (!path.ok) return deny('no_route', { detail: path.problem });
  const match = policy.routes.match(host, request.method, path);
  if (match === 'ambiguous') {
    return deny('no_route', { detail: 'an app could take the path for one that another route is for' });
  }
  const ruling = ruleFor(match, request.contextExtensions, policy);
  return ruling.ok ? ruling.match : deny('no_route', { detail: ruling.detail });
}

type FoundSession =
  | {
      readonly valid: true;
      readonly session: ValidSession;
      readonly cookieToken: SessionTokenClaims | undefined;
    }
  | { readonly valid: false; readonly reason: DenyReason };

async function findSession(
  request: AuthzRequest,
  policy: Policy,
  sessions: SessionReader,
  nowMs: number,
): Promise<FoundSession> {
  const credential = findCredential(request.headers, policy.cookieName);
  if (credential.kind === 'none') return { valid: false, reason: 'no_credential' };
  if (credential.kind === 'ambiguous') return { valid: false, reason: 'ambiguous_credential' };
  const verdict = policy.tokens.verify(credential.token, nowMs);
  const token = verdict instanceof Promise ? await verdict : verdict;
  if (!token.valid) return token;
  const { claims } = token;
  const lookup = await sessions.read(claims.ref);
  if (lookup.state === 'live' && lookup.session.ref !== claims.ref) throw new WrongSessionError();
  const validity = validate(lookup, nowMs, policy.idleTimeoutMs);
  if (!validity.valid) return validity;
  return {
    valid: true,
    session: validity.session,
    cookieToken: credential.inCookie ? claims : undefined,
  };
}

/** Whether a request that a browser may have been talked into sending changes nothing, or proves that it was not. */
function isIntended({ method, headers }: AuthzRequest, { document }: ValidSession, policy: Policy): boolean {
  return isSafeMethod(method) || isCsrfToken(headers.get(policy.csrfHeader), document.csrfToken);
}

/** A deny, unless the route passes such requests without an identity. */
function refuse(route: Route, reason: DenyReason, facts: Omit<DenyFacts, 'route'> = {}): Decision {
  const open = openRoute(route, reason);
  return open ? allow({ open, reason }) : deny(reason, { route, ...facts });
}
