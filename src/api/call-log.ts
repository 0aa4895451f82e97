/** One log line for each call of the Session API, whatever became of it: who, what, which session, how it ended. */
import {
  Code,
  ConnectError,
  createContextKey,
  type ContextValues,
  type HandlerContext,
} from '@connectrpc/connect';
import type { LogFields } from '../ops/log.ts';
import type { SessionRef } from '../session/ref.ts';
import { toApiError } from './api-error.ts';
import type { Caller } from './caller.ts';
import type { ApiLog } from './dependencies.ts';

/** What is known of a call. Its handler adds what it has checked: a ref that was not may be a secret by mistake. */
export interface Call {
  readonly procedure: string;
  /** Who calls: at most one of the three; none where anyone may. */
  operator?: string;
  app?: string;
  /** The ref of the user's own session. */
  user?: SessionRef;
  ref?: SessionRef;
  /** The caller's words for why. */
  reason?: string;
  /** Somebody has taken over writing the line. */
  claimed: boolean;
}

const MESSAGE = 'session api call';

const callKey = createContextKey<Call | undefined>(undefined);

/** The record of a call that `beginCall` was called for. */
export function callOf(values: ContextValues): Call {
  const call = values.get(callKey);
  if (call === undefined) throw new TypeError('The call has no record');
  return call;
}

/** Whom the table of src/api/authorization.ts let make this call. */
export function callerOf(values: ContextValues): Caller {
  const { operator, app, user } = callOf(values);
  if (operator !== undefined) return { kind: 'operator', name: operator };
  if (app !== undefined) return { kind: 'app', name: app };
  if (user !== undefined) return { kind: 'user', name: user };
  throw new TypeError('The call has no caller');
}

export function beginCall({ method, values }: HandlerContext): Call {
  const call: Call = { procedure: method.name, claimed: false };
  values.set(callKey, call);
  return call;
}

export function noteCaller(call: Call, caller: Caller | undefined): void {
  if (caller?.kind === 'operator') call.operator = caller.name;
  if (caller?.kind === 'app') call.app = caller.name;
  if (caller?.kind === 'user') call.user = caller.name;
}

/** Logs the end of a call that nobody has claimed by then: its message is unreadable, or its client is gone. */
export function logUnlessClaimed(log: ApiLog, call: Call, signal: AbortSignal): void {
  const write = () => {
    // Without the error's text: it may quote the unreadable message, and so a token.
    if (!call.claimed) log.info(MESSAGE, line(call, ConnectError.from(signal.reason, Code.Canceled).code));
  };
  if (signal.aborted) write();
  else signal.addEventListener('abort', write, { once: true });
}

export function logSuccess(log: ApiLog, call: Call): void {
  log.info(MESSAGE, line(call));
}

/** Returns what was thrown, as the caller may see it. */
export function logFailure(log: ApiLog, call: Call, thrown: unknown): ConnectError {
  call.claimed = true;
  const error = toApiError(thrown);
  const fields: LogFields = { ...line(call, error.code), problem: error.rawMessage };
  if (error.code === Code.Internal) log.error(MESSAGE, { ...fields, fault: fault(error.cause) });
  else log.info(MESSAGE, fields);
  return error;
}

function line(call: Call, code?: Code): LogFields {
  const { operator, app, user, procedure, ref, reason } = call;
  const ending = code === undefined ? 'ok' : codeName(code);
  return { operator, app, user, procedure, ref, reason, code: ending };
}

const codeName = (code: Code): string => Code[code].replace(/\B[A-Z]/g, '_$&').toLowerCase();

/** Where an unexpected error came from. Its message stays out: it may quote what it failed on. */
export function fault(cause: unknown) {
  if (!(cause instanceof Error)) return { name: typeof cause };
  const frames = (cause.stack ?? '').split('\n').filter((text) => /^\s+at /.test(text));
  return { name: cause.name, at: frames.map((text) => text.trim()) };
}
