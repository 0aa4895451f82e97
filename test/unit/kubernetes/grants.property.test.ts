import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalPath } from '../../../src/authz/path.ts';
import { compileRoutes } from '../../../src/authz/routes.ts';
import { configFrom } from '../authz/scene.ts';
import { judgedBy, saysOf, snapshotOf, type RouteResource, type World } from './resources.ts';

const NAMESPACES = ['a', 'b', 'c'] as const;
const NAMES = ['x.test', 'y.x.test', 'z.y.x.test', 'yx.test', 'test', 'x.test.evil'] as const;

const pattern = fc
  .tuple(fc.boolean(), fc.constantFrom(...NAMES))
  .map(([below, name]) => (below ? `*.${name}` : name));
const namespaceName = fc.constantFrom(...NAMESPACES);
const labels = fc.record({ team: fc.constantFrom('1', '2') }, { requiredKeys: [] });

const policySpec = fc.record({
  who: fc.oneof(
    fc.record({ namespaces: fc.uniqueArray(namespaceName, { minLength: 1 }) }),
    fc.record({ namespaceSelector: fc.record({ matchLabels: labels }) }),
  ),
  hosts: fc.array(pattern, { minLength: 1, maxLength: 2 }),
  openRoutes: fc.subarray(['public', 'optional', 'shadow']),
});

const route = fc.record({
  match: fc.record({ host: pattern, path: fc.constantFrom('/', '/{id}', '/a', '/a/{rest*}', '/{rest*}') }),
  require: fc.constantFrom({ session: true }, { public: true }, { optional: true }),
});

/** Each with an app, by whose name a route can be told from those of others. */
const resource = fc
  .record({
    namespace: namespaceName,
    name: fc.constantFrom('1', '2', '3'),
    age: fc.nat({ max: 3 }),
    spec: fc.record({ app: fc.constant({}), routes: fc.array(route, { minLength: 1, maxLength: 3 }) }),
  })
  .map(({ namespace, name, age, spec }): RouteResource => ({ title: `${namespace}/${name}`, age, spec }));

const world = fc
  .record({
    routes: fc.uniqueArray(resource, { selector: ({ title }) => title, maxLength: 6 }),
    policies: fc.array(policySpec, { maxLength: 4 }),
    labelled: fc.record({ a: labels, b: labels, c: labels }, { requiredKeys: [] }),
  })
  .map(({ routes, policies, labelled }) => ({
    routes,
    policies: policies.map(({ who, ...rest }) => ({ ...who, ...rest })),
    namespaces: labelled,
  }));

type Made<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Policy = Made<typeof world>['policies'][number];

/** Said again, in another way than the program does. */
function isFor(policy: Policy, namespace: string, namespaces: NonNullable<World['namespaces']>): boolean {
  if ('namespaces' in policy) return new Set<string>(policy.namespaces).has(namespace);
  const own = namespaces[namespace];
  const wanted = policy.namespaceSelector.matchLabels.team;
  return own !== undefined && (wanted === undefined || own['team'] === wanted);
}

function isBelow(host: string, granted: string): boolean {
  const labelsOf = (name: string) => name.split('.').reverse();
  const [own, wanted] = [labelsOf(host), labelsOf(granted)];
  const suffix = wanted.at(-1) === '*' ? wanted.slice(0, -1) : wanted;
  const fits = suffix.every((label, index) => own[index] === label);
  return (
    fits && (suffix.length === wanted.length ? own.length === wanted.length : own.length > suffix.length)
  );
}

const HOSTS = [...NAMES, 'deep.z.y.x.test', 'other.org', 'w.test'];
const REQUESTS = HOSTS.flatMap((host) => ['/', '/a', '/a/b', '/7'].map((path) => ({ host, path })));

test('E3 no set of resources gives a namespace a host that no policy grants it, nor one that is open', () => {
  fc.assert(
    fc.property(world, (made) => {
      const { routes } = judgedBy(configFrom({}), snapshotOf(made));
      const compiled = compileRoutes(routes);
      if (!compiled.ok) expect.unreachable(compiled.problems[0]?.message);
      for (const { host, path } of REQUESTS) {
        const target = canonicalPath(path);
        if (!target.ok) expect.unreachable(target.problem);
        const match = compiled.table.match(host, 'GET', target);
        if (typeof match !== 'object') continue;
        const [namespace = ''] = match.route.app?.split('/') ?? [];
        const granting = made.policies.filter(
          (policy) =>
            isFor(policy, namespace, made.namespaces) &&
            policy.hosts.some((granted) => isBelow(host, granted)),
        );
        expect(granting).not.toEqual([]);
        const { access } = match.route;
        if (access === 'session') continue;
        expect(granting.flatMap(({ openRoutes }) => openRoutes)).toContain(access);
      }
    }),
    { numRuns: 500 },
  );
});

test('E3 verdicts do not depend on the order in which the API server tells of resources', () => {
  fc.assert(
    fc.property(world, (made) => {
      const { routes, policies } = made;
      expect(saysOf({ ...made, routes: routes.toReversed(), policies: policies.toReversed() })).toEqual(
        saysOf(made),
      );
    }),
  );
});

test('C4 a resource that is refused, and one that is younger, change nothing for any other', () => {
  const reasons = (made: World) =>
    Object.fromEntries(Object.entries(saysOf(made)).map(([title, says]) => [title, says.split(':')[0]]));
  fc.assert(
    fc.property(world, (made) => {
      const before = reasons(made);
      const accepted = made.routes.filter(({ title }) => before[title] === 'Accepted');
      expect(reasons({ ...made, routes: accepted })).toEqual(
        Object.fromEntries(accepted.map(({ title }) => [title, 'Accepted'])),
      );
      const age = -1;
      const spec = {
        app: {},
        routes: [{ match: { host: 'x.test', path: '/{rest*}' }, require: { session: true } }],
      };
      const more = reasons({ ...made, routes: [...made.routes, { title: 'a/young', age, spec }] });
      expect(more).toMatchObject(before);
    }),
  );
});
