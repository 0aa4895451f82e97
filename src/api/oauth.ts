/** Introspection (RFC 7662) and revocation (RFC 7009) of tokens, for those who speak OAuth rather than the Session API. */
import { Code, ConnectError } from '@connectrpc/connect';
import { endSession } from '../lifecycle/end-session.ts';
import { isForm } from '../net/web-form.ts';
import type { WebHandler, WebPeer, WebRoutes } from '../net/web-handler.ts';
import type { SessionRef } from '../session/ref.ts';
import { validate, type ValidSession } from '../session/validity.ts';
import { parseRefreshToken } from '../token/refresh-token.ts';
import { authorizeCall } from './authorization.ts';
import { logFailure, logSuccess, noteCaller, type Call } from './call-log.ts';
import type { Caller } from './caller.ts';
import type { ApiDependencies } from './dependencies.ts';

const INTROSPECT = '/oauth2/introspect';
const REVOKE = '/oauth2/revoke';

/** Throws ConnectError, as the calls of the services do. */
type TokenCall = (
  deps: ApiDependencies,
  token: string,
  caller: Caller | undefined,
  call: Call,
) => Promise<Response>;

export function createOauthRoutes(deps: ApiDependencies): WebRoutes {
  return new Map([
    [INTROSPECT, tokenRoute(deps, INTROSPECT, introspect)],
    [REVOKE, tokenRoute(deps, REVOKE, revoke)],
  ]);
}

/** One log line a request, and errors as RFC 6749 section 5.2 writes them. The form is read for who may call alone. */
function tokenRoute(deps: ApiDependencies, path: string, answer: TokenCall): WebHandler {
  return async (request, peer) => {
    if (request.method !== 'POST') return methodNotAllowed();
    const call: Call = { procedure: path, claimed: true };
    try {
      const authorization = await authorizeCall(path, credentialsOf(request, peer), deps);
      noteCaller(call, authorization.caller);
      if (!authorization.allowed) throw authorization.error;
      const response = await answer(deps, await readToken(request), authorization.caller, call);
      logSuccess(deps.log, call);
      return response;
    } catch (thrown) {
      return oauthError(logFailure(deps.log, call, thrown), request.headers.has('authorization'));
    }
  };
}

function credentialsOf(request: Request, { certificateNames }: WebPeer) {
  return { authorization: request.headers.get('authorization') ?? undefined, certificateNames };
}

/** RFC 7662 section 2.1 and RFC 7009 section 2.1; no parameter may be there twice (RFC 6749 section 3.2). */
async function readToken(request: Request): Promise<string> {
  if (!isForm(request)) throw invalidRequest('the body must be a form: application/x-www-form-urlencoded');
  const form = new URLSearchParams(await readForm(request));
  const names = [...form.keys()];
  if (new Set(names).size < names.length) throw invalidRequest('no parameter may be there twice');
  const token = form.get('token') ?? '';
  if (token === '') throw invalidRequest('the parameter token is missing');
  return token;
}

async function readForm(request: Request): Promise<string> {
  try {
    return await request.text();
  } catch {
    throw invalidRequest('the body is too large, or did not arrive whole');
  }
}

/** A token that does not hold, for whatever reason, is no error: it is not active (RFC 7662 section 2.2). */
async function introspect(
  deps: ApiDependencies,
  token: string,
  caller: Caller | undefined,
  call: Call,
): Promise<Response> {
  const verdict = await deps.tokens.verify(token, deps.nowMs());
  if (!verdict.valid) return json({ active: false });
  const { ref, issuedAtMs, expiresAtMs } = verdict.claims;
  call.ref = ref;
  const lookup = await deps.store.read(ref);
  if (caller?.kind === 'operator')
    await deps.store.record({ action: 'session_read', actor: caller }, { ref });
  const validity = validate(lookup, deps.nowMs(), deps.limits.idleTimeoutMs);
  if (!validity.valid) return json({ active: false });
  return json({
    active: true,
    scope: visibleScopes(deps, validity.session, caller).join(' '),
    token_type: 'Bearer',
    iss: deps.tokenIssuer,
    sub: validity.session.document.identity.subject,
    exp: Math.floor(expiresAtMs / 1000),
    iat: Math.floor(issuedAtMs / 1000),
    singlestate_ref: ref,
    singlestate_subject_issuer: validity.session.document.identity.issuer,
  });
}

function visibleScopes(
  { views }: ApiDependencies,
  { document }: ValidSession,
  caller: Caller | undefined,
): readonly string[] {
  if (caller?.kind === 'operator') return document.scopes;
  return caller === undefined ? [] : (views.get(caller.name)?.(document).scopes ?? []);
}

/** Whoever holds a token may give it back: it is the credential. One that names no live session is no error. */
async function revoke(
  deps: ApiDependencies,
  token: string,
  _caller: Caller | undefined,
  call: Call,
): Promise<Response> {
  const ref = await refOfToken(deps, token);
  if (ref !== undefined) {
    call.ref = ref;
    const actor = { kind: 'user', name: ref } as const;
    await endSession({ ref, cause: 'token_revocation', actor }, deps);
  }
  return new Response(null, { status: 200 });
}

/** A refresh token that was used up names its session still: it holds the session's id, which is the secret. */
async function refOfToken(deps: ApiDependencies, token: string): Promise<SessionRef | undefined> {
  const refreshToken = parseRefreshToken(token);
  if (refreshToken !== undefined) return refreshToken.ref;
  const verdict = await deps.tokens.verify(token, deps.nowMs());
  return verdict.valid ? verdict.claims.ref : undefined;
}

function invalidRequest(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}

/** RFC 6749 section 5.2, RFC 6750 section 3.1. */
const ERRORS: Readonly<Partial<Record<Code, readonly [status: number, error: string]>>> = {
  [Code.InvalidArgument]: [400, 'invalid_request'],
  [Code.PermissionDenied]: [403, 'insufficient_scope'],
  [Code.Unavailable]: [503, 'temporarily_unavailable'],
};

function oauthError(error: ConnectError, tokenSent: boolean): Response {
  const unauthenticated = [401, tokenSent ? 'invalid_token' : 'invalid_client'] as const;
  const [status, name] =
    error.code === Code.Unauthenticated ? unauthenticated : (ERRORS[error.code] ?? [500, 'server_error']);
  // Section 5.2 allows neither quotes nor backslashes.
  const description = error.rawMessage.replaceAll(/["\\]/g, "'");
  return json({ error: name, error_description: description }, status, error.metadata);
}

function methodNotAllowed(): Response {
  return json({ error: 'invalid_request', error_description: 'the method must be POST' }, 405, {
    allow: 'POST',
  });
}

function json(body: object, status = 200, headers?: Headers | Record<string, string>): Response {
  const all = new Headers(headers);
  all.set('content-type', 'application/json');
  return new Response(JSON.stringify(body), { status, headers: all });
}
