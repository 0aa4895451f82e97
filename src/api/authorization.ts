/** Who may call what in the Session API: one table, asked before a request's body is read. */
import { Code, ConnectError } from '@connectrpc/connect';
import type { SessionService } from '../gen/singlestate/session/v1/session_pb.ts';
import type { Operator, OperatorAuthenticator } from '../identity/identity.ts';
import { unauthenticated, unavailable } from './api-error.ts';

type Caller = 'operator';

/** A call without a row does not compile, and if it came all the same, nobody may call it. */
export const CALLERS: Readonly<Record<keyof typeof SessionService.method, Caller>> = {
  createSession: 'operator',
  getSession: 'operator',
  revokeSession: 'operator',
};

/** RFC 6750 section 2.1; the scheme's case does not matter (RFC 9110 section 11.1). */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

const isListed = (call: string): call is keyof typeof CALLERS => Object.hasOwn(CALLERS, call);

/**
 * The operator behind a call that operators may make. Throws UNAUTHENTICATED where the `authorization` header proves no
 * operator, UNAVAILABLE where that can't be found out now, PERMISSION_DENIED for a call that is not in the table.
 */
export async function authorizeCall(
  call: string,
  authorization: string | undefined,
  operators: OperatorAuthenticator,
): Promise<Operator> {
  if (!isListed(call)) throw new ConnectError('nobody may make this call', Code.PermissionDenied);
  const bearer = BEARER.exec(authorization ?? '')?.[1];
  const verdict = await operators.authenticate(bearer);
  if (verdict.authenticated) return verdict.operator;
  if (verdict.cause === 'keys_unavailable') throw unavailable(verdict.problem, 5);
  throw unauthenticated(verdict.problem, bearer !== undefined);
}
