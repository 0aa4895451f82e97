/** Schema of sessions: their tokens, their life, how they are kept, and what a caller may do with them. */
import { z } from 'zod';
import { cookieName, folderPath, headerName, headerPart, issuer, someText } from './scalars.ts';
import { duration, size } from './units.ts';

export const token = z
  .strictObject({
    issuer: issuer.describe('`iss` of the session tokens.'),
    audience: someText.optional().describe('`aud` of the session tokens. Without it, the issuer.'),
    keysDir: folderPath.describe(
      'A folder of private JWK files (`singlestate keys generate`): the newest active one signs, all verify.',
    ),
    ttl: duration({ min: '1s', max: '24h' })
      .prefault('5m')
      .describe('How long a session token is valid. At most session.absoluteTimeout.'),
    cookie: z
      .strictObject({
        name: cookieName
          .default('__Host-session')
          .describe(
            'Its name. Browsers hold a name that begins with "__Host-" to Secure, Path=/ and no Domain.',
          ),
        ttl: duration({ min: '1s', max: '24h' })
          .optional()
          .describe(
            'How long the token in it is valid; each use in the second half of that renews it. Without it, twice session.idleTimeout, at most 24h: who comes back within the idle timeout is still known.',
          ),
        sameSite: z
          .enum(['Strict', 'Lax', 'None'])
          .default('Lax')
          .describe('When a browser sends it along from other sites (RFC 6265bis section 5.4.7).'),
      })
      .prefault({})
      .describe("The browser's session cookie."),
    cacheSize: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(10_000)
      .describe('How many verified tokens are remembered; 0 verifies each one again.'),
    refreshGrace: duration({ min: '0ms', max: '5m' })
      .prefault('10s')
      .describe(
        'For so long after a refresh token was used, using it again gives the same successor; later it ends the session.',
      ),
  })
  .describe('The session tokens: signed, short-lived JWTs.');

export const session = z
  .strictObject({
    idleTimeout: duration({ min: '1s', max: '365d' })
      .prefault('30m')
      .describe('A session unused for this long ends. At most session.absoluteTimeout.'),
    absoluteTimeout: duration({ min: '1s', max: '365d' })
      .prefault('12h')
      .describe('A session this old ends.'),
    maxBytes: size({ min: '1KiB', max: '1MiB' }).prefault('16KiB').describe('The largest session document.'),
    maxPerSubject: z
      .strictObject({
        limit: z.int().min(1).max(1_000).describe('So many sessions at a time.'),
        onExceed: z
          .enum(['end-oldest', 'refuse'])
          .default('end-oldest')
          .describe('What a login beyond the limit does: it ends the oldest session, or is refused.'),
      })
      .optional()
      .describe('How many sessions one subject may have. Without it, any number.'),
    carryOver: z
      .strictObject({
        slices: z.array(headerPart).default([]).describe('Slices that move to the new session.'),
        attributes: z
          .array(headerPart)
          .default([])
          .describe('Attributes that move, where the new ID token does not set them.'),
      })
      .prefault({})
      .describe('What a new login of the same subject takes over from the session that it replaces.'),
  })
  .prefault({})
  .describe('The life of a session.');

export const sealing = z
  .strictObject({
    keysDir: folderPath.describe(
      'A folder of JWK files (`singlestate keys generate --use enc`): the newest active one seals, all unseal.',
    ),
    acceptUnsealed: z
      .boolean()
      .default(false)
      .describe(
        'Reads documents that are not sealed, while a store moves to sealing; later they are corrupt.',
      ),
  })
  .optional()
  .describe(
    'Encrypts what is stored (AES-256-GCM). Without it documents are in plain text, and there is no browser login.',
  );

export const csrf = z
  .strictObject({
    header: headerName
      .default('x-csrf-token')
      .describe('The request header that must hold the token of the session.'),
    cookie: cookieName
      .default('__Host-csrf')
      .describe('The cookie in which scripts of the page find that token.'),
  })
  .prefault({})
  .describe('Protects requests that change something, where the session came in a cookie.');

const rate = z.strictObject({
  limit: z.int().min(1).max(1_000_000).describe('So many requests'),
  window: duration({ min: '1s', max: '24h' }).describe('in so long a time.'),
});

export const rateLimits = z
  .strictObject({
    perSession: rate.optional().describe('For each session.'),
    perSubject: rate.optional().describe('For all sessions of one subject together.'),
    perAddress: rate
      .optional()
      .describe('For each client address (of IPv6 its /64), as the gateway tells it.'),
  })
  .prefault({})
  .describe(
    'How many checks a caller gets before the answer is 429. They cost one store operation a check for the address, and one for session and subject together.',
  );

export const audit = z
  .strictObject({
    maxEntries: z
      .int()
      .min(1_000)
      .max(1_000_000_000)
      .default(1_000_000)
      .describe('How many records are kept, about; they are spread over 256 parts by subject.'),
    maxAge: duration({ min: '1h', max: '3650d' }).prefault('90d').describe('How long a record is kept.'),
  })
  .prefault({})
  .describe('The audit trail, kept in the store.');
