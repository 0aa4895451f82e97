/** The configuration's schema: one declaration gives the checks, the TypeScript types, the JSON Schema and the reference. */
import { z } from 'zod';
import {
  address,
  cookieName,
  filePath,
  folderPath,
  headerName,
  headerPart,
  headerPrefix,
  host,
  issuer,
  keyPrefix,
  method,
  name,
  origin,
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
      '"memory:" keeps sessions in this process, for one replica; "redis://HOST:PORT" is Redis or Valkey, "rediss://" the same over TLS.',
    ),
    username: someText.optional().describe('The ACL user.'),
    passwordFile: filePath.optional().describe('A file that holds the password. It is read once, at start.'),
    tls: z
      .strictObject({
        caFile: filePath.optional().describe('CA certificates, PEM; else those of the system.'),
        certFile: filePath.optional().describe('A client certificate, PEM. It needs keyFile.'),
        keyFile: filePath.optional().describe('Its private key, PEM.'),
        serverName: someText
          .optional()
          .describe("The name in the server's certificate, where it is not the host of the URL."),
      })
      .optional()
      .describe('TLS to the store, for a "rediss:" URL; changed files are used for new connections.'),
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

const session = z
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

const sealing = z
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

const identityProvider = z.strictObject({
  name: name.describe('What sessions, logs and metrics call it.'),
  issuer: issuer.describe(
    'Its issuer identifier; discovery is at /.well-known/openid-configuration below it.',
  ),
  clientId: someText.describe('The ID token must have it as its audience.'),
  clientSecretFile: filePath
    .optional()
    .describe('A file that holds the client secret. With it, browsers can log in with this provider.'),
  displayName: someText.optional().describe('What the login page calls it. Without it, its name.'),
  scopes: z
    .array(scope)
    .default(['openid'])
    .describe(
      'What a browser login asks for (`scope` of the authorization request); openid is always in it.',
    ),
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

const login = z
  .strictObject({
    origins: z
      .array(origin)
      .min(1)
      .describe(
        'Where browsers log in, and the only places that they are sent back to. At each, /auth/callback must be registered with the identity providers, and Envoy must route /auth/ to the `api` listener.',
      ),
    timeout: duration({ min: '30s', max: '1h' })
      .prefault('10m')
      .describe('How long a user may take at the identity provider.'),
  })
  .optional()
  .describe('Browser login. It needs a provider with clientSecretFile, and sealing.');

const csrf = z
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

const rateLimits = z
  .strictObject({
    perSession: rate.optional().describe('For each session.'),
    perSubject: rate.optional().describe('For all sessions of one subject together.'),
    perAddress: rate.optional().describe("For each client address, as Envoy's `source.address` has it."),
  })
  .prefault({})
  .describe(
    'How many checks a caller gets before the answer is 429. Each limit costs a store operation a check.',
  );

const audit = z
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

const tls = z.strictObject({
  certFile: filePath.describe('The certificate chain, PEM.'),
  keyFile: filePath.describe('The private key, PEM.'),
  clientCaFile: filePath
    .optional()
    .describe('CA certificates, PEM: with it, clients must present a certificate that one of them signed.'),
  clients: z
    .array(someText)
    .optional()
    .describe(
      'Which clients may connect: SPIFFE ids (`spiffe://...`, a URI name) or DNS names of their certificates. Without it, all that the CA signed. It needs clientCaFile.',
    ),
});

const listenerTls = z
  .strictObject({
    check: tls.optional().describe('For the listener `check`.'),
    api: tls
      .optional()
      .describe(
        'For the listener `api`; client certificates are asked for, and needed where `clients` is set.',
      ),
    ops: tls.optional().describe('For the listener `ops`.'),
  })
  .prefault({})
  .describe(
    'TLS of the listeners, 1.2 or later. Changed files are taken up without a restart; giving a listener TLS, or taking it away, needs one.',
  );

/** Where the keys are that an issuer signs with. */
const issuerKeys = {
  jwksFile: filePath.optional().describe('The public keys of the issuer, a JWKS file.'),
  jwksUrl: url
    .optional()
    .describe('The public keys of the issuer, a JWKS URL. Without either, OIDC discovery at the issuer.'),
  caFile: filePath
    .optional()
    .describe('CA certificates, PEM, for fetching the keys; else those of the system.'),
  tokenFile: filePath
    .optional()
    .describe('A bearer token for fetching the keys, such as a service account token of Kubernetes.'),
};

const workloadIdentity = z
  .strictObject({
    issuer: someText.optional().describe('`iss` of a JWT: that of the Kubernetes cluster, or of SPIRE.'),
    subject: someText
      .optional()
      .describe('`sub` of the JWT: `system:serviceaccount:NAMESPACE:NAME`, or a SPIFFE id.'),
    audience: someText.default('singlestate').describe('`aud` of the JWT.'),
    ...issuerKeys,
    certificate: someText
      .optional()
      .describe(
        'In place of a JWT: the SPIFFE id or DNS name of a client certificate; it needs tls.api.clientCaFile.',
      ),
  })
  .refine(
    (value) =>
      value.certificate === undefined
        ? value.issuer !== undefined && value.subject !== undefined
        : value.issuer === undefined && value.subject === undefined,
    'must have issuer and subject, or certificate alone',
  )
  .meta({ not: { required: ['jwksFile', 'jwksUrl'] } });

const operator = z
  .strictObject({
    name: name.describe('Who this is in logs and in audit.'),
    issuer: someText.describe("`iss` of the operator's JWT."),
    subject: someText.describe("`sub` of the operator's JWT."),
    audience: someText.describe("`aud` of the operator's JWT."),
    ...issuerKeys,
  })
  .meta({ not: { required: ['jwksFile', 'jwksUrl'] } });

const app = z.strictObject({
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
  sealing,
  tls: listenerTls,
  login,
  csrf,
  rateLimits,
  audit,
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
