import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalPath } from '../../../src/authz/path.ts';

/** The form that routes are matched on, or why there is none. */
function outcome(target: string): string {
  const path = canonicalPath(target);
  return path.ok ? path.path : `refused: ${path.problem}`;
}

const ENCODED = 'refused: the path has an encoded /, \\, ; or control character';
const UNENCODED = 'refused: the path has a character that must not be there unencoded';
const DOTS = 'refused: the path has a ".." segment';
const TWICE = 'refused: the path is percent-encoded twice';
const BROKEN = 'refused: the path has a broken percent-encoding';
const NOT_UTF8 = 'refused: the path is not UTF-8';
const RELATIVE = 'refused: the target is not an absolute path';
const NETWORK = 'refused: the path begins with //';
const FRAGMENT = 'refused: the target has a fragment';

/** Whatever a client makes of `/admin/users`: it is that, or it is nothing. */
describe('E3 a spelling of a path is the path itself or is refused', () => {
  it.each([
    ['/admin/users', '/admin/users'],
    ['/admin/users/', '/admin/users'],
    ['/admin/users?', '/admin/users'],
    ['/admin/users?next=/public/../x;y%2f', '/admin/users'],
    ['/admin/users/?a', '/admin/users'],
    ['/admin//users', '/admin/users'],
    ['/admin///users//', '/admin/users'],
    ['/admin/./users', '/admin/users'],
    ['/admin/.//users', 'refused: the path has empty and "." segments'],
    ['/admin//%2e/users', 'refused: the path has empty and "." segments'],
    ['/./admin/users/.', '/admin/users'],
    ['/admin/%2e/users', '/admin/users'],
    ['/admin/%2E/users', '/admin/users'],
    ['/%61dmin/users', '/admin/users'],
    ['/%61%64%6d%69%6E/%75%73%65%72%73', '/admin/users'],
    ['//admin/users', NETWORK],
    ['///admin/users', NETWORK],
    ['//evil.example.com/admin/users', NETWORK],
    ['/public/../admin/users', DOTS],
    ['/../admin/users', DOTS],
    ['/admin/users/..', DOTS],
    ['/public/%2e%2e/admin/users', DOTS],
    ['/public/.%2e/admin/users', DOTS],
    ['/public/%2E./admin/users', DOTS],
    ['/public/..;/admin/users', UNENCODED],
    ['/public/..%3b/admin/users', ENCODED],
    ['/public/..%00/admin/users', ENCODED],
    ['/public/%252e%252e/admin/users', TWICE],
    ['/public/%25%32%65%25%32%65/admin/users', TWICE],
    ['/public/%c0%ae%c0%ae/admin/users', NOT_UTF8],
    ['/public/%e0%80%af/admin', NOT_UTF8],
    ['/public/%u002e%u002e/admin/users', BROKEN],
    ['/public/..\\admin/users', UNENCODED],
    ['\\admin\\users', RELATIVE],
    ['/\\admin/users', UNENCODED],
    ['/admin\\users', UNENCODED],
    ['/admin%5cusers', ENCODED],
    ['/admin%5Cusers', ENCODED],
    ['/public/..%5cadmin%5cusers', ENCODED],
    ['/admin%2fusers', ENCODED],
    ['/admin%2Fusers', ENCODED],
    ['/public%2f..%2fadmin/users', ENCODED],
    ['/admin%252fusers', TWICE],
    ['/admin%25%32%66users', TWICE],
    ['/admin/users;jsessionid=1', UNENCODED],
    ['/admin;/users', UNENCODED],
    ['/;/admin/users', UNENCODED],
    ['/admin%3busers', ENCODED],
    ['/admin/users%3B', ENCODED],
    ['/admin/users#', FRAGMENT],
    ['/admin/users#/public', FRAGMENT],
    ['/public#/../admin/users', FRAGMENT],
    ['/admin/users?a#b', FRAGMENT],
    ['/admin/users%00', ENCODED],
    ['/admin/users%00.html', ENCODED],
    ['/admin/users%0a', ENCODED],
    ['/admin/users%0d%0ax-session-subject:%20root', ENCODED],
    ['/admin/users%09', ENCODED],
    ['/admin/users%7f', ENCODED],
    ['/admin/users%c2%85', ENCODED],
    ['/admin/users\0', UNENCODED],
    ['/admin/users\t', UNENCODED],
    ['/admin/users\n', UNENCODED],
    ['/admin/\r\nusers', UNENCODED],
    [' /admin/users', RELATIVE],
    ['/admin/users ', UNENCODED],
    ['/admin/users\x7f', UNENCODED],
    ['/admin/users\xa0', UNENCODED],
    ['/admin/users\x85', UNENCODED],
    ['/\ufeffadmin/users', UNENCODED],
    ['/admin/üsers', UNENCODED],
    ['/admin/\ud800users', UNENCODED],
    ['/admin/%users', BROKEN],
    ['/admin/users%', BROKEN],
    ['/admin/users%2', BROKEN],
    ['/admin/users%zz', BROKEN],
    ['/admin/%ff', NOT_UTF8],
    ['/admin/%c3%28', NOT_UTF8],
    ['/admin/%ed%a0%80', NOT_UTF8],
    ['', RELATIVE],
    ['?', RELATIVE],
    ['*', RELATIVE],
    ['admin/users', RELATIVE],
    ['app.example.com:443', RELATIVE],
    ['http://app.example.com/admin/users', RELATIVE],
    ['https:/admin/users', RELATIVE],
    ['%2fadmin/users', RELATIVE],
  ])('%j', (target, expected) => {
    expect(outcome(target)).toBe(expected);
  });
});

describe('a path is brought to one form', () => {
  it.each([
    ['/', '/'],
    ['/.', '/'],
    ['/?a=b', '/'],
    ['/a', '/a'],
    ["/a-b._~!$&'()*+,=:@", "/a-b._~!$&'()*+,=:@"],
    ['/...', '/...'],
    ['/.hidden/..a/a..', '/.hidden/..a/a..'],
    ['/*', '/*'],
    ['/a|b/{c}/"d"/<e>/[f]^`', '/a|b/{c}/"d"/<e>/[f]^`'],
    ['/caf%C3%A9', '/café'],
    ['/%F0%9F%98%80', '/😀'],
    ['/a%20b', '/a b'],
    ['/a%3Ab%40c', '/a:b@c'],
    ['/100%25', '/100%25'],
    ['/50%25off', '/50%25off'],
    ['/a%3Fb', '/a%3Fb'],
    ['/a%23b', '/a%23b'],
  ])('%j is %j', (target, expected) => {
    expect(outcome(target)).toBe(expected);
  });

  it.each<[string, string[]]>([
    ['/admin/users', []],
    ['/admin/users/', []],
    ['/caf%C3%A9/a%20b', []],
    ['/%61dmin', ['/%2561dmin']],
    ['/a%2Db%5fc%7E%2e', ['/a%252Db%255fc%257E%252e']],
    ['/admin//users', ['/admin//users']],
    ['/./admin', ['/./admin']],
    ['/admin/.', ['/admin/.']],
    ['/admin/%2e', ['/admin/.', '/admin/%252e']],
    ['/admin//', ['/admin/']],
    ['/%61//b', ['/a//b', '/%2561//b', '/%2561/b']],
  ])('%j is something else for apps that take it as it is written', (target, otherReadings) => {
    expect(canonicalPath(target)).toMatchObject({ ok: true, otherReadings });
  });

  it.each([
    ['/', false],
    ['/a', false],
    ['/a/', true],
    ['/a/.', false],
    ['/a//', true],
    ['/a/?b', true],
    ['/a?b/', false],
  ])('%j has a trailing slash: %j', (target, trailingSlash) => {
    expect(canonicalPath(target)).toMatchObject({ ok: true, trailingSlash });
  });

  it('a path of 60,000 characters is read like a short one', () => {
    expect(outcome('/a'.repeat(30_000))).toBe('/a'.repeat(30_000));
    expect(outcome('/%61'.repeat(15_000))).toBe('/a'.repeat(15_000));
    expect(outcome(`/${'%25'.repeat(20_000)}`)).toBe(`/${'%25'.repeat(20_000)}`);
  });

  it('E3 any text has an outcome, and what is accepted holds nothing that a server could read as a delimiter', () => {
    const odd = fc.constantFrom(
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2F',
      '%25',
      '%5c',
      ';',
      '#',
      '?',
      '\0',
      '\\',
      '%',
      'é',
      '%c3%a9',
      '%ff',
    );
    const target = fc
      .array(fc.oneof({ weight: 3, arbitrary: odd }, fc.string()))
      .map((parts) => `/${parts.join('')}`);
    fc.assert(
      fc.property(target, (text) => {
        const found = canonicalPath(text);
        if (!found.ok) return;
        const segments = found.path.slice(1).split('/');
        if (found.path !== '/') for (const segment of segments) expect(segment).not.toMatch(/^\.{0,2}$/);
        expect(found.path + found.otherReadings.join('')).not.toMatch(
          /[\x00-\x1f\x7f-\x9f\\;?#]|%(?!25|3F|23)/,
        );
      }),
    );
  });

  it('E3 a path is the same path when every byte of it is encoded', () => {
    const bytes = (segment: string) =>
      [...Buffer.from(segment)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 4 }), (segments) => {
        const plain = outcome(`/${segments.map(encodeURIComponent).join('/')}`);
        expect(outcome(`/${segments.map(bytes).join('/')}`)).toBe(plain);
      }),
    );
  });
});
