/** Schema of what requests are for: apps, routes, and the headers that apps are given. */
import { z } from 'zod';
import {
  filePath,
  headerPart,
  headerPrefix,
  host,
  method,
  name,
  pathTemplate,
  scope,
  someText,
} from './scalars.ts';
import { duration } from './units.ts';
import { workloadIdentity } from './schema-identity.ts';

export const app = z.strictObject({
  identities: z
    .array(workloadIdentity)
    .default([])
    .describe('Who the app is at the Session API. Without one it can make no call there.'),
  reads: z
    .strictObject({
      scopes: z
        .array(scope)
        .default([])
        .describe('Which scopes the app may see: exact, or everything under "PREFIX:*".'),
      attributes: z.array(headerPart).default([]).describe('Which attributes the app may see.'),
      slices: z.array(headerPart).default([]).describe('Which slices the app may see.'),
    })
    .prefault({})
    .describe('The parts of the session that the app is given; no other reaches it.'),
  writes: z
    .record(headerPart, filePath)
    .default({})
    .describe('Slices that the app may write: slice name -> JSON Schema file (draft 2020-12).'),
  writesAttributes: z
    .record(headerPart, filePath)
    .default({})
    .describe(
      'Attributes that the app may write: attribute name -> JSON Schema file; the value is a string.',
    ),
  assertion: z.boolean().default(false).describe('Adds x-session-assertion: the same facts as a signed JWT.'),
});

const requirement = z
  .strictObject({
    all: z.array(scope).min(1).optional().describe('Every one of these scopes.'),
    any: z.array(scope).min(1).optional().describe('At least one of these scopes.'),
    session: z.literal(true).optional().describe('Any valid session.'),
    optional: z
      .literal(true)
      .optional()
      .describe('Passes without a session; identity is injected where there is one.'),
    public: z.literal(true).optional().describe('Never looks for a session.'),
  })
  .refine(
    (value) => Object.keys(value).length === 1,
    'must have exactly one of all, any, session, optional and public',
  )
  .meta({ minProperties: 1, maxProperties: 1 })
  .describe('What the request must have: exactly one of these keys.');

export const routeSchema = z.strictObject({
  match: z
    .strictObject({
      host: host
        .default('*')
        .describe('A host name, "*.SUFFIX" for all below it, or "*" for any. Case and port are ignored.'),
      path: pathTemplate.describe('"/a/{id}/b": {id} is one segment; "/a/{rest*}" is /a and all below it.'),
      methods: z.array(method).min(1).optional().describe('Without it, every method.'),
    })
    .describe('Which requests it is for.'),
  app: name.optional().describe('The app behind the route, by its name in apps.'),
  require: requirement,
  authentication: z
    .strictObject({
      acr: z
        .array(someText)
        .min(1)
        .optional()
        .describe('One of these authentication context classes (OIDC `acr`).'),
      amr: z.array(someText).min(1).optional().describe('All of these authentication methods (RFC 8176).'),
      maxAge: duration({ min: '1s', max: '365d' })
        .optional()
        .describe('The user proved who they are no longer ago than this.'),
    })
    .optional()
    .describe('How strong and how recent the login must be (RFC 9470).'),
  onUnauthenticated: z
    .enum(['login', '401'])
    .default('401')
    .describe('"login" sends the page loads of browsers to /auth/login; all other requests get 401.'),
  csrf: z
    .boolean()
    .default(true)
    .describe(
      'false where the app has a CSRF protection of its own: cookie-borne writes need no token there.',
    ),
  mode: z
    .enum(['enforce', 'shadow'])
    .default('enforce')
    .describe('"shadow" decides and reports a deny, and lets the request pass without a session.'),
});

export const headers = z
  .strictObject({
    prefix: headerPrefix
      .default('x-session-')
      .describe('Begins their names. Whatever a client sends under it is removed first.'),
  })
  .prefault({})
  .describe('The headers to the app.');

export const assertion = z
  .strictObject({
    ttl: duration({ min: '1s', max: '1h' })
      .prefault('1m')
      .describe('How long an x-session-assertion is valid.'),
  })
  .prefault({})
  .describe('The signed copy of the headers, for apps that have `assertion: true`.');
