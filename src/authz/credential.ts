/** Where a request carries a session token, and what is left of its headers without it. */
import { cookiePairs, withoutBlanks } from '../token/cookie-pairs.ts';
import { looksLikeSessionToken } from '../token/recognize.ts';
import { MAX_TOKEN_LENGTH } from '../token/session-token.ts';

export type Credential =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'token';
      readonly token: string;
      /** A browser sends its cookie by itself, whoever made it send the request. */
      readonly inCookie: boolean;
    }
  /** Two different tokens: which of them is meant can't be known. */
  | { readonly kind: 'ambiguous' };

/** RFC 6750 section 2.1; several `authorization` headers arrive joined by commas. */
const BEARER = /^bearer +(\S.*)$/i;

/** `{"` in base64url: what every JWT begins with. */
const JWT_START = 'eyJ';

/** Finds the session token in the cookie of that name and in `authorization: Bearer`. */
export function findCredential(headers: ReadonlyMap<string, string>, cookieName: string): Credential {
  const cookie = headers.get('cookie');
  const authorization = headers.get('authorization');
  const tokens = cookie === undefined ? [] : cookieValues(cookie, cookieName);
  const inCookie = tokens.length > 0;
  if (authorization !== undefined) tokens.push(...bearerTokens(authorization));
  const [token] = tokens;
  if (token === undefined) return { kind: 'none' };
  return tokens.every((other) => other === token)
    ? { kind: 'token', token, inCookie }
    : { kind: 'ambiguous' };
}

/** The tokens of an `authorization` header; of a list of them, every one. */
export function bearerTokens(authorization: string): string[] {
  const isList = authorization.includes(',') && authorization.length <= MAX_TOKEN_LENGTH * 4;
  const tokens: string[] = [];
  for (const part of isList ? authorization.split(',') : [authorization]) {
    const token = BEARER.exec(part.trim())?.[1];
    if (token !== undefined) tokens.push(token.trim());
  }
  return tokens;
}

/** The values of every cookie of that name (RFC 6265 section 5.4 allows more than one). */
function cookieValues(header: string, name: string): string[] {
  const values: string[] = [];
  for (const [other, value] of cookiePairs(header)) if (other === name) values.push(value);
  return values;
}

/**
 * The `cookie` header without the cookies of that name, and without session tokens under any other (an earlier
 * `token.cookie.name`, say): undefined when there is none of them, empty when no other. What an app might take for that
 * name goes too, though it is not.
 */
export function withoutCookie(header: string, name: string): string | undefined {
  if (!header.includes(name) && !header.includes(JWT_START)) return undefined;
  const pairs = header.split(';');
  const kept = pairs.filter((pair) => {
    if (pair.split('=', 1)[0]?.trim() === name) return false;
    return !pair.includes(JWT_START) || !looksLikeSessionToken(pair);
  });
  return kept.length === pairs.length ? undefined : kept.map((pair) => withoutBlanks(pair)).join('; ');
}
