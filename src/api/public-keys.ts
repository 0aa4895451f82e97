/** The public keys of session tokens and assertions, for all who verify them: `/.well-known/jwks.json` (RFC 7517). */
import type { WebHandler } from '../net/web-handler.ts';
import { problemResponse } from '../net/web-problem.ts';
import type { PublicJwks } from '../token/jwks.ts';

/** How long fetched keys may be kept: no longer than `keys rotate` publishes a new key before it signs. */
const JWKS_MAX_AGE_SECONDS = 300;

export function servePublicKeys(jwks: () => PublicJwks): WebHandler {
  const refused = () => problemResponse(405, 'Method Not Allowed', { allow: 'GET, HEAD' });
  return ({ method }) => Promise.resolve(method === 'GET' || method === 'HEAD' ? keysOf(jwks()) : refused());
}

function keysOf(jwks: PublicJwks): Response {
  return new Response(JSON.stringify(jwks), {
    headers: {
      'content-type': 'application/jwk-set+json',
      'cache-control': `public, max-age=${JWKS_MAX_AGE_SECONDS}`,
    },
  });
}
