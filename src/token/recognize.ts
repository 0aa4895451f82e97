/** Tells whether text could be a session token, without verifying it: for keeping session tokens away from apps (E8). */
import { SESSION_TOKEN_TYP } from './session-token.ts';

/** A base64 segment that is long enough for a header with our `typ`, in either alphabet; `name=` may come before it. */
const SEGMENT = /[A-Za-z0-9_\-+/]{32,}/g;

/**
 * True for a session token of any age and any key, and for what differs from one by spelling alone, though `verify`
 * refuses it: what it hides is a session id all the same. False for other credentials, which belong to the app.
 * Never throws; the cost grows with the length of the text.
 */
export function looksLikeSessionToken(text: string): boolean {
  return (text.match(SEGMENT) ?? []).some((segment) =>
    isOurHeader(Buffer.from(segment, 'base64').toString('latin1')),
  );
}

function isOurHeader(text: string): boolean {
  if (text.toLowerCase().includes(SESSION_TOKEN_TYP)) return true;
  // Only escapes can hide the type from the search above.
  return text.includes('\\') && typeOf(text) === SESSION_TOKEN_TYP;
}

/** `typ` in lower case and without `application/` (RFC 7515 section 4.1.9). */
function typeOf(header: string): string | undefined {
  try {
    const { typ } = (JSON.parse(header) ?? {}) as { readonly typ?: unknown };
    return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : undefined;
  } catch {
    return undefined;
  }
}
