/** Opens sessions for users whom an ID token names, and trades refresh tokens for session tokens. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type {
  CreateSessionRequest,
  RefreshSessionRequest,
} from '../gen/singlestate/session/v1/session_pb.ts';
import type { VerifiedIdentity } from '../identity/identity.ts';
import { openSession, type OpenOutcome } from '../lifecycle/open-session.ts';
import { refreshSession as refresh } from '../lifecycle/refresh-session.ts';
import { invalidField, unauthenticated, unavailable } from './api-error.ts';
import { callerOf, callOf } from './call-log.ts';
import type { ApiDependencies } from './dependencies.ts';
import { sessionForOperator } from './session-message.ts';

export async function createSession(
  deps: ApiDependencies,
  request: CreateSessionRequest,
  context: HandlerContext,
) {
  const identity = await verifiedIdentity(deps, request);
  // Nobody waits for the token any more: a session would only lie there, and the ID token be spent.
  context.signal.throwIfAborted();
  const actor = callerOf(context.values);
  const opened = await openSession({ identity, actor, refreshable: request.refreshable }, deps);
  if (opened.outcome !== 'opened') throw refusal(opened);
  const { session, token, tokenExpiresAtMs, refreshToken } = opened;
  callOf(context.values).ref = session.ref;
  const { idleTimeoutMs } = deps.limits;
  const lookup = { state: 'live', session } as const;
  const shown = sessionForOperator({ ref: session.ref, lookup, nowMs: deps.nowMs(), idleTimeoutMs });
  return {
    ...(shown && { session: shown }),
    token,
    tokenExpiresAt: timestampFromMs(tokenExpiresAtMs),
    ...(refreshToken !== undefined && { refreshToken }),
  };
}

function refusal(refused: Exclude<OpenOutcome, { outcome: 'opened' }>): ConnectError {
  switch (refused.outcome) {
    case 'replayed':
      return new ConnectError(
        'id_token: it has opened a session before; ask for a new one',
        Code.AlreadyExists,
      );
    case 'too_large':
      return new ConnectError(
        `the ID token makes a session of ${refused.bytes} bytes; session.maxBytes allows ${refused.maxBytes}`,
        Code.FailedPrecondition,
      );
    case 'limited':
      return new ConnectError(
        `the subject has ${refused.limit} sessions already; session.maxPerSubject allows no more`,
        Code.ResourceExhausted,
      );
  }
}

async function verifiedIdentity(
  deps: ApiDependencies,
  request: CreateSessionRequest,
): Promise<VerifiedIdentity> {
  const provider = deps.identityProviders.get(request.provider);
  if (provider === undefined)
    throw invalidField('provider', 'no identity provider of this name is configured');
  const verdict = await provider.verifyIdToken(request.idToken, { nonce: request.nonce });
  if (verdict.verified) return verdict.identity;
  if (verdict.cause === 'provider_unavailable') throw unavailable(verdict.problem, 5);
  throw invalidField('id_token', verdict.problem);
}

/** What is wrong with a refresh token is the audit trail's to know, and nothing that the caller is told. */
export async function refreshSession(
  deps: ApiDependencies,
  request: RefreshSessionRequest,
  context: HandlerContext,
) {
  const refreshed = await refresh(request.refreshToken, deps);
  if (refreshed.outcome !== 'refreshed')
    throw unauthenticated('refresh_token: it is not, or no longer, one of a live session', true);
  callOf(context.values).ref = refreshed.session.ref;
  return {
    token: refreshed.token,
    tokenExpiresAt: timestampFromMs(refreshed.tokenExpiresAtMs),
    refreshToken: refreshed.refreshToken,
  };
}
