/** Reads the `cookie` header (RFC 6265 section 5.4) by names as exact as browsers hold them. */

export type CookiePair = readonly [name: string, value: string];

/** In the order in which they were sent; a name may come more than once. */
export function cookiePairs(header: string): CookiePair[] {
  const pairs: CookiePair[] = [];
  for (const text of header.split(';')) {
    const at = text.indexOf('=');
    if (at !== -1) pairs.push([withoutBlanks(text, 0, at), withoutBlanks(text, at + 1, text.length)]);
  }
  return pairs;
}

/**
 * Without the spaces and tabs around it, which browsers take off as well; all else is part of the text. A browser lets a
 * sibling host set a cookie whose name is `__Host-session` behind some other kind of space: without that it would pass
 * for the real one.
 */
export function withoutBlanks(text: string, from = 0, to = text.length): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (start < end && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

/** Space and horizontal tab. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
