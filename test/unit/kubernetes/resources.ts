/** SessionRoutes, policies and namespaces for tests, as an API server would have them. */
import type { Config } from '../../../src/config/schema.ts';
import { judge, type Judgement, type JudgementOptions } from '../../../src/kubernetes/judge.ts';
import type { SessionRoute, SessionRoutePolicy, Snapshot } from '../../../src/kubernetes/resources.ts';
import { atOnce } from '../../../src/steps/steps.ts';
import { configFrom, type ConfigInput } from '../authz/scene.ts';

/** What a test says of a resource; `age` in seconds, of which more is older. */
export interface RouteResource {
  readonly title: string;
  readonly age?: number;
  readonly spec: unknown;
}

export function sessionRoute({ title, age = 0, spec }: RouteResource): SessionRoute {
  const [namespace = '', name = ''] = title.split('/');
  const creationTimestamp = new Date(Date.UTC(2030, 0, 1) - age * 1_000).toISOString();
  return {
    metadata: {
      namespace,
      name,
      uid: `uid-of-${title}`,
      generation: 1,
      resourceVersion: '1',
      creationTimestamp,
    },
    spec,
  };
}

export function policy(spec: unknown, name = 'policy'): SessionRoutePolicy {
  return { metadata: { name, uid: `uid-of-${name}`, generation: 1 }, spec };
}

/** Routes that need a session, at these hosts and paths: `shop.test/cart`. */
export function sessionAt(...places: readonly string[]): readonly object[] {
  return places.map((place) => {
    const slash = place.indexOf('/');
    return {
      match: { host: place.slice(0, slash), path: place.slice(slash) },
      require: { session: true },
    };
  });
}

export interface World {
  readonly routes: readonly RouteResource[];
  readonly policies: readonly unknown[];
  readonly namespaces?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly file?: ConfigInput & { readonly kubernetes?: unknown };
}

export function snapshotOf({ routes, policies, namespaces = {} }: World): Snapshot {
  return {
    routes: routes.map(sessionRoute),
    policies: policies.map((spec, index) => policy(spec, `policy-${index}`)),
    namespaces: Object.entries(namespaces).map(([name, labels]) => ({ metadata: { name, labels } })),
  };
}

export function judged(world: World, schemaProblem = (): string | undefined => undefined): Judgement {
  return judgedBy(configFrom(world.file ?? {}), snapshotOf(world), schemaProblem);
}

/** The reason of each verdict, and its message where it is a refusal. */
export function saysOf(world: World): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...judged(world).verdicts].map(([title, { reason, message }]) => [
      title,
      reason === 'Accepted' ? reason : `${reason}: ${message}`,
    ]),
  );
}

/** At once; a fault is the test's. */
export function judgedBy(
  config: Config,
  snapshot: Snapshot,
  schemaProblem: JudgementOptions['schemaProblem'] = () => undefined,
): Judgement {
  const onFault = (_title: string, error: unknown) => {
    throw error;
  };
  return atOnce(judge(config, snapshot, { schemaProblem, onFault }));
}
