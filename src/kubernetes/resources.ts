/** What SessionRoutes and SessionRoutePolicies may say. The CRDs, their reference and the checks at run time come from here. */
import { z } from 'zod';
import { headerPart, hostPattern, method, name, scope, serviceAccountName } from '../config/scalars.ts';
import { app, routeSchema } from '../config/schema-routes.ts';
import { isWithin, sayLimits, SCHEMA_LIMITS } from './json-limits.ts';

export const GROUP = 'singlestate.dev';
export const VERSION = 'v1alpha1';

const jsonSchema = z
  .record(z.string(), z.unknown())
  .refine(isWithin(SCHEMA_LIMITS), `must have ${sayLimits(SCHEMA_LIMITS)}`)
  .meta({ title: 'JSON Schema' })
  .describe(`A JSON Schema (draft 2020-12), of ${sayLimits(SCHEMA_LIMITS)}.`);

/** Of one route: as many as there are in common use, and then some. */
const MOST_METHODS = 16;

const { match, ...routeKeys } = routeSchema.omit({ app: true }).shape;

/** As in the file's `routes`, but that a route is of its resource's app, and that its host is named. */
const route = z.strictObject({
  match: z
    .strictObject({
      ...match.shape,
      methods: z.array(method).min(1).max(MOST_METHODS).optional().describe('Without it, every method.'),
      host: hostPattern.describe(
        'A host name in lower case, or "*.SUFFIX" for all below it. A SessionRoutePolicy must grant it to the namespace.',
      ),
    })
    .describe('Which requests it is for.'),
  ...routeKeys,
});

/** As in the file's `apps`, but for who the app is, and that JSON Schemas stand where the file names files. */
const ownApp = z.strictObject({
  serviceAccounts: z
    .array(serviceAccountName)
    .default([])
    .describe(
      'Service accounts of this namespace that are the app at the Session API. Without one it can make no call there.',
    ),
  ...app.omit({ identities: true, writes: true, writesAttributes: true }).shape,
  writes: z
    .record(headerPart, jsonSchema)
    .default({})
    .describe('Slices that the app may write: slice name -> JSON Schema.'),
  writesAttributes: z
    .record(headerPart, jsonSchema)
    .default({})
    .describe('Attributes that the app may write: attribute name -> JSON Schema; the value is a string.'),
});

export const sessionRouteSpec = z
  .strictObject({
    app: ownApp
      .optional()
      .describe(
        'The app behind the routes, called NAMESPACE/NAME. Without it the routes have none: it is told who the user is, and no more.',
      ),
    routes: z
      .array(route)
      .min(1)
      .describe('The rules, as `routes` of the configuration file has them. All count, or none does.'),
  })
  .describe('Routes that an app team brings, and the app behind them.');

const labelSelector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).default({}).describe('Labels that the namespace must have.'),
  matchExpressions: z
    .array(
      z.strictObject({
        key: z.string().min(1).describe('The label.'),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How it is compared.'),
        values: z.array(z.string()).default([]).describe('For In and NotIn.'),
      }),
    )
    .default([])
    .describe('Further conditions. All must hold.'),
});

/** How a route can let a request pass that has no session. */
export const OPEN_ROUTES = ['public', 'optional', 'shadow'] as const;
export type OpenRoute = (typeof OPEN_ROUTES)[number];

export const sessionRoutePolicySpec = z
  .strictObject({
    namespaces: z.array(name).min(1).optional().describe('The namespaces that it is for, by name.'),
    namespaceSelector: labelSelector
      .optional()
      .describe('In place of `namespaces`: those with these labels. An empty selector is every namespace.'),
    hosts: z
      .array(hostPattern)
      .min(1)
      .describe('What their routes may be for: a host name, or "*.SUFFIX" for all below it.'),
    openRoutes: z
      .array(z.enum(OPEN_ROUTES))
      .default([])
      .describe('Which routes on these hosts may let requests pass without a session. Without it, none.'),
    reads: z
      .strictObject({
        scopes: z
          .array(scope)
          .default([])
          .describe('Scopes that their apps may see: exact, or everything under "PREFIX:*".'),
        attributes: z.array(headerPart).default([]).describe('Attributes that their apps may see.'),
        slices: z.array(headerPart).default([]).describe('Slices that their apps may see.'),
      })
      .prefault({})
      .describe('Which parts of sessions their apps may be given.'),
    writes: z.array(headerPart).default([]).describe('Slices that their apps may write.'),
    writesAttributes: z.array(headerPart).default([]).describe('Attributes that their apps may write.'),
  })
  .refine(
    ({ namespaces, namespaceSelector }) => (namespaces === undefined) !== (namespaceSelector === undefined),
    'must have exactly one of namespaces and namespaceSelector',
  )
  .describe('What namespaces may ask for in SessionRoutes. What no policy grants is refused.');

export type SessionRouteSpec = z.infer<typeof sessionRouteSpec>;
export type SessionRoutePolicySpec = z.infer<typeof sessionRoutePolicySpec>;

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime?: string;
}

/** As the API server has it. Its `spec` is not to be trusted: an older CRD may have let anything through. */
export interface SessionRoute {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generation: number;
    readonly resourceVersion: string;
    /** RFC 3339, to the second. */
    readonly creationTimestamp: string;
  };
  readonly spec?: unknown;
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface SessionRoutePolicy {
  readonly metadata: { readonly name: string; readonly uid: string; readonly generation: number };
  readonly spec?: unknown;
}

export interface Namespace {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

/** All that the API server has at one moment. */
export interface Snapshot {
  readonly routes: readonly SessionRoute[];
  readonly policies: readonly SessionRoutePolicy[];
  readonly namespaces: readonly Namespace[];
}

/** `NAMESPACE/NAME`: what conditions, logs and metrics call a SessionRoute and its app. No app of the file has a slash. */
export function titleOf({ metadata: { namespace, name: own } }: Pick<SessionRoute, 'metadata'>): string {
  return `${namespace}/${own}`;
}
