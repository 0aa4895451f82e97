/**
 * How much of the server one namespace may take up, however many SessionRoutes it has (C4). By count and in the order of
 * age, so that every replica comes to the same.
 */
import type { SessionRouteSpec } from './resources.ts';

/** Of all SessionRoutes of a namespace together. Schemas count where they are compiled, also for one that is refused then. */
export const QUOTAS = { routes: 500, schemas: 64, methods: 500 } as const;

/** Methods on one host that are none of the usual ones: each has a tree of all routes of the host. */
export const MOST_UNUSUAL_METHODS = 16;

const USUAL_METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
]);

export interface Quotas {
  /** What would be too much, with all that was taken before, each as `spec.FIELD: what would be right`. */
  problems(namespace: string, spec: SessionRouteSpec): readonly string[];
  takeSchemas(namespace: string, spec: SessionRouteSpec): void;
  takeRoutes(namespace: string, spec: SessionRouteSpec): void;
}

type Methods = ReadonlyMap<string, ReadonlySet<string>>;

interface Taken {
  readonly routes: number;
  readonly schemas: number;
  /** By host. `*` is every method that no route names. */
  readonly methods: Methods;
}

const NOTHING: Taken = { routes: 0, schemas: 0, methods: new Map() };

const WORDS = {
  routes: ['spec.routes', 'routes'],
  schemas: ['spec.app', 'JSON Schemas'],
  methods: ['spec.routes', 'methods, counted for each host,'],
} as const;

export function createQuotas(): Quotas {
  const byNamespace = new Map<string, Taken>();
  const takenBy = (namespace: string) => byNamespace.get(namespace) ?? NOTHING;
  const take = (namespace: string, more: Partial<Taken>) =>
    byNamespace.set(namespace, { ...takenBy(namespace), ...more });
  return {
    problems(namespace, spec) {
      const taken = takenBy(namespace);
      const methods = withMethods(taken.methods, spec);
      const before = { ...taken, methods: sizeOf(taken.methods) };
      const after = {
        routes: taken.routes + spec.routes.length,
        schemas: taken.schemas + schemasOf(spec).length,
        methods: sizeOf(methods),
      };
      const tooMany = (['routes', 'schemas', 'methods'] as const).filter(
        (kind) => after[kind] > QUOTAS[kind],
      );
      return [
        ...tooMany.map((kind) => {
          const [field, what] = WORDS[kind];
          return `${field}: the SessionRoutes of this namespace may have ${QUOTAS[kind]} ${what} together, and older ones have ${before[kind]}`;
        }),
        ...[...methods]
          .filter(([, named]) => unusual(named) > MOST_UNUSUAL_METHODS)
          .map(([host]) => {
            const usual = [...USUAL_METHODS].join(', ');
            return `spec.routes: at most ${MOST_UNUSUAL_METHODS} methods besides ${usual} may be named for the host ${host}`;
          }),
      ];
    },
    takeSchemas(namespace, spec) {
      take(namespace, { schemas: takenBy(namespace).schemas + schemasOf(spec).length });
    },
    takeRoutes(namespace, spec) {
      const { routes, methods } = takenBy(namespace);
      take(namespace, { routes: routes + spec.routes.length, methods: withMethods(methods, spec) });
    },
  };
}

function withMethods(before: Methods, { routes }: SessionRouteSpec): Methods {
  const after = new Map(before);
  for (const { match } of routes) {
    after.set(match.host, new Set([...(after.get(match.host) ?? ['*']), ...(match.methods ?? [])]));
  }
  return after;
}

function sizeOf(methods: Methods): number {
  return [...methods.values()].reduce((sum, { size }) => sum + size, 0);
}

function unusual(methods: ReadonlySet<string>): number {
  return [...methods].filter((method) => method !== '*' && !USUAL_METHODS.has(method)).length;
}

/** The JSON Schemas of its app, and where they stand. */
export function schemasOf({
  app,
}: SessionRouteSpec): readonly { readonly at: string; readonly schema: object }[] {
  return (['writes', 'writesAttributes'] as const).flatMap((field) =>
    Object.entries(app?.[field] ?? {}).map(([name, schema]) => ({ at: `spec.app.${field}.${name}`, schema })),
  );
}
