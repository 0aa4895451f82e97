/** `/auth/login`: sends the browser to an identity provider, or asks with which one. */
import type { LoginProvider } from '../identity/login.ts';
import { pageAnswer, redirectAnswer } from './answers.ts';
import { attemptCookies, newAttempt } from './attempt.ts';
import { readDemand } from './demand.ts';
import type { BrowserRequest, LoginDependencies } from './dependencies.ts';
import { failureAnswer } from './login-outcome.ts';
import { readReturnTo } from './origin.ts';
import { choicePage, refusalPage } from './pages.ts';
import { CALLBACK_PATH, LOGIN_PATH, loginPath } from './paths.ts';

/** Keeps nothing on the server: whoever only begins logins costs it no memory. */
export async function beginLogin(browser: BrowserRequest, deps: LoginDependencies): Promise<Response> {
  const { url, origin, login } = browser;
  const query = url.searchParams;
  const target = readReturnTo(query.get('return_to') ?? '/', origin, login.origins);
  const demand = readDemand(query);
  if (target.kind === 'refused') return refused('The address to return to is not one of this site.');
  if (target.kind === 'other') return redirectAnswer(302, `${target.origin}${LOGIN_PATH}${url.search}`);
  if (demand === undefined) return refused('The demand for the login (acr_values, max_age) is not valid.');

  const provider = chosenProvider(query.get('provider'), deps.loginProviders);
  if (provider === undefined) return pageAnswer(200, choicePage(choices(query, deps.loginProviders)));
  const expiresAtMs = deps.nowMs() + login.timeout;
  const attempt = newAttempt({ origin, returnTo: target.path, provider: provider.name, demand, expiresAtMs });
  const { sealer } = deps;
  const cookies = attemptCookies(attempt, { request: browser.request, sealer, nowMs: deps.nowMs() });
  if (cookies === undefined) return refused('The address to return to is too long.');
  const redirectUri = origin + CALLBACK_PATH;
  const start = await provider.authorizationUrl({ ...attempt, redirectUri }, demand);
  if (start.ok) return redirectAnswer(302, start.url, { cookies });
  const { problem } = start;
  deps.log.error('login', { outcome: 'provider_unavailable', provider: provider.name, problem });
  return unavailable(provider, url);
}

/** The only one, or the one that the user named. */
function chosenProvider(name: string | null, providers: readonly LoginProvider[]): LoginProvider | undefined {
  if (name !== null) return providers.find((provider) => provider.name === name);
  return providers.length === 1 ? providers[0] : undefined;
}

function choices(query: URLSearchParams, providers: readonly LoginProvider[]) {
  return providers.map(({ name, displayName }) => {
    const chosen = new URLSearchParams(query);
    chosen.set('provider', name);
    return { text: displayName, href: `${LOGIN_PATH}?${chosen.toString()}` };
  });
}

function refused(sentence: string): Response {
  return pageAnswer(400, refusalPage("This login can't begin", sentence, loginPath('/')));
}

function unavailable({ displayName }: LoginProvider, { pathname, search }: URL): Response {
  const sentence = `${displayName} can't be reached right now. Whoever is logged in stays so.`;
  return failureAnswer('provider_unavailable', { again: pathname + search, sentence });
}
