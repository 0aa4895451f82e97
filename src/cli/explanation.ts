/** A decision in words, for `singlestate explain`: one fact a line. Where it had to suppose something it says so. */
import { isSafeMethod } from '../authz/csrf.ts';
import type { Decision } from '../authz/decision.ts';
import { loginLocation } from '../authz/page-load.ts';
import type { Policy } from '../authz/policy.ts';
import type { AuthzRequest } from '../authz/request.ts';
import type { Route } from '../authz/routes.ts';
import { formatDuration } from '../config/units.ts';

export interface Explained {
  readonly decision: Decision;
  readonly request: AuthzRequest;
  readonly policy: Policy;
  /** Whether the session was made up for it. */
  readonly isSupposed: boolean;
}

export function explanation({ decision, request, policy, isSupposed }: Explained): string {
  const { route } = decision;
  const rows: [string, string | undefined][] = [
    ['route', route?.name ?? 'none'],
    ['app', route?.app],
    ['requires', route && requirement(route)],
    ['csrf', route && csrfNote(route, request, policy)],
    ['mode', route?.mode],
    ['decision', decision.decision],
    ['reason', decision.reason],
    ['detail', decision.decision === 'deny' ? decision.detail : undefined],
    ['browsers', loginNote(decision, request)],
    ['session', decision.decision === 'error' ? undefined : decision.session?.ref],
    ['supposes', isSupposed ? 'a session that was opened by a login just now' : undefined],
    ['limits', Object.keys(policy.rateLimits).length > 0 ? 'not counted here' : undefined],
  ];
  return rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${`${name}:`.padEnd(10)}${value ?? ''}\n`)
    .join('');
}

function requirement({ access, all, any, authentication }: Route): string {
  if (access === 'public') return 'nothing, and no session is looked for';
  const login = authentication === undefined ? [] : loginRequirement(authentication);
  if (access === 'optional')
    return `nothing; ${login.join(', and ') || 'a valid session'} is used where there is one`;
  const list = (templates: Route['all']) => templates.map((template) => template.text).join(' ');
  const parts = [
    ...(all.length > 0 ? [`all of ${list(all)}`] : []),
    ...(any.length > 0 ? [`any of ${list(any)}`] : []),
    ...login,
  ];
  return parts.length === 0 ? 'any valid session' : parts.join(', and ');
}

function loginRequirement({ acr, amr, maxAgeMs }: NonNullable<Route['authentication']>): string[] {
  return [
    ...(acr.length > 0 ? [`a session with acr ${acr.join(' or ')}`] : []),
    ...(amr.length > 0 ? [`a session with amr ${amr.join(' and ')}`] : []),
    ...(maxAgeMs === Infinity ? [] : [`a session whose login is at most ${formatDuration(maxAgeMs)} old`]),
  ];
}

/** The token is taken to come in `authorization`, which no browser sends by itself. */
function csrfNote(route: Route, { method }: AuthzRequest, { csrfHeader }: Policy): string | undefined {
  const isAsked = route.csrf && route.access !== 'public' && !isSafeMethod(method);
  return isAsked ? `${csrfHeader} is needed too where the session comes in a cookie` : undefined;
}

function loginNote(decision: Decision, request: AuthzRequest): string | undefined {
  if (decision.decision === 'allow') return undefined;
  const location = loginLocation(decision, { ...request, headers: new Map([['accept', 'text/html']]) });
  return location === undefined ? undefined : `a page load is sent to ${location}`;
}
