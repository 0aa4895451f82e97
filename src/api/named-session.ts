/** The session that a call names, and what becomes of a call where there is none, or it has ended. */
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { isSessionRef, type SessionRef } from '../session/ref.ts';
import { validate, type SessionEnd, type ValidSession } from '../session/validity.ts';
import { invalidField } from './api-error.ts';
import { callerOf, callOf } from './call-log.ts';
import type { ApiDependencies } from './dependencies.ts';

/** The ref of a call that users may make: it names their own session, in words or by silence. */
export function permittedRef(text: string, context: HandlerContext): SessionRef {
  const caller = callerOf(context.values);
  if (caller.kind !== 'user') return checkedRef(text, context);
  if (text !== '' && text !== caller.name)
    throw new ConnectError('ref: a session token is for its own session alone', Code.PermissionDenied);
  return checkedRef(caller.name, context);
}

/** Throws INVALID_ARGUMENT for what is no ref. What is one is on the call's record from here on. */
export function checkedRef(text: string, context: HandlerContext): SessionRef {
  if (!isSessionRef(text)) throw invalidField('ref', 'it is not a session reference');
  callOf(context.values).ref = text;
  return text;
}

/** Throws NOT_FOUND, or FAILED_PRECONDITION for a session that has ended. */
export async function readUsable(
  ref: SessionRef,
  { store, limits, nowMs }: Pick<ApiDependencies, 'store' | 'limits' | 'nowMs'>,
): Promise<ValidSession> {
  const validity = validate(await store.read(ref), nowMs(), limits.idleTimeoutMs);
  if (validity.valid) return validity.session;
  throw validity.reason === 'unknown_session' ? notFound() : hasEnded(validity.reason);
}

export function notFound(): ConnectError {
  return new ConnectError('ref: there is no such session, or it has ended and is forgotten', Code.NotFound);
}

export function hasEnded(reason: Exclude<SessionEnd, 'unknown_session'>): ConnectError {
  return new ConnectError(`ref: the session has ended: ${reason}`, Code.FailedPrecondition);
}
