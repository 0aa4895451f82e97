/** Where a browser is, and where it may be sent to: nowhere but to the configured origins. */

/**
 * Which of the origins a request came to, by the host of its address; undefined for any other host. The scheme is the
 * configured one: TLS may end before this server.
 */
export function ownOrigin(request: Request, origins: readonly string[]): string | undefined {
  const { host } = new URL(request.url);
  return origins.find((origin) => new URL(origin).host === host);
}

export type ReturnTarget =
  /** Path, query and fragment at the browser's own origin. */
  | { readonly kind: 'own'; readonly path: string }
  /** At another one of the origins: its own login leads there. */
  | { readonly kind: 'other'; readonly origin: string }
  | { readonly kind: 'refused' };

/** A path, but no `//host`; or a whole address. */
const PATH_OR_ADDRESS = /^(\/(?!\/)|https?:\/\/)/i;

/** Browsers drop some control characters, and take `\` before the query for `/`, so that text may lead elsewhere than it seems. */
const MISLEADING = /[\u0000-\u001f\u007f]|^[^?#]*\\/;

/** Reads `return_to` as browsers would. */
export function readReturnTo(text: string, own: string, origins: readonly string[]): ReturnTarget {
  if (!PATH_OR_ADDRESS.test(text) || MISLEADING.test(text)) return { kind: 'refused' };
  const url = URL.parse(text, own);
  // `/.//host` has a path that a browser would read as `//host`.
  if (url === null || url.username + url.password !== '' || url.pathname.startsWith('//'))
    return { kind: 'refused' };
  if (url.origin === own) return { kind: 'own', path: url.pathname + url.search + url.hash };
  return origins.includes(url.origin) ? { kind: 'other', origin: url.origin } : { kind: 'refused' };
}
