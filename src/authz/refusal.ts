/** What a caller who is not let through is told: problem details for programs, a small page or the login for browsers. */
import { loginParameters } from './authentication.ts';
import type { Deny, Failure } from './decision.ts';
import { loginLocation, prefersHtml } from './page-load.ts';
import { reasonFacts, type Reason } from './reason.ts';
import type { AuthzRequest } from './request.ts';
import type { Route } from './routes.ts';

export const DECISION_ID_HEADER = 'x-singlestate-decision-id';

/** How soon an outage is worth another try, in seconds (RFC 9110 section 10.2.3). */
const RETRY_AFTER_SECONDS = 1;

export interface Refusal {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/**
 * Never says more than the caller may know: the reason, and which scopes or which login to ask for; no rule, no session,
 * no cause.
 */
export function refusal(decision: Deny | Failure, decisionId: string, request: AuthzRequest): Refusal {
  const headers: [string, string][] = [
    ['cache-control', 'no-store'],
    [DECISION_ID_HEADER, decisionId],
  ];
  const location = loginLocation(decision, request);
  if (location !== undefined) return { status: 302, headers: [...headers, ['location', location]], body: '' };

  const { reason, route } = decision;
  const { status, title } = reasonFacts(reason);
  const html = prefersHtml(request);
  headers.push(['content-type', html ? 'text/html; charset=utf-8' : 'application/problem+json']);
  if (html) headers.push(['content-security-policy', "default-src 'none'; style-src 'unsafe-inline'"]);
  const retryAfter = retryAfterSeconds(decision);
  if (retryAfter !== undefined) headers.push(['retry-after', String(retryAfter)]);
  const challenge = bearerChallenge(reason, route);
  if (challenge !== undefined) headers.push(['www-authenticate', challenge]);
  return {
    status,
    headers,
    body: html ? page(reason, decisionId) : problem(status, title, reason, decisionId),
  };
}

/** Rounded up, and at least a second: an earlier try would be refused again. */
function retryAfterSeconds(decision: Deny | Failure): number | undefined {
  if (decision.decision === 'error') return RETRY_AFTER_SECONDS;
  if (decision.reason !== 'rate_limited') return undefined;
  return Math.max(1, Math.ceil((decision.retryAfterMs ?? 0) / 1000));
}

/** RFC 9457 problem details. */
function problem(status: number, title: string, reason: Reason, decisionId: string): string {
  return JSON.stringify({
    type: `urn:singlestate:reason:${reason}`,
    title,
    status,
    reason,
    decision_id: decisionId,
  });
}

/** RFC 6750 section 3 and RFC 9470: without a credential no error code; with one, why it does not do. */
function bearerChallenge(reason: Reason, route: Route | undefined): string | undefined {
  const { status, title, bearerError } = reasonFacts(reason);
  if (status !== 401 && bearerError === undefined) return undefined;
  const parameters = ['realm="singlestate"'];
  if (bearerError !== undefined) parameters.push(`error="${bearerError}"`, `error_description="${title}"`);
  const scopes = bearerError === 'insufficient_scope' ? requiredScopes(route) : '';
  if (scopes !== '') parameters.push(`scope="${scopes}"`);
  if (bearerError === 'insufficient_user_authentication' && route?.authentication) {
    for (const [name, value] of loginParameters(route.authentication)) parameters.push(`${name}="${value}"`);
  }
  return `Bearer ${parameters.join(', ')}`;
}

/** Scopes with path parameters are left out: what they would be filled with is the request's own. */
function requiredScopes(route: Route | undefined): string {
  const templates = [...(route?.all ?? []), ...(route?.any ?? [])];
  return templates
    .filter((template) => template.parameters.length === 0)
    .map((template) => template.text)
    .join(' ');
}

const HEADINGS = {
  401: 'Please sign in',
  403: 'Not allowed',
  429: 'Too many requests',
  503: 'Back in a moment',
} as const;

function page(reason: Reason, decisionId: string): string {
  const { status, title } = reasonFacts(reason);
  const heading = HEADINGS[status];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${heading}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;padding:0 1rem}small{color:#666}</style>
</head>
<body>
<h1>${heading}</h1>
<p>${title}.</p>
<p><small>${status} ${reason} · ${decisionId}</small></p>
</body>
</html>
`;
}
