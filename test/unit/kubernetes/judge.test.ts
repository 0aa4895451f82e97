import { describe, expect, test } from 'vitest';
import { judge } from '../../../src/kubernetes/judge.ts';
import { SCHEMA_LIMITS } from '../../../src/kubernetes/json-limits.ts';
import { MOST_UNUSUAL_METHODS, QUOTAS } from '../../../src/kubernetes/quotas.ts';
import { atOnce } from '../../../src/steps/steps.ts';
import { configFrom } from '../authz/scene.ts';
import { judged, judgedBy, saysOf, sessionAt, snapshotOf, type World } from './resources.ts';

const SHOP = { namespaces: ['shop'], hosts: ['shop.test', '*.shop.test'] };

/** What becomes of one SessionRoute of the namespace `shop`. */
function verdict(spec: object, more: Partial<World> = {}): string | undefined {
  return saysOf({ policies: [SHOP], ...more, routes: [{ title: 'shop/cart', spec }] })['shop/cart'];
}

const routes = (...places: readonly string[]) => ({ routes: sessionAt(...places) });
const at = (change: object) => ({ routes: [{ match: { host: 'shop.test', path: '/' }, ...change }] });

describe('a host', () => {
  test.each(['shop.test/', 'a.shop.test/', '*.shop.test/x', '*.a.shop.test/x'])(
    'E3 that is granted: %s',
    (place) => {
      expect(verdict(routes(place))).toBe('Accepted');
    },
  );

  test.each(['bank.test/', 'ashop.test/', 'shop.test.evil/', '*.test/x', 'test/', '*.shop.test.evil/'])(
    'E3 that no policy grants is refused: %s',
    (place) => {
      const host = place.slice(0, place.indexOf('/'));
      expect(verdict(routes('shop.test/', place))).toBe(
        `HostNotGranted: spec.routes[1].match.host: no SessionRoutePolicy grants ${host} to this namespace`,
      );
    },
  );

  test('E3 of "*.SUFFIX" is not the suffix itself', () => {
    const policies = [{ namespaces: ['shop'], hosts: ['*.shop.test'] }];
    expect(verdict(routes('shop.test/'), { policies })).toMatch('HostNotGranted');
  });

  test.each(['*', '', 'SHOP.test', 'shop.test:80', undefined])('E3 has to be named: %s', (host) => {
    const spec = { routes: [{ match: { host, path: '/' }, require: { session: true } }] };
    expect(verdict(spec)).toMatch(/^Invalid: spec.routes\[0\].match.host/);
  });

  test('E3 without any policy there is nothing', () => {
    expect(verdict(routes('shop.test/'), { policies: [] })).toMatch('HostNotGranted');
  });

  test('E3 of another namespace is not one of this', () => {
    expect(verdict(routes('shop.test/'), { policies: [{ ...SHOP, namespaces: ['bank'] }] })).toMatch(
      'HostNotGranted',
    );
  });
});

describe('a policy by labels', () => {
  const granted = (namespaceSelector: object, labels: Readonly<Record<string, string>> | undefined) =>
    verdict(routes('shop.test/'), {
      policies: [{ namespaceSelector, hosts: ['shop.test'] }],
      ...(labels && { namespaces: { shop: labels } }),
    }) === 'Accepted';
  const expression = (operator: string, values?: readonly string[]) => ({
    matchExpressions: [{ key: 'team', operator, ...(values && { values }) }],
  });

  test.each([
    [{ matchLabels: { team: 'a' } }, { team: 'a' }, true],
    [{ matchLabels: { team: 'a' } }, { team: 'b' }, false],
    [{ matchLabels: { team: 'a', tier: '1' } }, { team: 'a' }, false],
    [{ matchLabels: { constructor: 'a' } }, {}, false],
    [expression('In', ['a', 'b']), { team: 'b' }, true],
    [expression('In', ['a']), {}, false],
    [expression('NotIn', ['a']), { team: 'a' }, false],
    [expression('NotIn', ['a']), {}, true],
    [expression('Exists'), { team: '' }, true],
    [expression('Exists'), {}, false],
    [expression('DoesNotExist'), {}, true],
    [expression('DoesNotExist'), { team: 'a' }, false],
    [{ matchLabels: { team: 'a' }, ...expression('DoesNotExist') }, { team: 'a' }, false],
    [{}, {}, true],
    // Nothing is known of the namespace: then it is not selected, whatever the selector says.
    [{}, undefined, false],
    [expression('DoesNotExist'), undefined, false],
  ])('E3 selects as Kubernetes does: %o of %o', (selector, labels, expected) => {
    expect(granted(selector, labels as Readonly<Record<string, string>> | undefined)).toBe(expected);
  });

  test.each([
    { namespaces: ['shop'], namespaceSelector: {}, hosts: ['shop.test'] },
    { hosts: ['shop.test'] },
    { namespaces: ['shop'], hosts: ['*'] },
    { namespaces: ['shop'], hosts: ['shop.test'], host: [] },
    { namespaceSelector: expression('Near'), hosts: ['shop.test'] },
    undefined,
  ])('E3 that is wrong grants nothing: %o', (policy) => {
    expect(verdict(routes('shop.test/'), { policies: [policy], namespaces: { shop: {} } })).toMatch(
      'HostNotGranted',
    );
  });
});

describe('a route that may let requests pass without a session', () => {
  const OPEN = [
    ['public', at({ require: { public: true } })],
    ['optional', at({ require: { optional: true } })],
    ['shadow', at({ require: { session: true }, mode: 'shadow' })],
  ] as const;

  test.each(OPEN)('E3 %s is refused where no policy allows it', (kind, spec) => {
    expect(verdict(spec)).toMatch(/^OpenRouteNotGranted: spec.routes\[0\].*shop\.test/);
    const others = OPEN.map(([other]) => other).filter((other) => other !== kind);
    expect(verdict(spec, { policies: [{ ...SHOP, openRoutes: others }] })).toMatch('OpenRouteNotGranted');
  });

  test.each(OPEN)('%s is accepted where the policy of its host allows it', (kind, spec) => {
    expect(verdict(spec, { policies: [{ ...SHOP, openRoutes: [kind] }] })).toBe('Accepted');
  });

  test.each(OPEN)('E3 %s is refused where the policy of another host allows it', (kind, spec) => {
    const other = { namespaces: ['shop'], hosts: ['other.test'], openRoutes: [kind] };
    expect(verdict(spec, { policies: [SHOP, other] })).toMatch('OpenRouteNotGranted');
  });
});

describe('an app', () => {
  const app = {
    reads: { scopes: ['cart:*'], attributes: ['locale'], slices: ['cart'] },
    writes: { cart: {} },
  };
  const spec = { app, ...routes('shop.test/') };
  const grant = { reads: { scopes: ['cart:*'], attributes: ['locale'], slices: ['cart'] }, writes: ['cart'] };

  test('C1 is given what a policy grants, under a name that no app of the file can have', () => {
    const { apps, routes: taken } = judged({
      policies: [{ ...SHOP, ...grant }],
      routes: [{ title: 'shop/cart', spec }],
    });
    expect(apps).toMatchObject([
      { name: 'shop/cart', config: { reads: app.reads }, schemas: { writes: { cart: {} } } },
    ]);
    expect(taken.map(({ app: name }) => name)).toEqual(['shop/cart']);
  });

  test.each([
    [{ ...grant, reads: { ...grant.reads, scopes: ['cart:read'] } }, 'spec.app.reads.scopes', 'cart:*'],
    [{ ...grant, reads: { ...grant.reads, attributes: ['loc'] } }, 'spec.app.reads.attributes', 'locale'],
    [{ ...grant, reads: { ...grant.reads, slices: [] } }, 'spec.app.reads.slices', 'cart'],
    [{ ...grant, writes: [] }, 'spec.app.writes', 'cart'],
  ])('C1 B1 is refused what none grants: %o', (policy, field, name) => {
    expect(verdict(spec, { policies: [{ ...SHOP, ...policy }] })).toBe(
      `PartNotGranted: ${field}: no SessionRoutePolicy grants ${name} to this namespace`,
    );
  });

  test('B1 may write an attribute only where a policy says that one', () => {
    const writing = { app: { writesAttributes: { role: {} } }, ...routes('shop.test/') };
    expect(verdict(writing, { policies: [{ ...SHOP, writes: ['role'] }] })).toMatch('PartNotGranted');
    expect(verdict(writing, { policies: [{ ...SHOP, writesAttributes: ['role'] }] })).toBe('Accepted');
  });

  test('C1 can not have two attributes in one header', () => {
    const reads = { attributes: ['a-b', 'a_b'] };
    expect(verdict({ app: { reads }, ...routes('shop.test/') }, { policies: [{ ...SHOP, reads }] })).toMatch(
      /^Invalid: spec.app.reads.attributes\[1\]: must differ from "a-b"/,
    );
  });

  test('B1 is refused with a schema that is none', () => {
    const world = { policies: [{ ...SHOP, ...grant }], routes: [{ title: 'shop/cart', spec }] };
    const { verdicts, apps } = judged(world, () => 'is no JSON Schema');
    expect(verdicts.get('shop/cart')).toMatchObject({
      reason: 'Invalid',
      message: 'spec.app.writes.cart: is no JSON Schema',
    });
    expect(apps).toEqual([]);
  });
});

describe('a service account', () => {
  const kubernetes = { sessionRoutes: true, serviceAccounts: { issuer: 'https://cluster.test' } };
  const spec = (...serviceAccounts: readonly string[]) => ({
    app: { serviceAccounts },
    ...routes('shop.test/'),
  });

  test('C2 is one of the same namespace, whatever it is called', () => {
    const { apps } = judged({
      policies: [SHOP],
      routes: [{ title: 'shop/cart', spec: spec('bank') }],
      file: { kubernetes },
    });
    expect(apps[0]?.config.identities).toEqual([
      { issuer: 'https://cluster.test', audience: 'singlestate', subject: 'system:serviceaccount:shop:bank' },
    ]);
    expect(verdict(spec('a:b'), { file: { kubernetes } })).toMatch(/^Invalid: spec.app.serviceAccounts\[0\]/);
  });

  test('C2 can not be named where nothing says how it is verified', () => {
    expect(verdict(spec('default'))).toMatch(/^ServiceAccountUnavailable: .*kubernetes\.serviceAccounts/);
  });

  test('C2 that is an app of the file stays that one', () => {
    const identity = { issuer: 'https://cluster.test', subject: 'system:serviceaccount:shop:default' };
    const file = { kubernetes, apps: { billing: { identities: [identity] } } };
    expect(verdict(spec('default'), { file })).toBe(
      'ServiceAccountUnavailable: spec.app.serviceAccounts[0]: default is the app "billing" already',
    );
  });

  test('C2 is one app, the older one', () => {
    const world = {
      policies: [SHOP],
      file: { kubernetes },
      routes: [
        { title: 'shop/young', age: 1, spec: { ...spec('default'), ...routes('shop.test/young') } },
        { title: 'shop/old', age: 2, spec: { ...spec('default'), ...routes('shop.test/old') } },
      ],
    };
    expect(saysOf(world)).toMatchObject({
      'shop/old': 'Accepted',
      'shop/young':
        'ServiceAccountUnavailable: spec.app.serviceAccounts[0]: default is the app "shop/old" already',
    });
  });
});

describe('of two that want the same', () => {
  const both = (changes: Partial<World>, ...titles: readonly (readonly [title: string, age: number])[]) =>
    saysOf({
      policies: [{ namespaces: ['shop', 'bank'], hosts: ['shop.test'] }],
      routes: titles.map(([title, age]) => ({ title, age, spec: routes('shop.test/{id}') })),
      ...changes,
    });

  test('E3 the older one stays, whatever their order', () => {
    for (const titles of [
      [
        ['shop/a', 1],
        ['bank/b', 2],
      ],
      [
        ['bank/b', 2],
        ['shop/a', 1],
      ],
    ] as const)
      expect(both({}, ...titles)).toEqual({
        'bank/b': 'Accepted',
        'shop/a':
          'Conflict: spec.routes[0].match.path: ties with routes[0] of SessionRoute bank/b (/{id}) for every method: both match shop.test/{id}',
      });
  });

  test('E3 made in the same second, the first by name stays', () => {
    expect(both({}, ['shop/a', 1], ['bank/b', 1])).toMatchObject({
      'bank/b': 'Accepted',
      'shop/a': expect.stringMatching(/^Conflict/) as string,
    });
  });

  test('E3 the configuration file stays', () => {
    const file = { routes: [{ match: { host: 'shop.test', path: '/{any}' }, require: { session: true } }] };
    expect(both({ file }, ['shop/a', 1])['shop/a']).toMatch(
      'ties with routes[0] of the configuration (/{any})',
    );
  });

  test('C4 one that is refused takes nothing: its other routes are free for others', () => {
    const says = saysOf({
      policies: [{ namespaces: ['shop', 'bank'], hosts: ['shop.test'] }],
      routes: [
        { title: 'shop/old', age: 3, spec: routes('shop.test/a', 'bank.test/') },
        { title: 'bank/young', age: 1, spec: routes('shop.test/a') },
      ],
    });
    expect(says['bank/young']).toBe('Accepted');
    expect(says['shop/old']).toMatch('HostNotGranted');
  });
});

test('C4 one that is refused for a tie takes nothing either', () => {
  const says = saysOf({
    policies: [{ namespaces: ['shop', 'bank'], hosts: ['shop.test'] }],
    file: { routes: [{ match: { host: 'shop.test', path: '/taken' }, require: { session: true } }] },
    routes: [
      { title: 'shop/old', age: 3, spec: routes('shop.test/a', 'shop.test/taken') },
      { title: 'bank/young', age: 1, spec: routes('shop.test/a') },
    ],
  });
  expect(says['shop/old']).toMatch('Conflict');
  expect(says['bank/young']).toBe('Accepted');
});

describe('what can not be', () => {
  test.each([
    [undefined, 'spec: is missing'],
    [{}, 'spec.routes: is missing'],
    [{ routes: [] }, 'spec.routes: must have at least 1 item'],
    [{ ...routes('shop.test/'), rotues: [] }, 'spec.rotues: is not a known key; did you mean "routes"?'],
    [
      at({ require: { session: true }, autentication: { amr: ['otp'] } }),
      'spec.routes[0].autentication: is not a known key',
    ],
    [at({ require: { session: true, public: true } }), 'spec.routes[0].require: must have exactly one of'],
    [at({ require: {} }), 'spec.routes[0].require: must have exactly one of'],
    [at({ require: { session: true }, app: 'billing' }), 'spec.routes[0].app: is not a known key'],
    [
      at({ require: { session: true }, authentication: { maxAge: '5' } }),
      'spec.routes[0].authentication.maxAge',
    ],
    [
      at({ require: { all: ['{tenant}:read'] } }),
      'spec.routes[0].require: scope "{tenant}:read" uses {tenant}',
    ],
    [
      at({ require: { session: true }, onUnauthenticated: 'login' }),
      'must be "401": Singlestate\'s configuration has no login',
    ],
    [routes('shop.test/a//b'), 'spec.routes[0].match.path: has an empty segment'],
    [routes('shop.test/a', 'shop.test/A'), 'ties with routes[0] of SessionRoute shop/cart (/a)'],
  ])('E3 is refused as a whole: %o', (spec, says) => {
    expect(verdict(spec as object)).toContain(says);
  });
});

describe('a JSON Schema', () => {
  const withSchema = (schema: object, policies: readonly unknown[] = [{ ...SHOP, writes: ['cart'] }]) => ({
    policies,
    routes: [{ title: 'shop/cart', spec: { app: { writes: { cart: schema } }, ...routes('shop.test/') } }],
  });
  const nested = (levels: number) => {
    let schema: object = {};
    for (let level = 1; level < levels; level += 1) schema = { not: schema };
    return schema;
  };

  test.each([
    ['too deep to be gone through', nested(9_000)],
    ['deeper than is allowed', nested(SCHEMA_LIMITS.depth + 1)],
    ['of too many values', { oneOf: Array.from({ length: SCHEMA_LIMITS.values - 1 }, () => true) }],
    ['of too many references', { allOf: Array.from({ length: 17 }, () => ({ $ref: '#/$defs/a' })) }],
    ['of too much text', { description: 'é'.repeat(SCHEMA_LIMITS.bytes / 2) }],
  ])('C4 %s is refused before anybody compiles it, and takes nothing from others', (_, schema) => {
    const world = withSchema(schema);
    const good = { title: 'shop/good', spec: routes('shop.test/good') };
    const { verdicts } = judged({ ...world, routes: [...world.routes, good] }, () => expect.unreachable());
    expect(verdicts.get('shop/cart')).toMatchObject({
      reason: 'Invalid',
      message: 'spec.app.writes.cart: must have at most 16 KiB, 500 values, 32 levels and 16 references',
    });
    expect(verdicts.get('shop/good')).toMatchObject({ reason: 'Accepted' });
  });

  test('B1 as large as is allowed is compiled', () => {
    expect(saysOf(withSchema(nested(SCHEMA_LIMITS.depth)))).toEqual({ 'shop/cart': 'Accepted' });
  });

  test('C4 is not compiled for a part that nobody grants', () => {
    const { verdicts } = judged(withSchema({}, [SHOP]), () => expect.unreachable());
    expect(verdicts.get('shop/cart')).toMatchObject({ reason: 'PartNotGranted' });
  });

  test('C4 is compiled in a step of its own', () => {
    const writes = { a: {}, b: {}, c: {} };
    const spec = { app: { writes }, ...routes('shop.test/') };
    const world = {
      policies: [{ ...SHOP, writes: Object.keys(writes) }],
      routes: [{ title: 'shop/x', spec }],
    };
    const compiled: number[] = [];
    const steps = judge(configFrom({}), snapshotOf(world), {
      schemaProblem: () => void compiled.push(0),
      onFault: () => expect.unreachable(),
    });
    const seen: number[] = [];
    while (steps.next().done !== true) seen.push(compiled.length);
    expect(seen).toEqual([0, 0, 1, 2]);
    expect(compiled).toHaveLength(3);
  });
});

describe('a namespace', () => {
  const many = (count: number, prefix: string) =>
    routes(...Array.from({ length: count }, (_, index) => `shop.test/${prefix}${index}`));

  test('C4 has so many routes together, of which the older resources take theirs first', () => {
    const said = saysOf({
      policies: [SHOP, { namespaces: ['bank'], hosts: ['bank.test'] }],
      routes: [
        { title: 'shop/old', age: 3, spec: many(QUOTAS.routes - 1, 'old') },
        { title: 'shop/two', age: 2, spec: many(2, 'two') },
        { title: 'shop/one', age: 1, spec: many(1, 'one') },
        { title: 'bank/one', age: 1, spec: routes('bank.test/') },
      ],
    });
    expect(said).toEqual({
      'shop/old': 'Accepted',
      'shop/two':
        'Invalid: spec.routes: the SessionRoutes of this namespace may have 500 routes together, and older ones have 499',
      'shop/one': 'Accepted',
      'bank/one': 'Accepted',
    });
  });

  test('C4 has so many JSON Schemas together', () => {
    const names = Array.from({ length: QUOTAS.schemas }, (_, index) => `s${index}`);
    const spec = (...parts: readonly string[]) => ({
      app: { writes: Object.fromEntries(parts.map((part) => [part, {}])) },
    });
    const said = saysOf({
      policies: [{ ...SHOP, writes: names }],
      routes: [
        { title: 'shop/old', age: 2, spec: { ...spec(...names), ...routes('shop.test/old') } },
        { title: 'shop/new', age: 1, spec: { ...spec('s1'), ...routes('shop.test/new') } },
      ],
    });
    expect(said).toEqual({
      'shop/old': 'Accepted',
      'shop/new':
        'Invalid: spec.app: the SessionRoutes of this namespace may have 64 JSON Schemas together, and older ones have 64',
    });
  });

  test('C4 has no more of them compiled, also where they are refused', () => {
    const writes = Object.fromEntries(Array.from({ length: QUOTAS.schemas }, (_, at) => [`s${at}`, {}]));
    const resource = (title: string, age: number) => ({
      title,
      age,
      spec: { app: { writes }, ...routes(`shop.test/${title}`) },
    });
    const world = { policies: [{ ...SHOP, writes: Object.keys(writes) }] };
    let compiled = 0;
    judged({ ...world, routes: [resource('shop/a', 2), resource('shop/b', 1)] }, () => {
      compiled += 1;
      return 'is no JSON Schema';
    });
    expect(compiled).toBe(QUOTAS.schemas);
  });

  test('C4 has so many methods on all of its hosts together', () => {
    const methods = ['GET', 'POST', 'PUT', 'DELETE'];
    const spec = (count: number, prefix: string) => ({
      routes: Array.from({ length: count }, (_, at) => ({
        match: { host: `${prefix}${at}.shop.test`, path: '/', methods },
        require: { session: true },
      })),
    });
    const said = saysOf({
      policies: [SHOP],
      routes: [
        { title: 'shop/old', age: 3, spec: spec(100, 'old') },
        { title: 'shop/new', age: 2, spec: spec(1, 'new') },
        { title: 'shop/same', age: 1, spec: routes('old0.shop.test/same') },
      ],
    });
    expect(said).toEqual({
      'shop/old': 'Accepted',
      'shop/new':
        'Invalid: spec.routes: the SessionRoutes of this namespace may have 500 methods, counted for each host, together, and older ones have 500',
      'shop/same': 'Accepted',
    });
  });

  test('C4 names so many unusual methods for a host, and another namespace as many', () => {
    const named = (...methods: readonly string[]) => ({
      routes: [
        { match: { host: 'shop.test', path: `/${methods.join('')}`, methods }, require: { session: true } },
      ],
    });
    const odd = Array.from({ length: MOST_UNUSUAL_METHODS }, (_, at) => `M${String.fromCharCode(65 + at)}`);
    const said = saysOf({
      policies: [SHOP, { namespaces: ['bank'], hosts: ['shop.test'] }],
      routes: [
        { title: 'shop/odd', age: 3, spec: named(...odd) },
        { title: 'shop/same', age: 2, spec: named('MA', 'GET', 'POST') },
        { title: 'shop/more', age: 1, spec: named('PURGE') },
        { title: 'bank/own', spec: named('PROPFIND') },
      ],
    });
    expect(said).toEqual({
      'shop/odd': 'Accepted',
      'shop/same': 'Accepted',
      'bank/own': 'Accepted',
      'shop/more':
        'Invalid: spec.routes: at most 16 methods besides GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS may be named for the host shop.test',
    });
  });
});

describe('a policy that can not be read', () => {
  const world: World = {
    policies: [{ ...SHOP, openRoute: ['public'] }],
    routes: [{ title: 'shop/cart', spec: routes('shop.test/') }],
  };

  test('E3 grants nothing, and whoever misses a grant is told of it', () => {
    expect(saysOf(world)['shop/cart']).toBe(
      "HostNotGranted: spec.routes[0].match.host: no SessionRoutePolicy grants shop.test to this namespace (and the SessionRoutePolicy policy-0 can't be read)",
    );
  });

  test('is named the same way, whatever the order in which policies came', () => {
    const snapshot = snapshotOf({ ...world, policies: [{ wrong: 1 }, { wrong: 2 }] });
    const said = [snapshot.policies, snapshot.policies.toReversed()].map(
      (policies) => judgedBy(configFrom({}), { ...snapshot, policies }).verdicts.get('shop/cart')?.message,
    );
    expect(said[0]).toContain("(and the SessionRoutePolicy policy-0 and 1 more can't be read)");
    expect(said[1]).toBe(said[0]);
  });

  test('is named, with what is wrong', () => {
    const { read, unreadable } = judged({ ...world, policies: [...world.policies, SHOP] }).policies;
    expect(read).toBe(1);
    expect([...unreadable.keys()]).toEqual(['policy-0']);
    expect(unreadable.get('policy-0')?.join()).toContain('openRoute');
  });
});

test('E3 one that can not be judged, by a mistake of ours, is refused by itself', () => {
  const world = {
    policies: [{ ...SHOP, writes: ['a'] }],
    routes: [
      { title: 'shop/bad', age: 2, spec: { app: { writes: { a: {} } }, ...routes('shop.test/bad') } },
      { title: 'shop/good', age: 1, spec: routes('shop.test/good') },
    ],
  };
  const faults: string[] = [];
  const { verdicts, routes: taken } = atOnce(
    judge(configFrom({}), snapshotOf(world), {
      schemaProblem: () => {
        throw new RangeError('Maximum call stack size exceeded');
      },
      onFault: (title) => faults.push(title),
    }),
  );
  expect(faults).toEqual(['shop/bad']);
  expect(verdicts.get('shop/bad')).toMatchObject({ reason: 'Invalid' });
  expect(taken).toHaveLength(1);
});

test('a long message ends at a whole character, within what an event may hold', () => {
  const spec = { routes: Array.from({ length: 60 }, () => ({ ['😀'.repeat(3)]: 1 })) };
  const { verdicts } = judged({ policies: [SHOP], routes: [{ title: 'shop/cart', spec }] });
  const { message = '' } = verdicts.get('shop/cart') ?? {};
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1_000);
  expect(Buffer.byteLength(message)).toBeGreaterThan(990);
  expect(message.isWellFormed()).toBe(true);
  expect(message).toMatch(/[^\uFFFD]\.\.\.$/);
});
