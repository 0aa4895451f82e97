/** The text of the cookies that a browser holds for a session: `set-cookie` field values, to set and to clear (E13). */

/** The parts of the configuration that name the cookies. A `Config` is one. */
export interface CookieConfig {
  readonly token: {
    readonly cookie: { readonly name: string; readonly sameSite: 'Strict' | 'Lax' | 'None' };
  };
  readonly csrf: { readonly cookie: string };
}

export interface SessionCookies {
  readonly config: CookieConfig;
  /** The session token. */
  readonly token: string;
  /** `csrfToken` of the session document; a session without one gets no CSRF cookie. */
  readonly csrfToken: string | undefined;
}

/**
 * The session cookie, and the CSRF cookie that scripts of the page may read. Without Max-Age: when a session ends is up
 * to the server, and a browser that forgets an old token by its own clock would hide from the user and from the log why
 * (`expired_token`).
 */
export function sessionCookies({ config, token, csrfToken }: SessionCookies): string[] {
  const cookies = [sessionCookie(config, token)];
  if (csrfToken !== undefined) cookies.push(csrfCookie(config, csrfToken));
  return cookies;
}

/** Takes both cookies out of the browser, whether or not it has them. */
export function clearedCookies(config: CookieConfig): string[] {
  return [`${sessionCookie(config, '')}; Max-Age=0`, `${csrfCookie(config, '')}; Max-Age=0`];
}

function sessionCookie(config: CookieConfig, token: string): string {
  return `${pair(config.token.cookie.name, token)}; ${attributes(config)}; HttpOnly`;
}

function csrfCookie(config: CookieConfig, csrfToken: string): string {
  return `${pair(config.csrf.cookie, csrfToken)}; ${attributes(config)}`;
}

/** Tokens of ours stay as they are; nothing else becomes an attribute or a second cookie (RFC 6265 section 4.1.1). */
function pair(name: string, value: string): string {
  return `${name}=${encodeURIComponent(value.toWellFormed())}`;
}

/** What the prefix `__Host-` demands (RFC 6265bis section 4.1.3.2): Secure, the whole site as path, and no Domain. */
function attributes(config: CookieConfig): string {
  return `Path=/; Secure; SameSite=${config.token.cookie.sameSite}`;
}
