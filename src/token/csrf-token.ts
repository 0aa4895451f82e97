/** The CSRF token of a session, held against what a request shows (E13). */
import { timingSafeEqual } from 'node:crypto';

/**
 * Whether `sent` is the session's CSRF token, compared in constant time. False for a session without one, for a missing
 * header or form field, and for a repeated header, which arrives joined by a comma.
 */
export function isCsrfToken(sent: string | null | undefined, expected: string | undefined): boolean {
  if (!sent || !expected) return false;
  const [one, other] = [Buffer.from(sent), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
