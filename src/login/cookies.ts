/** The cookies of a request of the web platform. */
import { cookiePairs, type CookiePair } from '../token/cookie-pairs.ts';

export function readCookies(request: Request): readonly CookiePair[] {
  return cookiePairs(request.headers.get('cookie') ?? '');
}

/** Undefined where there is none of the name, and where there are several that differ: which is meant can't be known. */
export function readCookie(request: Request, name: string): string | undefined {
  const values = new Set(readCookies(request).flatMap(([other, value]) => (other === name ? [value] : [])));
  return values.size === 1 ? [...values][0] : undefined;
}
