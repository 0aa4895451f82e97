/** Who is calling: an operator, an app or a user, by what they showed. Hides how one credential is told from another. */
import type { OperatorAuthenticator } from '../identity/identity.ts';
import type { WorkloadAuthenticator } from '../identity/workload.ts';
import type { SessionRef } from '../session/ref.ts';
import type { SessionStore } from '../session/store.ts';
import { validate } from '../session/validity.ts';
import { looksLikeSessionToken } from '../token/recognize.ts';
import type { SessionTokenVerifier } from '../token/session-token.ts';

/** As the audit trail names them (`Actor`). */
export type Caller =
  | { readonly kind: 'operator'; readonly name: string }
  | { readonly kind: 'app'; readonly name: string }
  /** `name` is the ref of the live session whose token they showed. */
  | { readonly kind: 'user'; readonly name: SessionRef };

export interface ShownCredentials {
  /** The `authorization` header. */
  readonly authorization: string | undefined;
  readonly certificateNames: readonly string[];
}

export interface CallerDependencies {
  readonly operators: OperatorAuthenticator;
  readonly workloads: WorkloadAuthenticator;
  readonly tokens: SessionTokenVerifier;
  readonly store: Pick<SessionStore, 'read'>;
  readonly limits: { readonly idleTimeoutMs: number };
  nowMs(): number;
}

export interface Recognition {
  /** Everybody that the credentials prove, an operator before an app; one identity may be configured as both. */
  readonly callers: readonly Caller[];
  /** Why there may be more, where keys could not be had. */
  readonly unavailable: string | undefined;
  /** Whether anything was shown at all. */
  readonly isShown: boolean;
}

/** RFC 6750 section 2.1; the scheme's case does not matter (RFC 9110 section 11.1). */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * A bearer token, where there is an `authorization` header, decides alone. Its shape picks who verifies it, and is
 * believed in nothing. Throws `StoreError` where a user's session can't be read.
 */
export async function recognize(
  { authorization, certificateNames }: ShownCredentials,
  deps: CallerDependencies,
): Promise<Recognition> {
  const bearer = BEARER.exec(authorization ?? '')?.[1];
  if (bearer === undefined && authorization !== undefined) return nobody(true);
  if (bearer === undefined && certificateNames.length === 0) return nobody(false);
  return bearer !== undefined && looksLikeSessionToken(bearer)
    ? recognizeUser(bearer, deps)
    : recognizeConfigured(bearer, certificateNames, deps);
}

function nobody(isShown: boolean): Recognition {
  return { callers: [], unavailable: undefined, isShown };
}

async function recognizeUser(token: string, deps: CallerDependencies): Promise<Recognition> {
  const verdict = await deps.tokens.verify(token, deps.nowMs());
  if (!verdict.valid) return nobody(true);
  const { ref } = verdict.claims;
  const lookup = await deps.store.read(ref);
  if (!validate(lookup, deps.nowMs(), deps.limits.idleTimeoutMs).valid) return nobody(true);
  return { callers: [{ kind: 'user', name: ref }], unavailable: undefined, isShown: true };
}

async function recognizeConfigured(
  bearer: string | undefined,
  certificateNames: readonly string[],
  { operators, workloads }: CallerDependencies,
): Promise<Recognition> {
  const [operator, workload] = await Promise.all([
    operators.authenticate(bearer),
    workloads.authenticate({ bearer, certificateNames }),
  ]);
  const callers: Caller[] = [];
  if (operator.authenticated) callers.push({ kind: 'operator', name: operator.operator.name });
  if (workload.authenticated) callers.push({ kind: 'app', name: workload.app });
  const refusals = [operator, workload].filter((verdict) => !verdict.authenticated);
  const unavailable = refusals.find(({ cause }) => cause === 'keys_unavailable')?.problem;
  return { callers, unavailable, isShown: true };
}
