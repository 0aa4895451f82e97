import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { looksLikeSessionToken } from '../../../src/token/recognize.ts';
import { segment } from '../../parts/key-rings.ts';

/** Many cases in one test, on a machine that may be busy. */
const PROPERTY = { timeout: 60_000 };

const TYP = 'singlestate-session+jwt';
const header = { alg: 'EdDSA', kid: 'a', typ: TYP };
const jwt = (head: object | string) => `${segment(head)}.${segment({ sid: 'secret' })}.${'A'.repeat(86)}`;

describe('a session token is recognised without being verified', () => {
  it.each([
    ['a token', jwt(header)],
    ['a token of another algorithm and key', jwt({ alg: 'none', typ: TYP })],
    ['a token without signature', jwt(header).slice(0, -86)],
    ['the header alone', segment(header)],
    ['a token with more in its header', jwt({ crit: ['x'], ...header, x5c: ['MII'] })],
    ['typ in capitals', jwt({ ...header, typ: TYP.toUpperCase() })],
    ['typ with application/', jwt({ ...header, typ: `application/${TYP}` })],
    ['typ with an escape', jwt(JSON.stringify(header).replace('singlestate', '\\u0073inglestate'))],
    ['typ with an escaped slash', jwt(JSON.stringify(header).replace(TYP, `application\\/${TYP}`))],
    ['typ twice', jwt(JSON.stringify(header).replace('}', ',"typ":"JWT"}'))],
    ['a header that is cut off', jwt(JSON.stringify(header).slice(0, -1))],
    ['padding', jwt(header).replace('.', '==.')],
    [
      'the alphabet of plain base64',
      jwt({ ...header, kid: '>>>???' })
        .replaceAll('-', '+')
        .replaceAll('_', '/'),
    ],
    ['a token with its scheme', `Bearer ${jwt(header)}`],
    ['the second of two', `Bearer abc, Bearer ${jwt(header)}`],
    ['quotes', `"${jwt(header)}"`],
    ['an encrypted token that says our type', `${segment(header)}.a.b.c.d`],
  ])('E8 %s', (_, text) => {
    expect(looksLikeSessionToken(text)).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ["an identity provider's access token", jwt({ alg: 'RS256', kid: 'a', typ: 'at+jwt' })],
    ['an ID token', jwt({ alg: 'RS256', kid: 'a', typ: 'JWT' })],
    ['a token without typ, with escapes', jwt('{"alg":"RS256","jku":"https:\\/\\/idp.example.com\\/keys"}')],
    ['an assertion of ours', jwt({ ...header, typ: 'singlestate-assertion+jwt' })],
    ['an opaque token', 'glpat-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],
    ['basic credentials', `Basic ${Buffer.from('alice:a long pass phrase \\ of hers').toString('base64')}`],
    ['a header that is null', jwt('\\null')],
  ])('leaves alone: %s', (_, text) => {
    expect(looksLikeSessionToken(text)).toBe(false);
  });

  it('E8 never throws, whatever the text', PROPERTY, () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string().map(segment), fc.json().map(segment));
    fc.assert(fc.property(text, (value) => typeof looksLikeSessionToken(value) === 'boolean'));
  });

  it('E8 recognises a token amid anything that does not touch it', PROPERTY, () => {
    const around = fc.string({ unit: fc.constantFrom(' ', ',', '"', '\t', ';', ':', 'é') });
    fc.assert(fc.property(around, around, (a, b) => looksLikeSessionToken(`${a}${jwt(header)}${b}`)));
  });
});
