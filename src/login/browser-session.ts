/** The session that a browser's cookie names. */
import type { SessionRef } from '../session/ref.ts';
import { validate, type ValidSession } from '../session/validity.ts';
import { readCookie } from './cookies.ts';
import type { LoginDependencies } from './dependencies.ts';

type Dependencies = Pick<LoginDependencies, 'config' | 'tokens' | 'nowMs' | 'store' | 'limits'>;

/** By a token that verifies; whether the session still lives is the store's to say. */
export async function browserSessionRef(
  request: Request,
  { config, tokens, nowMs }: Pick<Dependencies, 'config' | 'tokens' | 'nowMs'>,
): Promise<SessionRef | undefined> {
  const token = readCookie(request, config.token.cookie.name);
  if (token === undefined || token === '') return undefined;
  const verdict = await tokens.verify(token, nowMs());
  return verdict.valid ? verdict.claims.ref : undefined;
}

/** Rejects with `StoreError`: that says nothing about the session. */
export async function browserSession(
  request: Request,
  deps: Dependencies,
): Promise<ValidSession | undefined> {
  const ref = await browserSessionRef(request, deps);
  if (ref === undefined) return undefined;
  const validity = validate(await deps.store.read(ref), deps.nowMs(), deps.limits.idleTimeoutMs);
  return validity.valid ? validity.session : undefined;
}
