/** The rules between keys that say how browsers log in, and what they are given to hold. */
import type { ConfigPath, Finding, IsWritten } from './problem.ts';
import type { Readable } from './schema-shape.ts';
import type { Config } from './schema.ts';

export function loginChecks(config: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  return [
    ...(isWritten(['login']) ? checkLogin(config, isWritten) : checkWithoutLogin(config)),
    ...checkCookies(config, isWritten),
    ...checkCsrfHeader(config, isWritten),
  ];
}

function checkLogin(config: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  const { identityProviders, login } = config;
  const hasProvider = identityProviders?.some((provider) => provider?.clientSecretFile !== undefined) ?? true;
  const needs = [
    ...(isWritten(['sealing']) ? [] : ['needs sealing: it protects what a login keeps in the browser']),
    ...(hasProvider ? [] : ['needs an identity provider with clientSecretFile']),
  ];
  return [
    ...needs.map((message) => ({ path: ['login'], message })),
    ...(login?.origins ?? []).flatMap(checkOrigin),
  ];
}

/** Browsers keep a cookie that is `Secure` from plain HTTP, but for what never leaves the machine (Secure Contexts section 3.1). */
const TRUSTWORTHY = /^(https:|http:\/\/(([a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\])(:|$))/;

function checkOrigin(
  origin: string | undefined,
  index: number,
  origins: readonly unknown[],
): readonly Finding[] {
  if (origin === undefined) return [];
  const path: ConfigPath = ['login', 'origins', index];
  const first = origins.findIndex((other) => hostOf(other) === hostOf(origin));
  if (first < index)
    return [{ path, message: `must differ from login.origins[${first}] in its host or port` }];
  if (TRUSTWORTHY.test(origin)) return [];
  return [{ path, message: 'must be https:, without which browsers keep no cookie; http: is for localhost' }];
}

/** All that tells at which origin a browser is: TLS may end before Singlestate. */
function hostOf(origin: unknown): string | undefined {
  return typeof origin === 'string' ? URL.parse(origin)?.host : undefined;
}

function checkWithoutLogin({ identityProviders, routes }: Readable<Config>): readonly Finding[] {
  const secrets = (identityProviders ?? []).flatMap((provider, index) =>
    provider?.clientSecretFile === undefined ? [] : [['identityProviders', index, 'clientSecretFile']],
  );
  const sent = (routes ?? []).flatMap((route, index) =>
    route?.onUnauthenticated === 'login' ? [['routes', index, 'onUnauthenticated']] : [],
  );
  return [
    ...secrets.map((path) => ({ path, message: 'needs login: without it browsers do not log in' })),
    ...sent.map((path) => ({
      path,
      message: 'needs login, where browsers are sent to; else it must be "401"',
    })),
  ];
}

const SESSION_COOKIE: ConfigPath = ['token', 'cookie', 'name'];
const CSRF_COOKIE: ConfigPath = ['csrf', 'cookie'];

/** The cookies of logins under way begin so. Browsers do not tell upper from lower case in such a prefix. */
const LOGIN_COOKIES = /^__host-login-/i;

function checkCookies({ token, csrf }: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  const names = [
    { path: SESSION_COOKIE, name: token?.cookie?.name },
    { path: CSRF_COOKIE, name: csrf?.cookie },
  ];
  const taken = names.flatMap(({ path, name }) =>
    name !== undefined && LOGIN_COOKIES.test(name)
      ? [{ path, message: 'must not begin with "__Host-login-": cookies of logins under way do' }]
      : [],
  );
  if (csrf?.cookie === undefined || csrf.cookie !== token?.cookie?.name) return taken;
  const atCsrf = isWritten(CSRF_COOKIE);
  const other = atCsrf ? 'token.cookie.name' : 'csrf.cookie';
  return [
    ...taken,
    {
      path: atCsrf ? CSRF_COOKIE : SESSION_COOKIE,
      message: `must differ from ${other}: one cookie can't be both`,
    },
  ];
}

/** Envoy may remove such headers before Singlestate sees the request. */
function checkCsrfHeader({ csrf, headers }: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  if (csrf?.header === undefined || headers?.prefix === undefined) return [];
  if (!csrf.header.startsWith(headers.prefix)) return [];
  return isWritten(['csrf', 'header'])
    ? [
        {
          path: ['csrf', 'header'],
          message: 'must not begin with headers.prefix: whatever a client sends under it is removed',
        },
      ]
    : [
        {
          path: ['headers', 'prefix'],
          message: 'must not be the beginning of csrf.header, which clients send',
        },
      ];
}
