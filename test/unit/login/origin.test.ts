import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownOrigin, readReturnTo } from '../../../src/login/origin.ts';

const OWN = 'https://app.example.com';
const OTHER = 'https://other.example.com:8443';
const ORIGINS = [OWN, OTHER];

describe('where a login returns to', () => {
  it.each([
    ['/', '/'],
    ['/billing/7?from=mail&q=a%20b#total', '/billing/7?from=mail&q=a%20b#total'],
    ['/a/../b', '/b'],
    ['/search?path=C:\\temp', '/search?path=C:\\temp'],
    ['/ü?ö', '/%C3%BC?%C3%B6'],
    ['/go?next=//evil.example', '/go?next=//evil.example'],
    [`${OWN}/a?b`, '/a?b'],
    [OWN, '/'],
    ['HTTPS://APP.EXAMPLE.COM/a', '/a'],
    [`${OWN}:443/a`, '/a'],
  ])('%s stays at the own origin', (text, path) => {
    expect(readReturnTo(text, OWN, ORIGINS)).toEqual({ kind: 'own', path });
  });

  it('another configured origin is a matter of its own login', () => {
    expect(readReturnTo(`${OTHER}/a`, OWN, ORIGINS)).toEqual({ kind: 'other', origin: OTHER });
  });

  it.each([
    '',
    'billing',
    '?a',
    '#a',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/a\\b',
    '/\t/evil.example',
    '\t//evil.example',
    ' //evil.example',
    '/\n/evil.example',
    '/.//evil.example',
    '/a/..//evil.example',
    '/%2e//evil.example',
    'https:evil.example',
    'https:/evil.example',
    'https:\\\\evil.example',
    'https://evil.example',
    'https://evil.example/https://app.example.com',
    'https://app.example.com.evil.example',
    'https://app.example.com@evil.example',
    'https://user@app.example.com/',
    'https://user:password@app.example.com/',
    'http://app.example.com/',
    'https://app.example.com:444/',
    'https://app.example.com\u0000.evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    'https://',
    'https://[',
  ])('E13 %j is refused', (text) => {
    expect(readReturnTo(text, OWN, ORIGINS)).toEqual({ kind: 'refused' });
  });

  it('E13 no text leads a browser to an origin that is not configured', () => {
    const piece = fc.constantFrom(
      ...[
        '/',
        '\\',
        '.',
        '..',
        '//',
        '@',
        ':',
        '?',
        '#',
        '\t',
        '\n',
        '%2f',
        '%5c',
        'https:',
        'http:',
        'javascript:',
      ],
      ...['evil.example', 'app.example.com', OWN, OTHER],
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 8 }).map((parts) => parts.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (returnTo) => {
        const target = readReturnTo(returnTo, OWN, ORIGINS);
        if (target.kind === 'other') expect(target.origin).toBe(OTHER);
        // As a browser reads `location`, and as one would that is given the path alone.
        if (target.kind === 'own') {
          expect(new URL(OWN + target.path).origin).toBe(OWN);
          expect(new URL(target.path, OWN).origin).toBe(OWN);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the origin that a browser is at', () => {
  const at = (address: string, headers = {}) => ownOrigin(new Request(address, { headers }), ORIGINS);

  it('is the configured one of its host, with the scheme that is configured', () => {
    expect(at('http://app.example.com/auth/login')).toBe(OWN);
    expect(at('http://APP.example.com/auth/login')).toBe(OWN);
    expect(at('http://other.example.com:8443/auth/login')).toBe(OTHER);
  });

  it.each(['other.example.com', 'app.example.com:8080', 'app.example.com.', 'evil.example'])(
    'E13 is unknown for the host %s, whatever the headers say',
    (host) => {
      const claims = {
        host: 'app.example.com',
        origin: OWN,
        referer: OWN,
        'x-forwarded-host': 'app.example.com',
      };
      expect(at(`http://${host}/auth/login`, claims)).toBeUndefined();
    },
  );
});
