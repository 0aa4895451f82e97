/** The configuration's schema: one declaration gives the checks, the TypeScript types, the JSON Schema and the reference. */
import { z } from 'zod';
import { name } from './scalars.ts';
import { identityProvider, login, operator } from './schema-identity.ts';
import { kubernetes } from './schema-kubernetes.ts';
import { app, assertion, headers, routeSchema } from './schema-routes.ts';
import { check, http, listen, listenerTls, log, store, tracing } from './schema-server.ts';
import { audit, csrf, rateLimits, sealing, session, token } from './schema-session.ts';

export const configSchema = z.strictObject({
  listen,
  check,
  http,
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
  kubernetes,
  log,
  tracing,
});

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** A whole configuration, defaults filled in, durations in milliseconds, sizes in bytes. Deeply frozen. */
export type Config = Frozen<z.infer<typeof configSchema>>;
export type RouteConfig = Config['routes'][number];
export type AppConfig = Config['apps'][string];
export type IdentityProviderConfig = Config['identityProviders'][number];
export type OperatorConfig = Config['operators'][number];
