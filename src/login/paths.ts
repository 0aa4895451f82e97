/** Where the browser's routes are: the same paths at every origin. */

export const LOGIN_PATH = '/auth/login';
/** The redirect URI that identity providers know, below each origin. */
export const CALLBACK_PATH = '/auth/callback';
export const LOGOUT_PATH = '/auth/logout';
/** The post-logout redirect URI that identity providers know, below each origin. */
export const LOGGED_OUT_PATH = '/auth/logged-out';
export const BACKCHANNEL_LOGOUT_PATH = '/auth/backchannel-logout';
export const SESSION_PATH = '/auth/session';

/** Begins a login that ends at this path. */
export function loginPath(returnTo: string): string {
  return `${LOGIN_PATH}?${new URLSearchParams({ return_to: returnTo }).toString()}`;
}
