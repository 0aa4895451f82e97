/** The calls of the Session API: from a checked message to the session store and the identity providers, and back. */
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type {
  CreateSessionRequest,
  GetSessionRequest,
  RevokeSessionRequest,
  SessionService,
} from '../gen/singlestate/session/v1/session_pb.ts';
import type { VerifiedIdentity } from '../identity/identity.ts';
import { isSessionRef, type SessionRef } from '../session/ref.ts';
import { invalidField, unavailable } from './api-error.ts';
import { callOf } from './call-log.ts';
import type { ApiDependencies } from './dependencies.ts';
import { openSession } from './open-session.ts';
import { sessionMessage } from './session-message.ts';

/** Callers are authorized and messages checked before a handler runs (src/api/api-server.ts). */
export function createSessionService(deps: ApiDependencies): ServiceImpl<typeof SessionService> {
  return {
    createSession: (request, context) => createSession(deps, request, context),
    getSession: (request, context) => getSession(deps, request, context),
    revokeSession: (request, context) => revokeSession(deps, request, context),
  };
}

async function createSession(deps: ApiDependencies, request: CreateSessionRequest, context: HandlerContext) {
  const identity = await verifiedIdentity(deps, request);
  // Nobody waits for the token any more: a session would only lie there, and the ID token be spent.
  context.signal.throwIfAborted();
  const opened = await openSession(identity, deps);
  switch (opened.outcome) {
    case 'replayed':
      throw new ConnectError(
        'id_token: it has opened a session before; ask for a new one',
        Code.AlreadyExists,
      );
    case 'too_large':
      throw new ConnectError(
        `the ID token makes a session of ${opened.bytes} bytes; session.maxBytes allows ${opened.maxBytes}`,
        Code.FailedPrecondition,
      );
    case 'opened': {
      const { session, token, tokenExpiresAtMs } = opened;
      callOf(context.values).ref = session.ref;
      const shown = sessionMessage(
        session.ref,
        { state: 'live', session },
        deps.nowMs(),
        deps.limits.idleTimeoutMs,
      );
      return { ...(shown && { session: shown }), token, tokenExpiresAt: timestampFromMs(tokenExpiresAtMs) };
    }
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

async function getSession(deps: ApiDependencies, request: GetSessionRequest, context: HandlerContext) {
  const ref = checkedRef(request.ref, context);
  const lookup = await deps.store.read(ref);
  const session = sessionMessage(ref, lookup, deps.nowMs(), deps.limits.idleTimeoutMs);
  if (session === undefined) throw notFound();
  return { session };
}

async function revokeSession(deps: ApiDependencies, request: RevokeSessionRequest, context: HandlerContext) {
  const ref = checkedRef(request.ref, context);
  callOf(context.values).reason = request.reason;
  const { outcome } = await deps.store.revoke({ ref, cause: 'operator', nowMs: deps.nowMs() });
  if (outcome === 'absent') throw notFound();
  if (outcome === 'revoked') deps.onEnded('operator');
  return { alreadyRevoked: outcome === 'already_revoked' };
}

function checkedRef(text: string, context: HandlerContext): SessionRef {
  if (!isSessionRef(text)) throw invalidField('ref', 'it is not a session reference');
  callOf(context.values).ref = text;
  return text;
}

const notFound = () =>
  new ConnectError('ref: there is no such session, or it has ended and is forgotten', Code.NotFound);
