/** `/auth/backchannel-logout`: ends the sessions of a user who logged out at the identity provider (OIDC Back-Channel Logout 1.0). */
import type { LogoutVerdict } from '../identity/login.ts';
import { endSessions } from '../lifecycle/end-session.ts';
import { StoreError, type RevocationTarget } from '../session/store.ts';
import { jsonAnswer, RETRY_AFTER_SECONDS } from './answers.ts';
import type { LoginDependencies } from './dependencies.ts';
import { formField } from './form.ts';

type Verified = LogoutVerdict & { readonly verified: true };

/** 200: no check on any replica allows one of these sessions. 400: the token is no good. 503: send it again. */
export async function backchannelLogout(request: Request, deps: LoginDependencies): Promise<Response> {
  const logoutToken = await formField(request, 'logout_token');
  if (logoutToken === null) return refused('The form field logout_token is missing.', deps);
  const verdict = await deps.logoutTokens.verify(logoutToken);
  if (!verdict.verified) {
    return verdict.cause === 'invalid_token'
      ? refused(verdict.problem, deps)
      : unavailable('provider_unavailable', deps, verdict.problem);
  }
  try {
    return await endAll(verdict, deps);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return unavailable('store_unavailable', deps, error.message);
  }
}

/** The token is used up last: where ending sessions failed, the provider sends the same token again. */
async function endAll(verdict: Verified, deps: LoginDependencies): Promise<Response> {
  const { provider, proof } = verdict;
  if (await deps.store.isSpent(proof.hash))
    return refused('The logout token was used before.', deps, provider);
  const actor = { kind: 'provider', name: provider } as const;
  const count = await endSessions({ target: targetOf(verdict), cause: 'provider_logout', actor }, deps);
  await deps.store.spend(proof);
  deps.log.info('backchannel logout', { outcome: 'ended', provider, count });
  return jsonAnswer(200, {});
}

/** Section 2.4: `sid` names one session at the provider; `sub` alone, all that the user has. */
function targetOf({ issuer, of }: Verified): RevocationTarget {
  const { providerSession, subject } = of;
  if (providerSession === undefined) return { kind: 'subject', subject: { issuer, subject } };
  const target = { kind: 'provider_session', issuer, providerSession } as const;
  return subject === undefined ? target : { ...target, subject };
}

/** Section 2.8. */
function refused(problem: string, { log }: LoginDependencies, provider?: string): Response {
  log.info('backchannel logout', { outcome: 'refused', provider, problem });
  return jsonAnswer(400, { error: 'invalid_request', error_description: problem });
}

function unavailable(
  outcome: 'provider_unavailable' | 'store_unavailable',
  { log }: LoginDependencies,
  problem: string,
): Response {
  log.error('backchannel logout', { outcome, problem });
  const body = {
    error: 'temporarily_unavailable',
    error_description: 'Send the logout token again shortly.',
  };
  return jsonAnswer(503, body, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}
