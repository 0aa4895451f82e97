/**
 * The request target in the form that routes are matched on, and as it is written where an app could take that for
 * another path. Hides percent-encoding; what can't be brought to one form safely is refused.
 */

export interface RequestPath {
  readonly ok: true;
  /** Decoded segments joined by `/`, no empty and no `.` one, no trailing slash; `%`, `?` and `#` stay encoded. */
  readonly path: string;
  /**
   * What it is for apps that take segments as they are written: the empty and the `.` ones too, or `%61` where an `a`
   * would do (RFC 3986 section 6.2.2.2), or both. Mostly none.
   */
  readonly otherReadings: readonly string[];
  readonly trailingSlash: boolean;
}

export type CanonicalPath = RequestPath | { readonly ok: false; readonly problem: string };

/** What needs no work: segments of plain characters, none of them empty, `.` or `..`. */
const PLAIN = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9_.~!$&'()*+,=:@-]+)+$/;

/** Not allowed unencoded in a path (RFC 3986 section 3.3), or read differently by different servers (`;`). */
const UNSAFE = /[\x00-\x20\x7f-\uffff\\;#]/;
const UNSAFE_DECODED = /[\x00-\x1f\x7f-\x9f/\\;]/;
const ESCAPE = /%[0-9A-Fa-f]{2}/;
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;

/** The escapes of letters, digits and `-._~`, which need none. */
const NEEDLESS_ESCAPE = /%(?=2[DE]|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/gi;

const refused = (problem: string): CanonicalPath => ({ ok: false, problem });

/** `target` is Envoy's `attributes.request.http.path`: path and query as on the request line (RFC 9112 section 3.2). */
export function canonicalPath(target: string): CanonicalPath {
  const queryAt = target.indexOf('?');
  const raw = queryAt === -1 ? target : target.slice(0, queryAt);
  if (target.includes('#')) return refused('the target has a fragment');
  return PLAIN.test(raw)
    ? { ok: true, path: raw, otherReadings: [], trailingSlash: false }
    : canonicalOdd(raw);
}

function canonicalOdd(raw: string): CanonicalPath {
  if (!raw.startsWith('/')) return refused('the target is not an absolute path');
  if (raw.startsWith('//')) return refused('the path begins with //');
  if (UNSAFE.test(raw)) return refused('the path has a character that must not be there unencoded');
  if (BROKEN_ESCAPE.test(raw)) return refused('the path has a broken percent-encoding');

  const parts = raw.slice(1).split('/');
  const trailingSlash = parts.at(-1) === '' && parts.length > 1;
  if (parts.at(-1) === '') parts.pop();
  const segments = parts.map(decodeSegment);
  const fault = segments.find((segment) => typeof segment !== 'string');
  if (fault !== undefined) return refused(fault.problem);
  if (segments.includes('') && segments.includes('.')) return refused('the path has empty and "." segments');
  return { ok: true, ...readings(parts, segments as string[]), trailingSlash };
}

function readings(parts: readonly string[], decoded: readonly string[]) {
  const written = parts.map((part) => decodeURIComponent(part.replace(NEEDLESS_ESCAPE, '%25')));
  const isNamed = (segment: string) => segment !== '' && segment !== '.';
  const path = joinSegments(decoded.filter(isNamed));
  const others = [decoded, written, written.filter(isNamed)].map(joinSegments);
  return { path, otherReadings: [...new Set(others)].filter((other) => other !== path) };
}

function decodeSegment(part: string): string | { readonly problem: string } {
  let segment: string;
  try {
    segment = decodeURIComponent(part);
  } catch {
    return { problem: 'the path is not UTF-8' };
  }
  if (segment === '..') return { problem: 'the path has a ".." segment' };
  if (UNSAFE_DECODED.test(segment)) {
    return { problem: 'the path has an encoded /, \\, ; or control character' };
  }
  if (ESCAPE.test(segment)) return { problem: 'the path is percent-encoded twice' };
  return segment;
}

function joinSegments(segments: readonly string[]): string {
  return `/${segments.map(encodeSegment).join('/')}`;
}

/** Keeps what the router would take for a delimiter or an escape from looking like one. */
export function encodeSegment(segment: string): string {
  return /[%?#]/.test(segment) ? segment.replace(/[%?#]/g, (c) => encodeURIComponent(c)) : segment;
}
