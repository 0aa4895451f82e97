/** Whom the demo identity provider knows: its users, and the one client. */

/** The users, and the scopes that the provider vouches for in the ID token's claim `roles`. */
export const DEMO_USERS: Readonly<Record<string, readonly string[]>> = {
  alice: ['invoices:read', 'invoices:write'],
  bob: ['reports:read'],
};

/** A public client: authorization code with PKCE and no secret (RFC 9700 section 2.1.1). */
export const DEMO_CLIENT = {
  id: 'singlestate',
  redirectUri: 'http://127.0.0.1:8080/auth/callback',
} as const;
