/** What an allowed request looks like when it reaches the app: first everything forgeable is taken out, then identity put in. */
import { looksLikeSessionToken } from '../token/recognize.ts';
import { bearerTokens, withoutCookie } from './credential.ts';
import type { Allow } from './decision.ts';
import type { Policy } from './policy.ts';
import type { AuthzRequest } from './request.ts';

export type HeaderField = readonly [name: string, value: string];

export interface RequestMutations {
  /** Set in place of whatever the request had under that name. */
  readonly set: readonly HeaderField[];
  /** Taken out; none of them is in `set`, since Envoy would remove what it has just set. */
  readonly remove: readonly string[];
}

const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** `assertion` is what `assertionFor` made. */
export function requestMutations(
  allowed: Allow,
  request: AuthzRequest,
  policy: Policy,
  assertion: string | undefined,
): RequestMutations {
  const set = identityHeaders(allowed, policy, assertion);
  const remove = forgeableHeaders(request.headers, policy, set);
  const authorization = request.headers.get('authorization');
  if (authorization !== undefined && holdsSessionToken(authorization, allowed)) remove.push('authorization');
  if (holdsCsrfToken(request, allowed, policy)) remove.push(policy.csrfHeader);
  const cookie = withoutCookie(request.headers.get('cookie') ?? '', policy.cookieName);
  if (cookie === '') remove.push('cookie');
  else if (cookie !== undefined) set.push(['cookie', cookie]);
  return { set, remove };
}

function identityHeaders(
  { session, route }: Allow,
  policy: Policy,
  assertion: string | undefined,
): HeaderField[] {
  if (session === undefined) return [];
  const headers: HeaderField[] = policy.projection(route.app).headers(session);
  if (assertion !== undefined) headers.push([policy.headers.assertion, assertion]);
  return headers;
}

/**
 * The assertion about the session for the route's app, where that is to have one. Rejects when it can't be signed: a
 * request without a header that it should have is not let through.
 */
export async function assertionFor(
  { session, route }: Allow,
  policy: Policy,
  nowMs: number,
): Promise<string | undefined> {
  const { app, assertion, view } = policy.projection(route.app);
  if (session === undefined || app === undefined || !assertion) return undefined;
  const { identity, expiresAtMs } = session.document;
  const { ref, version } = session;
  const facts = {
    ref,
    version,
    subject: identity.subject,
    identityIssuer: identity.issuer,
    ...view(session),
  };
  const request = { app, facts, notAfterMs: expiresAtMs, generation: policy.generation, nowMs };
  const signed = await policy.assertions.sign(request);
  if (COMPACT_JWS.test(signed)) return signed;
  throw new TypeError('the assertion signer answered with something else than a JWT');
}

/**
 * Every header under the prefix that is not set now: those that the configuration can set, whether or not the proxy
 * showed them (`allowed_headers` may hide them), and those that came, in any spelling.
 */
function forgeableHeaders(
  headers: ReadonlyMap<string, string>,
  policy: Policy,
  set: readonly HeaderField[],
): string[] {
  const isSet = new Set(set.map(([name]) => name));
  const remove = policy.configurableHeaders.filter((name) => !isSet.has(name));
  const known = policy.configurableHeaderSet;
  for (const name of headers.keys()) {
    if (!isUnderPrefix(name, policy.headers.prefix) || known.has(name) || isSet.has(name.toLowerCase()))
      continue;
    remove.push(name);
  }
  return remove;
}

/** Whether a header name is under the prefix once case and punctuation are ignored, as CGI-like servers ignore them. */
export function isUnderPrefix(name: string, prefix: string): boolean {
  // A prefix begins with a letter: most names are told apart by their first character, in either case.
  if (name.length < prefix.length || (name.charCodeAt(0) | 0x20) !== prefix.charCodeAt(0)) return false;
  return (
    name
      .slice(0, prefix.length)
      .replace(/[^A-Za-z0-9]/g, '-')
      .toLowerCase() === prefix
  );
}

/** With a session, any bearer token is its own. Everything else in the header is the app's, unless it looks like ours. */
function holdsSessionToken(authorization: string, allowed: Allow): boolean {
  if (allowed.session !== undefined && bearerTokens(authorization).length > 0) return true;
  return looksLikeSessionToken(authorization);
}

/**
 * Where the CSRF token is Singlestate's to check, the header is for Singlestate alone, and an app that has such a header
 * of its own would misread it. The CSRF cookie stays: it is made for the app's pages, and worth nothing without the
 * session cookie, which the app never sees.
 */
function holdsCsrfToken({ headers }: AuthzRequest, { session, route }: Allow, policy: Policy): boolean {
  return session !== undefined && route.csrf && headers.has(policy.csrfHeader);
}
