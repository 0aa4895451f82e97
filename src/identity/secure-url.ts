/** Which addresses identity may be fetched from: https, and plain http from this very machine. */

/** `localhost`, what is below it (RFC 6761 section 6.3), `127.0.0.0/8` and `::1`. */
const LOOPBACK = /^((.+\.)?localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** What is wrong with an address to fetch keys from, as the rest of a sentence; undefined when nothing is. */
export function urlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'is not a URL; it must be one, with https:';
  if (url.username !== '' || url.password !== '') return 'holds a user name or a password; it must not';
  if (url.protocol === 'https:' || isLoopbackHttp(text)) return undefined;
  return 'is not protected in transit; it must be an https: URL (http: is for loopback hosts, such as localhost)';
}

/** True for an `http:` address of this machine. */
export function isLoopbackHttp(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'http:' && LOOPBACK.test(url.hostname);
}
