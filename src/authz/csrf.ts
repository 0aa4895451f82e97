/** Which requests a browser may have been talked into sending with its cookie, and so need a CSRF token (E13). */

/** RFC 9110 section 9.2.1. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Whether a request of this method changes nothing, so that it needs no CSRF token. Case matters. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method);
}
