/** How a browser that loads a page is told from a program, and where it is sent to log in. */
import { loginParameters } from './authentication.ts';
import type { Deny, Failure } from './decision.ts';
import type { AuthzRequest } from './request.ts';

/** The browser's login, on whatever host the page is (Envoy routes /auth/ to the `api` listener). */
const LOGIN_PATH = '/auth/login';

/** A longer address is not taken through the login: proxies and providers limit the length of theirs. */
const MAX_RETURN_TO_LENGTH = 2_048;

/** Whether `text/html` comes before anything that a program would want. */
export function prefersHtml({ headers }: AuthzRequest): boolean {
  const [first] = /text\/html|application\/(?:[a-z.-]+\+)?json/i.exec(headers.get('accept') ?? '') ?? [];
  return first?.toLowerCase() === 'text/html';
}

/**
 * Where a refused browser logs in, relative to its host, so that it comes back to where it was going; undefined for all
 * who are refused otherwise: programs, failures (D2), and whom a login would not help.
 */
export function loginLocation(decision: Deny | Failure, request: AuthzRequest): string | undefined {
  const { route } = decision;
  if (decision.decision !== 'deny' || !decision.loginHelps) return undefined;
  if (route?.onUnauthenticated !== 'login' || !isPageLoad(request)) return undefined;
  const parameters: [string, string][] = [['return_to', returnTo(request.path)]];
  if (decision.reason === 'insufficient_user_authentication' && route.authentication) {
    parameters.push(...loginParameters(route.authentication));
  }
  return `${LOGIN_PATH}?${parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}

/** The whole window goes there, not a script, a frame or an image (Fetch Metadata, where the browser sends it). */
function isPageLoad(request: AuthzRequest): boolean {
  const { method, headers } = request;
  return (
    method === 'GET' &&
    prefersHtml(request) &&
    (headers.get('sec-fetch-mode') ?? 'navigate') === 'navigate' &&
    (headers.get('sec-fetch-dest') ?? 'document') === 'document'
  );
}

/** Path and query as they came, where they are a path of this host and not another's address. */
function returnTo(path: string): string {
  const isOwn = path.startsWith('/') && !/^\/[/\\]/.test(path);
  return isOwn && path.length <= MAX_RETURN_TO_LENGTH ? path.toWellFormed() : '/';
}
