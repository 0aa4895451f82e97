import { describe, expect, it } from 'vitest';
import { clearedCookies, sessionCookies, type CookieConfig } from '../../../src/token/session-cookie.ts';

const config: CookieConfig = {
  token: { cookie: { name: '__Host-session', sameSite: 'Lax' } },
  csrf: { cookie: '__Host-csrf' },
};

describe('E13 the cookies of a session', () => {
  it('the token is out of reach of scripts, the CSRF token is not', () => {
    expect(sessionCookies({ config, token: 'a.b-c_d.e', csrfToken: 'AZ09-_' })).toEqual([
      '__Host-session=a.b-c_d.e; Path=/; Secure; SameSite=Lax; HttpOnly',
      '__Host-csrf=AZ09-_; Path=/; Secure; SameSite=Lax',
    ]);
  });

  it('a session without a CSRF token has one cookie', () => {
    expect(sessionCookies({ config, token: 'a.b.c', csrfToken: undefined })).toHaveLength(1);
  });

  it('names and SameSite are those of the configuration', () => {
    const other: CookieConfig = {
      token: { cookie: { name: 'sid', sameSite: 'None' } },
      csrf: { cookie: 'xsrf' },
    };
    expect(sessionCookies({ config: other, token: 'a.b.c', csrfToken: 'x' })).toEqual([
      'sid=a.b.c; Path=/; Secure; SameSite=None; HttpOnly',
      'xsrf=x; Path=/; Secure; SameSite=None',
    ]);
  });

  it('both are cleared with the attributes that they were set with, which __Host- demands', () => {
    expect(clearedCookies(config)).toEqual([
      '__Host-session=; Path=/; Secure; SameSite=Lax; HttpOnly; Max-Age=0',
      '__Host-csrf=; Path=/; Secure; SameSite=Lax; Max-Age=0',
    ]);
  });

  it.each(['a; Domain=evil.example', 'a\r\nset-cookie: b=c', 'é', '\ud800', 'a b', '"'])(
    'a value %j adds neither an attribute nor a header line',
    (value) => {
      const [first = '', second = ''] = sessionCookies({ config, token: value, csrfToken: value });
      expect(first).toMatch(/^__Host-session=[A-Za-z0-9%._-]*; Path=\/; Secure; SameSite=Lax; HttpOnly$/);
      expect(second).toMatch(/^__Host-csrf=[A-Za-z0-9%._-]*; Path=\/; Secure; SameSite=Lax$/);
    },
  );
});
