/** Schema of the server itself: its listeners and their TLS, the limits of a check, the store, the log, traces. */
import { z } from 'zod';
import { address, collectorUrl, filePath, keyPrefix, peer, someText, storeUrl } from './scalars.ts';
import { duration } from './units.ts';

export const listen = z
  .strictObject({
    check: address.default(':9001').describe('gRPC: envoy.service.auth.v3.Authorization and health.'),
    http: address
      .optional()
      .describe(
        'The same checks over HTTP, for Envoy\'s http_service, nginx, Traefik and Caddy; by custom ":9002". Without it there is no such listener.',
      ),
    api: address
      .default(':9003')
      .describe('The Session API, /auth/ for browsers, /oauth2/ and /.well-known/jwks.json.'),
    ops: address.default(':9090').describe('/metrics, /livez and /readyz.'),
  })
  .prefault({})
  .describe('Where each listener listens: "HOST:PORT", ":PORT" for all addresses, or "unix:PATH".');

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

export const http = z
  .strictObject({
    gateway: z
      .enum(['envoy', 'nginx', 'traefik', 'caddy'])
      .default('envoy')
      .describe(
        'Which kind of gateway asks: what the client wanted is read from the headers that this kind overwrites, and from no other.',
      ),
    trustedPeers: z
      .array(peer)
      .min(1)
      .default(['127.0.0.0/8', '::1/128', 'unix'])
      .describe(
        'Who may ask: addresses, networks, and "unix" for whoever can open the socket. All others are answered 421.',
      ),
  })
  .prefault({})
  .describe('The listener `http`.');

export const listenerTls = z
  .strictObject({
    check: tls.optional().describe('For the listener `check`.'),
    http: tls.optional().describe('For the listener `http`.'),
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

export const check = z
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

export const store = z
  .strictObject({
    url: storeUrl.describe(
      '"memory:" keeps sessions in this process, for one replica; "redis://HOST:PORT" is Redis or Valkey, "rediss://" the same over TLS.',
    ),
    username: someText.optional().describe('The ACL user.'),
    passwordFile: filePath
      .optional()
      .describe('A file that holds the password. It is read for each connection.'),
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
    breaker: z
      .strictObject({
        failures: z
          .int()
          .min(1)
          .max(1_000_000)
          .default(10)
          .describe(
            'How many operations in a row the store must have left unanswered for the breaker to open.',
          ),
        failingFor: duration({ min: '0ms', max: '1m' })
          .prefault('500ms')
          .describe(
            'How long after the first of them the last must come: what fails in one moment may be a stall of this process.',
          ),
        openFor: duration({ min: '1ms', max: '1m' })
          .prefault('250ms')
          .describe(
            'For how long no request asks the store then; after that one read at a time tries it. The probe behind /readyz asks on, twice a second, and closes the breaker when it is answered.',
          ),
      })
      .prefault({})
      .describe(
        'The circuit breaker: a store that does not answer is left alone, and requests are answered 503 (store_unavailable) at once.',
      ),
  })
  .describe('Where sessions are kept.');

export const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .describe('The least serious lines that are written.'),
    decisions: z.enum(['all', 'denied', 'off']).default('all').describe('Which checks get a log line.'),
  })
  .prefault({})
  .describe('The log, on standard output, one JSON object a line.');

export const tracing = z
  .strictObject({
    endpoint: collectorUrl.describe(
      'The base URL of an OpenTelemetry collector, such as "http://otel-collector:4318": spans are sent to ENDPOINT/v1/traces, by OTLP over HTTP in protobuf.',
    ),
    headersFile: filePath
      .optional()
      .describe(
        'A file with headers for the collector, NAME=VALUE with commas between them and values percent-encoded, as in OTEL_EXPORTER_OTLP_HEADERS.',
      ),
    tls: z
      .strictObject({
        caFile: filePath.optional().describe('CA certificates, PEM; else those of the system.'),
        certFile: filePath.optional().describe('A client certificate, PEM. It needs keyFile.'),
        keyFile: filePath.optional().describe('Its private key, PEM.'),
      })
      .optional()
      .describe('TLS to the collector, for an "https:" endpoint.'),
    sampleRatio: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe(
        'The share of the traces that begin at Singlestate which are sampled. A check that comes with a trace is sampled where that trace is, and only there.',
      ),
    serviceName: someText.default('singlestate').describe('`service.name` of the spans.'),
  })
  .optional()
  .describe('Traces of checks, for OpenTelemetry. Without it there are none.');
