/** The calls of the Session API: from a checked message to the session store, and back. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type {
  GetSessionRequest,
  RevokeSessionRequest,
  RevokeSessionsRequest,
  SessionService,
  TouchSessionRequest,
} from '../gen/singlestate/session/v1/session_pb.ts';
import { endSession, endSessions } from '../lifecycle/end-session.ts';
import type { RevocationTarget } from '../session/store.ts';
import { invalidField } from './api-error.ts';
import { callerOf, callOf } from './call-log.ts';
import { createSession, refreshSession } from './create-session.ts';
import type { ApiDependencies } from './dependencies.ts';
import { listSessions } from './list-sessions.ts';
import { checkedRef, notFound, permittedRef, readUsable } from './named-session.ts';
import {
  idleExpiresAtMs,
  sessionForApp,
  sessionForOperator,
  sessionForUser,
  type FoundSession,
  type SessionMessage,
} from './session-message.ts';
import { updateSession } from './update-session.ts';

/** Callers are authorized and messages checked before a handler runs (src/api/api-server.ts). */
export function createSessionService(deps: ApiDependencies): ServiceImpl<typeof SessionService> {
  return {
    createSession: (request, context) => createSession(deps, request, context),
    getSession: (request, context) => getSession(deps, request, context),
    updateSession: (request, context) => updateSession(deps, request, context),
    touchSession: (request, context) => touchSession(deps, request, context),
    revokeSession: (request, context) => revokeSession(deps, request, context),
    revokeSessions: (request, context) => revokeSessions(deps, request, context),
    listSessions: (request, context) => listSessions(deps, request, context),
    refreshSession: (request, context) => refreshSession(deps, request, context),
  };
}

async function getSession(deps: ApiDependencies, request: GetSessionRequest, context: HandlerContext) {
  const ref = permittedRef(request.ref, context);
  const { idleTimeoutMs } = deps.limits;
  const lookup = await deps.store.read(ref);
  const session = await shown(deps, { ref, lookup, nowMs: deps.nowMs(), idleTimeoutMs }, context);
  if (session === undefined) throw notFound();
  return { session };
}

/** As much of it as the caller may see. An operator's look at it is in the audit trail first. */
async function shown(
  deps: ApiDependencies,
  found: FoundSession,
  context: HandlerContext,
): Promise<SessionMessage | undefined> {
  const caller = callerOf(context.values);
  switch (caller.kind) {
    case 'operator':
      await deps.store.record({ action: 'session_read', actor: caller }, about(found));
      return sessionForOperator(found);
    case 'app': {
      const view = deps.views.get(caller.name);
      if (view === undefined) throw new ConnectError('the app may see no session', Code.PermissionDenied);
      return sessionForApp(found, view);
    }
    case 'user':
      return sessionForUser(found);
  }
}

function about({ ref, lookup }: FoundSession) {
  if (lookup.state !== 'live') return { ref };
  const { issuer, subject } = lookup.session.document.identity;
  return { ref, subject: { issuer, subject } };
}

async function touchSession(deps: ApiDependencies, request: TouchSessionRequest, context: HandlerContext) {
  const ref = checkedRef(request.ref, context);
  const { document } = await readUsable(ref, deps);
  const { idleTimeoutMs } = deps.limits;
  const seenAtMs = deps.nowMs();
  await deps.store.touch({ ref, seenAtMs, idleTimeoutMs, document });
  const idleEndMs = idleExpiresAtMs(seenAtMs, idleTimeoutMs, document.expiresAtMs);
  return { idleExpiresAt: timestampFromMs(idleEndMs) };
}

async function revokeSession(deps: ApiDependencies, request: RevokeSessionRequest, context: HandlerContext) {
  const ref = permittedRef(request.ref, context);
  const { reason } = request;
  callOf(context.values).reason = reason;
  const actor = callerOf(context.values);
  const cause = actor.kind === 'user' ? 'logout' : 'operator';
  const { outcome } = await endSession({ ref, cause, actor, reason }, deps);
  if (outcome === 'absent') throw notFound();
  return { alreadyRevoked: outcome === 'already_revoked' };
}

async function revokeSessions(
  deps: ApiDependencies,
  request: RevokeSessionsRequest,
  context: HandlerContext,
) {
  const target = targetOf(request);
  const { reason } = request;
  callOf(context.values).reason = reason;
  const actor = callerOf(context.values);
  return { revoked: await endSessions({ target, cause: 'operator', actor, reason }, deps) };
}

function targetOf({ target }: RevokeSessionsRequest): RevocationTarget {
  switch (target.case) {
    case 'subject': {
      const { issuer, subject } = target.value;
      return { kind: 'subject', subject: { issuer, subject } };
    }
    case 'providerSession': {
      const { issuer, providerSession } = target.value;
      return { kind: 'provider_session', issuer, providerSession };
    }
    case 'all':
      return { kind: 'all' };
    case undefined:
      throw invalidField('target', 'it must say whose sessions');
  }
}
