/** How much of the server one namespace may take up, however many SessionRoutes it has: routes, methods, JSON Schemas (C4). */
import type { SessionRouteSpec } from './resources.ts';

/** All SessionRoutes of a namespace together. */
export const QUOTAS = { routes: 500, schemas: 64 } as const;

/** Methods on one host that are none of the usual ones: each has a tree of all routes of the host. */
export const MOST_UNUSUAL_METHODS = 16;

const USUAL_METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
]);

export interface Quotas {
  /** What would be too much, each as `spec.FIELD: what would be right`, with all that was taken. */
  problems(namespace: string, spec: SessionRouteSpec): readonly string[];
  take(namespace: string, spec: SessionRouteSpec): void;
}

interface Taken {
  routes: number;
  schemas: number;
}

export function createQuotas(): Quotas {
  const byNamespace = new Map<string, Taken>();
  const methodsOf = new Map<string, ReadonlySet<string>>();
  const takenBy = (namespace: string): Taken => byNamespace.get(namespace) ?? { routes: 0, schemas: 0 };
  /** Host -> the unusual methods that there would be on it. */
  const withMethods = ({ routes }: SessionRouteSpec) => {
    const hosts = new Map<string, ReadonlySet<string>>();
    for (const { match } of routes) {
      const unusual = (match.methods ?? []).filter((method) => !USUAL_METHODS.has(method));
      const before = hosts.get(match.host) ?? methodsOf.get(match.host) ?? [];
      hosts.set(match.host, new Set([...before, ...unusual]));
    }
    return hosts;
  };
  return {
    problems(namespace, spec) {
      const taken = takenBy(namespace);
      const counts = { routes: spec.routes.length, schemas: schemasOf(spec).length };
      const tooMany = (['routes', 'schemas'] as const).filter(
        (kind) => taken[kind] + counts[kind] > QUOTAS[kind],
      );
      return [
        ...tooMany.map((kind) => sayQuota(kind, taken[kind])),
        ...[...withMethods(spec)]
          .filter(([, methods]) => methods.size > MOST_UNUSUAL_METHODS)
          .map(([host]) => {
            const usual = [...USUAL_METHODS].join(', ');
            return `spec.routes: at most ${MOST_UNUSUAL_METHODS} methods besides ${usual} may be named for the host ${host}`;
          }),
      ];
    },
    take(namespace, spec) {
      const { routes, schemas } = takenBy(namespace);
      const counts = {
        routes: routes + spec.routes.length,
        schemas: schemas + schemasOf(spec).length,
      };
      byNamespace.set(namespace, counts);
      for (const [host, methods] of withMethods(spec)) methodsOf.set(host, methods);
    },
  };
}

function sayQuota(kind: keyof typeof QUOTAS, taken: number): string {
  const [field, what] = kind === 'routes' ? ['spec.routes', 'routes'] : ['spec.app', 'JSON Schemas'];
  return `${field}: the SessionRoutes of this namespace may have ${QUOTAS[kind]} ${what} together, and older ones have ${taken}`;
}

/** The JSON Schemas of its app, and where they stand. */
export function schemasOf({
  app,
}: SessionRouteSpec): readonly { readonly at: string; readonly schema: object }[] {
  return (['writes', 'writesAttributes'] as const).flatMap((field) =>
    Object.entries(app?.[field] ?? {}).map(([name, schema]) => ({ at: `spec.app.${field}.${name}`, schema })),
  );
}
