/** `/auth/logout`: asks, then ends the browser's session here and sends the browser to end that at the identity provider. */
import { randomBytes } from 'node:crypto';
import { endSession } from '../lifecycle/end-session.ts';
import type { ValidSession } from '../session/validity.ts';
import { isCsrfToken } from '../token/csrf-token.ts';
import { clearedCookies } from '../token/session-cookie.ts';
import { pageAnswer, redirectAnswer } from './answers.ts';
import { sessionToEnd } from './browser-session.ts';
import { readCookies } from './cookies.ts';
import type { BrowserRequest, LoginDependencies } from './dependencies.ts';
import { formField } from './form.ts';
import { loggedOutPage, logoutPage, refusalPage } from './pages.ts';
import { LOGGED_OUT_PATH, LOGOUT_PATH } from './paths.ts';

export async function askForLogout(browser: BrowserRequest, deps: LoginDependencies): Promise<Response> {
  const session = await sessionToEnd(browser.request, deps);
  if (session === undefined) return nobodyToLogOut(browser, deps);
  return pageAnswer(200, logoutPage(session.document.csrfToken ?? ''));
}

/** Rejects with `StoreError`; then the session may live, and the browser keeps its cookie (D2). */
export async function logOut(browser: BrowserRequest, deps: LoginDependencies): Promise<Response> {
  const session = await sessionToEnd(browser.request, deps);
  if (session === undefined) return nobodyToLogOut(browser, deps);
  const { ref, document } = session;
  const provider = document.identity.provider;
  if (!isCsrfToken(await presentedCsrfToken(browser.request, deps), document.csrfToken)) {
    deps.log.info('logout', { outcome: 'csrf', provider, ref });
    const sentence = 'The request did not come from the page that asks. Nothing was changed.';
    return pageAnswer(403, refusalPage('Not logged out', sentence, LOGOUT_PATH));
  }
  const ended = await endSession({ ref, cause: 'logout', actor: { kind: 'user', name: ref } }, deps);
  deps.log.info('logout', { outcome: ended.outcome, provider, ref });
  const hint = ended.outcome === 'revoked' ? ended.logoutHint : undefined;
  const next = (await placeAtProvider(browser, session, hint, deps)) ?? browser.origin + LOGGED_OUT_PATH;
  return redirectAnswer(303, next, { cookies: clearedCookies(deps.config) });
}

export function showLoggedOut(): Promise<Response> {
  return Promise.resolve(pageAnswer(200, loggedOutPage()));
}

/**
 * A cookie of no use goes. Where none came, none is cleared: a browser keeps it to itself when another site sends it here,
 * and that site must not log anybody out.
 */
function nobodyToLogOut({ request, origin }: BrowserRequest, { config }: LoginDependencies): Response {
  const hasCookie = readCookies(request).some(([name]) => name === config.token.cookie.name);
  return redirectAnswer(303, origin + LOGGED_OUT_PATH, { cookies: hasCookie ? clearedCookies(config) : [] });
}

/** OpenID Connect RP-Initiated Logout 1.0 section 2; undefined where the provider has no such place, or is down. */
function placeAtProvider(
  { origin }: BrowserRequest,
  { document }: ValidSession,
  idTokenHint: string | undefined,
  { loginProviders }: LoginDependencies,
): Promise<string | undefined> {
  const { provider, issuer } = document.identity;
  const found = loginProviders.find((one) => one.name === provider && one.issuer === issuer);
  const postLogoutRedirectUri = origin + LOGGED_OUT_PATH;
  const state = randomBytes(16).toString('base64url');
  return found?.endSessionUrl({ idTokenHint, postLogoutRedirectUri, state }) ?? Promise.resolve(undefined);
}

/** In the header that every cookie-borne write carries, or in the form of our own page. */
async function presentedCsrfToken(request: Request, { config }: LoginDependencies): Promise<string | null> {
  const header = request.headers.get(config.csrf.header);
  if (header !== null) return header;
  return formField(request, 'csrf_token');
}
