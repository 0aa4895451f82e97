import { describe, expect, it } from 'vitest';
import { MINIMAL, problemsOf } from './minimal.ts';

const PROVIDER = 'name: a, issuer: https://idp.example.com, clientId: c';
const PROVIDERS = `identityProviders: [{ ${PROVIDER}, clientSecretFile: s }]\n`;
const SEALING = 'sealing: { keysDir: k }\n';
const LOGIN = 'login: { origins: ["https://app.example.com"] }\n';
const ROUTE = 'routes: [{ match: { path: / }, require: { session: true }, onUnauthenticated: login }]\n';

describe('a browser login', () => {
  it('is right with sealing and a provider that has a client secret', () => {
    expect(problemsOf(MINIMAL + PROVIDERS + SEALING + LOGIN + ROUTE)).toEqual([]);
  });

  it.each<[what: string, text: string, ...problems: string[]]>([
    [
      'no sealing',
      PROVIDERS + LOGIN,
      '8:1 login: needs sealing: it protects what a login keeps in the browser',
    ],
    ['no provider', SEALING + LOGIN, '8:1 login: needs an identity provider with clientSecretFile'],
    [
      'no provider with a secret',
      `identityProviders: [{ ${PROVIDER} }]\n${SEALING}${LOGIN}`,
      '9:1 login: needs an identity provider with clientSecretFile',
    ],
    [
      'a secret, and no login',
      PROVIDERS + SEALING,
      '7:96 identityProviders[0].clientSecretFile: needs login: without it browsers do not log in',
    ],
    [
      'a route to it, and no login',
      ROUTE,
      '7:79 routes[0].onUnauthenticated: needs login, where browsers are sent to; else it must be "401"',
    ],
    [
      'a login that is itself faulty',
      `${PROVIDERS}${SEALING}login: {}\n${ROUTE}`,
      '9:1 login.origins: is missing, but needed: Where browsers log in, and the only places that they are sent back to. At each, /auth/callback must be registered with the identity providers, and Envoy must route /auth/ to the `api` listener.',
    ],
  ])('is told of %s', (_what, text, ...problems) => {
    expect(problemsOf(MINIMAL + text)).toEqual(problems);
  });

  it.each([
    'https://a.example',
    'http://localhost:8080',
    'http://app.localhost',
    'http://127.0.0.1:1',
    'http://[::1]',
  ])('may be at %s', (origin) => {
    const login = `login: { origins: ["${origin}"] }`;
    expect(problemsOf(MINIMAL + PROVIDERS + SEALING + login)).toEqual([]);
  });

  it.each([
    [
      '"http://app.example.com"',
      'must be https:, without which browsers keep no cookie; http: is for localhost',
    ],
    [
      '"http://localhost.example.com"',
      'must be https:, without which browsers keep no cookie; http: is for localhost',
    ],
    [
      '"http://127.0.0.1.example.com"',
      'must be https:, without which browsers keep no cookie; http: is for localhost',
    ],
    ['https://a.example/', 'must be an origin: "https://HOST" or "https://HOST:PORT", without a path'],
    [
      'https://A.example',
      'must be written as browsers write it: in lower case, and without the port where it is the default one',
    ],
    [
      '"https://a.example:443"',
      'must be written as browsers write it: in lower case, and without the port where it is the default one',
    ],
  ])('may not be at %s', (origin, problem) => {
    const text = MINIMAL + PROVIDERS + SEALING + `login: { origins: [${origin}] }`;
    expect(problemsOf(text)).toEqual([`9:20 login.origins[0]: ${problem}`]);
  });

  it.each([
    ['has each origin once', 'https://a.example, https://a.example', 39],
    [
      'has each host once, as nothing else tells where a browser is',
      'https://localhost, http://localhost',
      39,
    ],
  ])('%s', (_, origins, column) => {
    const text = `${MINIMAL}${PROVIDERS}${SEALING}login: { origins: [${origins}] }`;
    expect(problemsOf(text)).toEqual([
      `9:${column} login.origins[1]: must differ from login.origins[0] in its host or port`,
    ]);
  });

  it('may have two ports of one host', () => {
    const login = 'login: { origins: [https://a.example, https://a.example:8443] }';
    expect(problemsOf(MINIMAL + PROVIDERS + SEALING + login)).toEqual([]);
  });
});

describe('E13 cookies and the CSRF header', () => {
  it.each<[what: string, text: string, ...problems: string[]]>([
    [
      'one name for both cookies',
      'csrf: { cookie: __Host-session }',
      "7:17 csrf.cookie: must differ from token.cookie.name: one cookie can't be both",
    ],
    [
      'a cookie of logins under way',
      'csrf: { cookie: __HOST-login-1 }',
      '7:17 csrf.cookie: must not begin with "__Host-login-": cookies of logins under way do',
    ],
    [
      'a header that is removed',
      'csrf: { header: x-session-csrf }',
      '7:17 csrf.header: must not begin with headers.prefix: whatever a client sends under it is removed',
    ],
    [
      'a prefix that removes the header',
      'headers: { prefix: x-csrf- }',
      '7:20 headers.prefix: must not be the beginning of csrf.header, which clients send',
    ],
  ])('are told of %s', (_what, text, ...problems) => {
    expect(problemsOf(MINIMAL + text)).toEqual(problems);
  });

  it('are told of a session cookie that has the name of the CSRF cookie', () => {
    const text = MINIMAL.replace('keysDir: keys', 'keysDir: keys\n  cookie: { name: __Host-csrf }');
    expect(problemsOf(text)).toEqual([
      "6:19 token.cookie.name: must differ from csrf.cookie: one cookie can't be both",
    ]);
  });
});

describe('E10 the grace of a refresh token', () => {
  const text = (more: string) => MINIMAL.replace('keysDir: keys', `keysDir: keys\n  ${more}`);

  it('is at most the life of a session token, where it is set', () => {
    expect(problemsOf(text('ttl: 30s\n  refreshGrace: 31s'))).toEqual([
      '7:17 token.refreshGrace: must be at most token.ttl (30s)',
    ]);
    expect(problemsOf(text('ttl: 30s\n  refreshGrace: 30s'))).toEqual([]);
  });

  it('may be left to its default beside any other', () => {
    expect(problemsOf(text('ttl: 1s'))).toEqual([]);
  });
});
