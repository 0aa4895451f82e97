/** The session that a browser's cookie names. */
import type { SessionRef } from '../session/ref.ts';
import { validate, type ValidSession } from '../session/validity.ts';
import type { TokenVerdict } from '../token/session-token.ts';
import { readCookie } from './cookies.ts';
import type { LoginDependencies } from './dependencies.ts';

type TokenDependencies = Pick<LoginDependencies, 'config' | 'tokens' | 'nowMs'>;
type Dependencies = TokenDependencies & Pick<LoginDependencies, 'store' | 'limits'>;

/** Rejects with `StoreError`: that says nothing about the session. */
export async function browserSession(
  request: Request,
  deps: Dependencies,
): Promise<ValidSession | undefined> {
  const verdict = await tokenVerdict(request, deps);
  return verdict?.valid === true ? validSession(verdict.claims.ref, deps) : undefined;
}

/**
 * As `browserSession`, but for ending it: a token that is over names it as well. The session may go on without this
 * browser, for whoever has a fresher token of it. Rejects with `StoreError`.
 */
export async function sessionToEnd(request: Request, deps: Dependencies): Promise<ValidSession | undefined> {
  const ref = await refToEnd(request, deps);
  return ref === undefined ? undefined : validSession(ref, deps);
}

/** Whether that session still lives is the store's to say. */
export async function refToEnd(request: Request, deps: TokenDependencies): Promise<SessionRef | undefined> {
  const verdict = await tokenVerdict(request, deps);
  if (verdict?.valid === false && verdict.reason === 'expired_token') return verdict.expired.ref;
  return verdict?.valid === true ? verdict.claims.ref : undefined;
}

async function tokenVerdict(
  request: Request,
  { config, tokens, nowMs }: TokenDependencies,
): Promise<TokenVerdict | undefined> {
  const token = readCookie(request, config.token.cookie.name);
  return token === undefined || token === '' ? undefined : tokens.verify(token, nowMs());
}

async function validSession(ref: SessionRef, deps: Dependencies): Promise<ValidSession | undefined> {
  const validity = validate(await deps.store.read(ref), deps.nowMs(), deps.limits.idleTimeoutMs);
  return validity.valid ? validity.session : undefined;
}
