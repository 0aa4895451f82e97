/** Whom the demo identity provider knows: its users, and the one client. */

/** The users, and the scopes that the provider vouches for in the ID token's claim `roles`. */
export const DEMO_USERS: Readonly<Record<string, readonly string[]>> = {
  alice: ['invoices:read', 'invoices:write'],
  bob: ['reports:read'],
};

/**
 * Authorization code with PKCE. A public client (RFC 9700 section 2.1.1), unless the provider is started with a secret for
 * it. `redirectUri` is for scripts that sign in; browsers come back to wherever the provider is told.
 */
export const DEMO_CLIENT = {
  id: 'singlestate',
  redirectUri: 'http://127.0.0.1:8080/auth/callback',
} as const;
