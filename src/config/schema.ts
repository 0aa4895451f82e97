/** The configuration's schema: one declaration gives the checks, the TypeScript types, the JSON Schema and the reference. */
import { z } from 'zod';
import {
  address,
  cookieName,
  filePath,
  folderPath,
  headerPart,
  headerPrefix,
  host,
  issuer,
  keyPrefix,
  method,
  name,
  pathTemplate,
  scope,
  someText,
  storeUrl,
  url,
} from './scalars.ts';
import { duration, size } from './units.ts';

const listen = z
  .strictObject({
    check: address.default(':9001').describe('gRPC: envoy.service.auth.v3.Authorization and health.'),
    api: address.default(':9003').describe('The Session API and /.well-known/jwks.json.'),
    ops: address.default(':9090').describe('/metrics, /livez and /readyz.'),
  })
  .prefault({})
  .describe('Where each listener listens: "HOST:PORT", ":PORT" for all addresses, or "unix:PATH".');

const check = z
  .strictObject({
    deadline: duration({ min: '1ms', max: '60s' })
      .prefault('150ms')
      .describe("How long one check may take. Keep it below Envoy's ext_authz timeout."),
    maxInFlight: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(2_000)
      .describe('How many checks may be under way; beyond that they are answered 503 (overloaded) at once.'),
    maxConnectionAge: duration({ min: '1s', max: '24h' })
      .prefault('10m')
      .describe(
        'After this time, give or take a tenth, a connection is asked to move (GOAWAY), so that load spreads.',
      ),
    drainTimeout: duration({ min: '0ms', max: '10m' })
      .prefault('10s')
      .describe('How long SIGTERM waits for checks that are under way.'),
    drainDelay: duration({ min: '0ms', max: '10m' })
      .prefault('5s')
      .describe(
        'How long SIGTERM keeps accepting checks after health turned NOT_SERVING, for load balancers to see it; 0s where there is none.',
      ),
  })
  .prefault({})
  .describe('The limits of a check.');

const store = z
  .strictObject({
    url: storeUrl.describe(
      '"memory:" keeps sessions in this process, for one replica; "redis://HOST:PORT" is Redis or Valkey.',
    ),
    username: someText.optional().describe('The ACL user.'),
    passwordFile: filePath.optional().describe('A file that holds the password. It is read once, at start.'),
    deadline: duration({ min: '1ms', max: '10s' })
      .prefault('50ms')
      .describe('How long one store operation may take. It must be shorter than check.deadline.'),
    keyPrefix: keyPrefix
      .default('singlestate:')
      .describe('Begins every key, for a store that is shared with others.'),
  })
  .describe('Where sessions are kept.');

const token = z
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
      })
      .prefault({})
      .describe("The browser's session cookie."),
    cacheSize: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(10_000)
      .describe('How many verified tokens are remembered; 0 verifies each one again.'),
  })
  .describe('The session tokens: signed, short-lived JWTs.');

const session = z
  .strictObject({
    idleTimeout: duration({ min: '1s', max: '365d' })
      .prefault('30m')
      .describe('A session unused for this long ends. At most session.absoluteTimeout.'),
    absoluteTimeout: duration({ min: '1s', max: '365d' })
      .prefault('12h')
      .describe('A session this old ends.'),
    maxBytes: size({ min: '1KiB', max: '1MiB' }).prefault('16KiB').describe('The largest session document.'),
  })
  .prefault({})
  .describe('The life of a session.');

const identityProvider = z.strictObject({
  name: name.describe('What sessions, logs and metrics call it.'),
  issuer: issuer.describe(
    'Its issuer identifier; discovery is at /.well-known/openid-configuration below it.',
  ),
  clientId: someText.describe('The ID token must have it as its audience.'),
  claims: z
    .strictObject({
      scopes: someText
        .default('scope')
        .describe(
          'The claim that holds the scopes: a list, or a string with spaces. "a.b" is claim b in claim a.',
        ),
      attributes: z
        .record(headerPart, someText)
        .default({})
        .describe('Session attribute name -> claim; strings, numbers and booleans are taken.'),
    })
    .prefault({})
    .describe('Which claims of the ID token go into the session.'),
});

const operator = z
  .strictObject({
    name: name.describe('Who this is in logs and in audit.'),
    issuer: someText.describe("`iss` of the operator's JWT."),
    subject: someText.describe("`sub` of the operator's JWT."),
    audience: someText.describe("`aud` of the operator's JWT."),
    jwksFile: filePath.optional().describe('The public keys of the issuer, a JWKS file.'),
    jwksUrl: url
      .optional()
      .describe('The public keys of the issuer, a JWKS URL. Without either, OIDC discovery at the issuer.'),
  })
  .meta({ not: { required: ['jwksFile', 'jwksUrl'] } });

const app = z.strictObject({
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
  mode: z
    .enum(['enforce', 'shadow'])
    .default('enforce')
    .describe('"shadow" decides and reports a deny, and lets the request pass without a session.'),
});

const headers = z
  .strictObject({
    prefix: headerPrefix
      .default('x-session-')
      .describe('Begins their names. Whatever a client sends under it is removed first.'),
  })
  .prefault({})
  .describe('The headers to the app.');

const assertion = z
  .strictObject({
    ttl: duration({ min: '1s', max: '1h' })
      .prefault('1m')
      .describe('How long an x-session-assertion is valid.'),
  })
  .prefault({})
  .describe('The signed copy of the headers, for apps that have `assertion: true`.');

const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .describe('The least serious lines that are written.'),
    decisions: z.enum(['all', 'denied', 'off']).default('all').describe('Which checks get a log line.'),
  })
  .prefault({})
  .describe('The log, on standard output, one JSON object a line.');

export const configSchema = z.strictObject({
  listen,
  check,
  store,
  token,
  session,
  identityProviders: z.array(identityProvider).default([]).describe('Who may vouch for users.'),
  operators: z.array(operator).default([]).describe('Who may use the operator calls of the Session API.'),
  apps: z.record(name, app).default({}).describe('The apps behind Envoy by name, and what each may see.'),
  headers,
  assertion,
  contextExtensions: z
    .enum(['narrow', 'trust', 'ignore'])
    .default('narrow')
    .describe(
      "What Envoy's context_extensions may do: tighten a route; also decide where no route matches; nothing.",
    ),
  routes: z
    .array(routeSchema)
    .default([])
    .describe('The rules. The most specific one that matches decides; their order means nothing.'),
  log,
});

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** A whole configuration, defaults filled in, durations in milliseconds, sizes in bytes. Deeply frozen. */
export type Config = Frozen<z.infer<typeof configSchema>>;
export type RouteConfig = Config['routes'][number];
export type AppConfig = Config['apps'][string];
export type IdentityProviderConfig = Config['identityProviders'][number];
export type OperatorConfig = Config['operators'][number];
