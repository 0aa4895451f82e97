/** The browser's routes, by path: the one place that says which methods each has and what an outage looks like. */
import type { WebHandler, WebRoutes } from '../net/web-handler.ts';
import { StoreError } from '../session/store.ts';
import { pageAnswer, problemAnswer, RETRY_AFTER_SECONDS } from './answers.ts';
import { backchannelLogout } from './backchannel-logout.ts';
import { beginLogin } from './begin-login.ts';
import type { BrowserRequest, LoginDependencies } from './dependencies.ts';
import { createFailureTrail } from './failure-trail.ts';
import { finishLogin } from './finish-login.ts';
import { askForLogout, logOut, showLoggedOut } from './logout.ts';
import { ownOrigin } from './origin.ts';
import { refusalPage } from './pages.ts';
import {
  BACKCHANNEL_LOGOUT_PATH,
  CALLBACK_PATH,
  LOGGED_OUT_PATH,
  LOGIN_PATH,
  LOGOUT_PATH,
  SESSION_PATH,
} from './paths.ts';
import { sessionFacts } from './session-facts.ts';

type BrowserHandler = (browser: BrowserRequest) => Promise<Response>;

/** Made once; what changes with a reload is read from `deps` in each request. */
export function createLoginRoutes(deps: LoginDependencies): WebRoutes {
  const trail = createFailureTrail(deps);
  const routes: readonly (readonly [string, Readonly<Record<string, BrowserHandler>>])[] = [
    [LOGIN_PATH, { GET: (browser) => beginLogin(browser, deps) }],
    [CALLBACK_PATH, { GET: (browser) => finishLogin(browser, deps, trail) }],
    [
      LOGOUT_PATH,
      { GET: (browser) => askForLogout(browser, deps), POST: (browser) => logOut(browser, deps) },
    ],
    [LOGGED_OUT_PATH, { GET: showLoggedOut }],
    [SESSION_PATH, { GET: (browser) => sessionFacts(browser, deps) }],
  ];
  return new Map<string, WebHandler>([
    ...routes.map(([path, methods]) => [path, browserRoute(methods, deps)] as const),
    [BACKCHANNEL_LOGOUT_PATH, (request) => providerRoute(request, deps)],
  ]);
}

function browserRoute(
  methods: Readonly<Record<string, BrowserHandler>>,
  deps: LoginDependencies,
): WebHandler {
  return async (request) => {
    const { login } = deps.config;
    if (login === undefined) return problemAnswer(404, 'Not Found');
    const handler = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined;
    if (handler === undefined) return methodNotAllowed(Object.keys(methods));
    const origin = ownOrigin(request, login.origins);
    if (origin === undefined) {
      const sentence = 'The host of its address is not one of those where users log in.';
      return pageAnswer(400, refusalPage('There is no login at this address', sentence));
    }
    const url = new URL(request.url);
    try {
      return await handler({ request, url, origin, login });
    } catch (err) {
      if (!(err instanceof StoreError)) throw err;
      deps.log.error('login or logout', { outcome: 'store_unavailable', path: url.pathname, err });
      return storeOutage(url.pathname);
    }
  };
}

/** Cookies stay as they are: an outage is no logout (D2). Scripts ask for the session, people for everything else. */
function storeOutage(path: string): Response {
  if (path === SESSION_PATH)
    return problemAnswer(503, 'Service Unavailable', { 'retry-after': String(RETRY_AFTER_SECONDS) });
  const sentence = "Sessions can't be reached right now. Try again shortly.";
  const extras = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  return pageAnswer(503, refusalPage('Back in a moment', sentence), extras);
}

function providerRoute(request: Request, deps: LoginDependencies): Promise<Response> {
  return request.method === 'POST'
    ? backchannelLogout(request, deps)
    : Promise.resolve(methodNotAllowed(['POST']));
}

function methodNotAllowed(allowed: readonly string[]): Response {
  return problemAnswer(405, 'Method Not Allowed', { allow: allowed.join(', ') });
}
