/** Who may call what on the `api` listener: one table, asked before a request's body is read. */
import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { AuditService } from '../gen/singlestate/audit/v1/audit_pb.ts';
import { SessionService } from '../gen/singlestate/session/v1/session_pb.ts';
import { unauthenticated, unavailable } from './api-error.ts';
import { recognize, type Caller, type CallerDependencies, type ShownCredentials } from './caller.ts';

/** `app`: the parts of sessions that its configuration names. `own session`: a user, and the session of their token alone. */
export type Permission = 'operator' | 'app' | 'own session' | 'anyone';

/** A call without a row does not compile. */
const SESSION_CALLS: Readonly<Record<keyof typeof SessionService.method, readonly Permission[]>> = {
  createSession: ['operator'],
  getSession: ['operator', 'app', 'own session'],
  updateSession: ['app'],
  touchSession: ['app'],
  revokeSession: ['operator', 'own session'],
  revokeSessions: ['operator'],
  listSessions: ['operator'],
  // The refresh token in the message is the credential.
  refreshSession: ['anyone'],
};

const AUDIT_CALLS: Readonly<Record<keyof typeof AuditService.method, readonly Permission[]>> = {
  queryAudit: ['operator'],
  tailAudit: ['operator'],
};

/** `revoke`: the token in the form is the credential. */
const ROUTES: Readonly<Record<string, readonly Permission[]>> = {
  '/oauth2/introspect': ['operator', 'app'],
  '/oauth2/revoke': ['anyone'],
  '/.well-known/jwks.json': ['anyone'],
};

/** Every call by its path, and who may make it. */
export const CALLERS: ReadonlyMap<string, readonly Permission[]> = new Map([
  ...rowsOf(SessionService, SESSION_CALLS),
  ...rowsOf(AuditService, AUDIT_CALLS),
  ...Object.entries(ROUTES),
]);

const PERMISSION_OF: Readonly<Record<Caller['kind'], Permission>> = {
  operator: 'operator',
  app: 'app',
  user: 'own session',
};

export type Authorization =
  /** Nobody in particular, where anyone may make the call. */
  | { readonly allowed: true; readonly caller: Caller | undefined }
  /** `caller` is whom the credentials prove, for the log. */
  | { readonly allowed: false; readonly caller: Caller | undefined; readonly error: ConnectError };

/**
 * Whether the call may be made. The error is UNAUTHENTICATED where the credentials prove nobody, PERMISSION_DENIED where
 * they prove somebody else, or the call is not in the table, and UNAVAILABLE where that can't be found out now. Throws
 * `StoreError` where the session of a user can't be read.
 */
export async function authorizeCall(
  path: string,
  credentials: ShownCredentials,
  deps: CallerDependencies,
): Promise<Authorization> {
  const permitted = CALLERS.get(path) ?? [];
  if (permitted.includes('anyone')) return { allowed: true, caller: undefined };
  if (permitted.length === 0) return denied('nobody may make this call', undefined);
  const { callers, unavailable: problem, isShown } = await recognize(credentials, deps);
  const caller = callers.find(({ kind }) => permitted.includes(PERMISSION_OF[kind]));
  if (caller !== undefined) return { allowed: true, caller };
  if (problem !== undefined) return { allowed: false, caller, error: unavailable(problem, 5) };
  const takes = `this call takes the credential of ${permitted.map(titleOf).join(' or ')}`;
  const [other] = callers;
  if (other !== undefined) return denied(takes, other);
  const why = isShown ? `${takes}; what was sent is none that holds` : takes;
  return { allowed: false, caller, error: unauthenticated(why, isShown) };
}

function denied(problem: string, caller: Caller | undefined): Authorization {
  return { allowed: false, caller, error: new ConnectError(problem, Code.PermissionDenied) };
}

function titleOf(permission: Permission): string {
  return permission === 'own session' ? 'the user' : `an ${permission}`;
}

function rowsOf<Name extends string>(
  service: DescService & { readonly method: Readonly<Record<Name, { readonly name: string }>> },
  calls: Readonly<Record<Name, readonly Permission[]>>,
): readonly [path: string, permitted: readonly Permission[]][] {
  return Object.entries<readonly Permission[]>(calls).map(([name, permitted]) => [
    procedurePath(service, service.method[name as Name]),
    permitted,
  ]);
}

/** As in the request's URL, with every protocol. */
export function procedurePath(
  service: { readonly typeName: string },
  method: { readonly name: string },
): string {
  return `/${service.typeName}/${method.name}`;
}
