/** Whether a request that a browser sent with its cookie was meant by the page's own scripts (E13). */
import { timingSafeEqual } from 'node:crypto';

/** RFC 9110 section 9.2.1. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Whether a request of this method changes nothing, so that it needs no CSRF token. Case matters. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method);
}

/**
 * Whether `sent` is the session's CSRF token, compared in constant time. False for a session without one, for a missing
 * header, and for a repeated one, which arrives joined by a comma.
 */
export function isCsrfToken(sent: string | undefined, expected: string | undefined): boolean {
  if (!sent || !expected) return false;
  const [one, other] = [Buffer.from(sent), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
