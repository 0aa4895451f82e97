/** Reads the `cookie` header (RFC 6265 section 5.4). */

/** In the order in which they were sent; a name may come more than once. */
export function readCookies(request: Request): readonly (readonly [name: string, value: string])[] {
  const pairs = (request.headers.get('cookie') ?? '').split(';');
  return pairs.flatMap((pair) => {
    const at = pair.indexOf('=');
    return at === -1 ? [] : [[pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const];
  });
}

/** Undefined where there is none of the name, and where there are several that differ: which is meant can't be known. */
export function readCookie(request: Request, name: string): string | undefined {
  const values = new Set(readCookies(request).flatMap(([other, value]) => (other === name ? [value] : [])));
  return values.size === 1 ? [...values][0] : undefined;
}
