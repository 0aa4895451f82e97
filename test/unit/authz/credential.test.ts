import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bearerTokens, findCredential, withoutCookie } from '../../../src/authz/credential.ts';
import { MAX_TOKEN_LENGTH } from '../../../src/token/session-token.ts';
import { segment } from '../../parts/key-rings.ts';

const NAME = '__Host-session';
const OURS = `${segment({ alg: 'EdDSA', kid: 'k', typ: 'singlestate-session+jwt' })}.e30.AAAA`;

function found(headers: Record<string, string>): string | string[] {
  const credential = findCredential(new Map(Object.entries(headers)), NAME);
  return credential.kind === 'token' ? [credential.token] : credential.kind;
}

describe('the session token of a request', () => {
  it.each<[string, Record<string, string>, string | string[]]>([
    ['no header', {}, 'none'],
    ['the cookie', { cookie: `${NAME}=t` }, ['t']],
    ['the cookie among others', { cookie: `a=b; ${NAME}=t; c=d` }, ['t']],
    ['without a space between', { cookie: `a=b;${NAME}=t;c=d` }, ['t']],
    ['with = in the value', { cookie: `${NAME}=t=u=` }, ['t=u=']],
    ['with spaces around', { cookie: `a=b ;  ${NAME} = t ` }, ['t']],
    ['a cookie of another case', { cookie: '__host-session=t' }, 'none'],
    ['the name behind another kind of space', { cookie: `\u00a0${NAME}=t; \u2000${NAME}=t` }, 'none'],
    ['the name before another kind of space', { cookie: `${NAME}\u00a0=t; ${NAME}\ufeff=t` }, 'none'],
    ['one that a sibling host set besides', { cookie: `\u3000${NAME}=u; ${NAME}=t` }, ['t']],
    ['a longer name', { cookie: `${NAME}2=t; x${NAME}=u` }, 'none'],
    ['the name as a value', { cookie: `a=${NAME}=t` }, 'none'],
    ['the name without a value', { cookie: NAME }, 'none'],
    ['an empty value', { cookie: `${NAME}=` }, ['']],
    ['a bearer token', { authorization: 'Bearer t' }, ['t']],
    ['a scheme in another case', { authorization: 'bEARER   t ' }, ['t']],
    ['another scheme', { authorization: 'Basic YTpi' }, 'none'],
    ['a scheme alone', { authorization: 'Bearer' }, 'none'],
    ['a scheme and spaces', { authorization: 'Bearer   ' }, 'none'],
    ['a scheme that only begins alike', { authorization: 'BearerToken t' }, 'none'],
    ['a token with spaces, which is malformed', { authorization: 'Bearer t u' }, ['t u']],
    ['basic, then bearer', { authorization: 'Basic YTpi,Bearer t' }, ['t']],
    ['the same token twice', { cookie: `${NAME}=t; ${NAME}=t`, authorization: 'Bearer t,bearer t' }, ['t']],
    ['two cookies that differ', { cookie: `${NAME}=t; ${NAME}=u` }, 'ambiguous'],
    ['a cookie and an empty one', { cookie: `${NAME}=t; ${NAME}=` }, 'ambiguous'],
    ['two bearer tokens', { authorization: 'Bearer t,Bearer u' }, 'ambiguous'],
    ['cookie and bearer that differ', { cookie: `${NAME}=t`, authorization: 'Bearer u' }, 'ambiguous'],
    ['cookie and bearer of another case', { cookie: `${NAME}=t`, authorization: 'Bearer T' }, 'ambiguous'],
  ])('%s', (_, headers, expected) => {
    expect(found(headers)).toEqual(expected);
  });

  it('a header longer than any token is not taken apart', () => {
    const long = `Bearer ${'a'.repeat(MAX_TOKEN_LENGTH * 4)},Bearer b`;
    expect(bearerTokens(long)).toEqual([long.slice('Bearer '.length)]);
  });

  it('E3 of two different tokens neither is ever taken', () => {
    const token = fc.stringMatching(/^[\w.-]{1,10}$/);
    const place = fc.constantFrom('cookie', 'authorization');
    fc.assert(
      fc.property(fc.array(fc.tuple(place, token), { maxLength: 5 }), (all) => {
        const of = (kind: string) => all.filter(([where]) => where === kind).map(([, value]) => value);
        const headers: Record<string, string> = {
          cookie: of('cookie')
            .map((value) => `${NAME}=${value}`)
            .join('; '),
          authorization: of('authorization')
            .map((value) => `Bearer ${value}`)
            .join(','),
        };
        const distinct = [...new Set(all.map(([, value]) => value))];
        expect(found(headers)).toEqual(
          distinct.length === 0 ? 'none' : distinct.length === 1 ? distinct : 'ambiguous',
        );
      }),
    );
  });
});

describe('E8 the cookie header as the app gets it', () => {
  it.each<[string, string, string | undefined]>([
    ['no session cookie: as it is', 'a=b;c=d', undefined],
    ['nothing', '', undefined],
    ['only the session cookie', `${NAME}=t`, ''],
    ['several of them', `${NAME}=t; ${NAME}=u`, ''],
    ['the first', `${NAME}=t; a=b`, 'a=b'],
    ['the last', `a=b; ${NAME}=t`, 'a=b'],
    ['one in the middle', `a=b;${NAME}=t;  c=d`, 'a=b; c=d'],
    ['with spaces around the name', `a=b; ${NAME} =t`, 'a=b'],
    ['behind another kind of space, which an app may drop', `a=b; \u2000${NAME}=t`, 'a=b'],
    ["another cookie's name stays as it is", `${NAME}=t; \u2000__Host-a=b`, '\u2000__Host-a=b'],
    ['without a value', `a=b; ${NAME}`, 'a=b'],
    ['a longer name stays', `${NAME}2=t; a=b`, undefined],
    ['the name as a value stays', `a=${NAME}`, undefined],
    ['a session token under another name', `a=b; old=${OURS}`, 'a=b'],
    ['a session token in quotes', `a=b; old="${OURS}"`, 'a=b'],
    ['cookies that were joined by a comma', `a=b,${NAME}=${OURS}; c=d`, 'c=d'],
    [
      "another JWT is the app's",
      `a=${segment({ alg: 'RS256', typ: 'JWT', kid: 'of-the-app-itself' })}.e30.AA`,
      undefined,
    ],
  ])('%s', (_, header, expected) => {
    expect(withoutCookie(header, NAME)).toBe(expected);
  });

  it('what is left has no session cookie, and every other one as it was', () => {
    const name = fc.constantFrom('a', 'b', NAME, `${NAME}x`, 'session');
    const pair = fc.tuple(name, fc.constantFrom('=', ' = ', '= '), fc.stringMatching(/^[a-z=]{0,3}$/));
    fc.assert(
      fc.property(fc.array(pair), fc.constantFrom(';', '; ', ' ; '), (pairs, separator) => {
        const header = pairs.map((parts) => parts.join('')).join(separator);
        const left = withoutCookie(header, NAME) ?? header;
        expect(findCredential(new Map([['cookie', left]]), NAME)).toEqual({ kind: 'none' });
        const others = pairs.filter(([key]) => key !== NAME).map((parts) => parts.join('').trim());
        expect(
          left
            .split(';')
            .map((one) => one.trim())
            .filter((one) => one !== ''),
        ).toEqual(others);
      }),
    );
  });
});
