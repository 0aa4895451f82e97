/** `/auth/callback`: from the identity provider's answer to a session in the browser's cookie, or to a page that says why not. */
import type { LoginEnd } from '../identity/login.ts';
import { openSession, type OpenOutcome } from '../lifecycle/open-session.ts';
import { sessionCookies } from '../token/session-cookie.ts';
import { pageAnswer, redirectAnswer } from './answers.ts';
import { endedAttempt, findAttempt, type Attempt } from './attempt.ts';
import { refToEnd } from './browser-session.ts';
import type { BrowserRequest, LoginDependencies } from './dependencies.ts';
import type { FailedLogin, FailureTrail } from './failure-trail.ts';
import { failureAnswer } from './login-outcome.ts';
import { goOnPage } from './pages.ts';
import { CALLBACK_PATH, loginPath } from './paths.ts';

/**
 * An attempt ends with its first answer, whatever that is, but for an outage: then the browser may load the address again.
 * Rejects with `StoreError`: whether a session was opened is then unknown, but nobody holds a token of it.
 */
export async function finishLogin(
  browser: BrowserRequest,
  deps: LoginDependencies,
  trail: FailureTrail,
): Promise<Response> {
  const { request, url, origin } = browser;
  if (comesWithoutSession(request, deps)) return pageAnswer(200, goOnPage(url.pathname + url.search));
  const attempt = findAttempt(request, url.searchParams.get('state'), deps.sealer);
  const isOurs = attempt?.origin === origin && deps.nowMs() < attempt.expiresAtMs;
  const provider = deps.loginProviders.find(({ name }) => name === attempt?.provider);
  if (attempt === undefined || !isOurs || provider === undefined) {
    deps.log.info('login', { outcome: 'no_attempt' });
    return failureAnswer('no_attempt', { again: loginPath(isOurs ? attempt.returnTo : '/') });
  }
  const binding = { ...attempt, redirectUri: origin + CALLBACK_PATH };
  const end = await provider.finish(`${binding.redirectUri}${url.search}`, binding, attempt.demand);
  if (end.outcome !== 'identity') return fail(attempt, failureOf(end), trail);
  return open(browser, attempt, end, deps, trail);
}

/**
 * A session cookie that is SameSite=Strict stays at home when the provider's site leads here, and so it would on the way
 * to the app. A page of our own in between makes it a way within the site (RFC 6265bis section 5.2).
 */
function comesWithoutSession(request: Request, { config }: LoginDependencies): boolean {
  return config.token.cookie.sameSite === 'Strict' && request.headers.get('sec-fetch-site') === 'cross-site';
}

type Failure = Omit<FailedLogin, 'provider'> & { readonly sentence?: string };

function failureOf(end: Exclude<LoginEnd, { readonly outcome: 'identity' }>): Failure {
  switch (end.outcome) {
    case 'declined':
      return { failure: 'declined', reason: end.error };
    case 'insufficient':
      return { failure: 'insufficient', subject: end.identity };
    case 'refused':
      return { failure: 'refused', problem: end.problem };
    case 'unavailable':
      return { failure: 'provider_unavailable', problem: end.problem };
  }
}

async function fail(attempt: Attempt, failure: Failure, trail: FailureTrail): Promise<Response> {
  await trail.record({ ...failure, provider: attempt.provider });
  const { sentence } = failure;
  return failureAnswer(failure.failure, {
    again: loginPath(attempt.returnTo),
    cookies: failure.failure === 'provider_unavailable' ? [] : [endedAttempt(attempt)],
    ...(sentence !== undefined && { sentence }),
  });
}

async function open(
  { request, origin }: BrowserRequest,
  attempt: Attempt,
  { identity, idToken }: LoginEnd & { readonly outcome: 'identity' },
  deps: LoginDependencies,
  trail: FailureTrail,
): Promise<Response> {
  const previous = await refToEnd(request, deps);
  const actor = { kind: 'provider', name: identity.provider } as const;
  const opening = { identity, actor, forBrowser: true, logoutHint: idToken };
  const opened = await openSession({ ...opening, ...(previous !== undefined && { previous }) }, deps);
  if (opened.outcome !== 'opened') {
    return fail(attempt, { ...refusalOf(opened), subject: identity }, trail);
  }
  const { token, session } = opened;
  deps.log.info('login', { outcome: 'opened', provider: identity.provider, ref: session.ref });
  const { csrfToken } = session.document;
  const cookies = [...sessionCookies({ config: deps.config, token, csrfToken }), endedAttempt(attempt)];
  return redirectAnswer(303, origin + attempt.returnTo, { cookies });
}

function refusalOf(opened: Exclude<OpenOutcome, { readonly outcome: 'opened' }>): Failure {
  switch (opened.outcome) {
    case 'replayed':
      return { failure: 'replayed' };
    case 'too_large':
      return {
        failure: 'too_large',
        problem: `a session of ${opened.bytes} bytes; session.maxBytes allows ${opened.maxBytes}`,
      };
    case 'limited':
      return {
        failure: 'limited',
        sentence: `You are logged in ${opened.limit} times, which is as often as allowed. Log out somewhere else first.`,
      };
  }
}
