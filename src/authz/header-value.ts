/** Session content as header values: whatever a value holds, it stays one value of one header. */

/** Space to `~`, without `%` (RFC 9110 section 5.5 `field-content`, less what is obsolete). */
const PLAIN = /^[\x21-\x24\x26-\x7e]([\x20-\x24\x26-\x7e]*[\x21-\x24\x26-\x7e])?$/;
const ESCAPED = /[^\x20-\x24\x26-\x7e]|^ | $/gu;

/**
 * The value as it is where it is printable ASCII without `%`; else everything else is percent-encoded UTF-8, so that
 * decoding (`decodeURIComponent`, RFC 3986 section 2.1) gives back any value.
 */
export function headerValue(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.toWellFormed().replace(ESCAPED, (c) => (c === ' ' ? '%20' : encodeURIComponent(c)));
}
