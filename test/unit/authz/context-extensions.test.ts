import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ruleFor } from '../../../src/authz/context-extensions.ts';
import type { RouteMatch } from '../../../src/authz/routes.ts';
import { createScene, request, type ConfigInput, routeOf } from './scene.ts';

const CONFIG: ConfigInput = {
  apps: { billing: {}, reports: {} },
  routes: [
    { match: { path: '/invoices/{tenant}' }, app: 'billing', require: { all: ['invoices:read'] } },
    { match: { path: '/any' }, app: 'billing', require: { any: ['a', 'b'] } },
    { match: { path: '/session' }, require: { session: true } },
    { match: { path: '/optional' }, require: { optional: true } },
    { match: { path: '/public' }, require: { public: true } },
    { match: { path: '/shadow' }, require: { all: ['x'] }, mode: 'shadow' },
  ],
};

const extensions = (entries: Readonly<Record<string, string>>) => new Map(Object.entries(entries));

describe.each(['narrow', 'trust'] as const)(
  'H2 context_extensions, %s, on a route of the server',
  async (mode) => {
    const scene = await createScene({ ...CONFIG, contextExtensions: mode });
    const reader = await scene.open({ scopes: ['invoices:read', 'tenant:acme:read', 'a'] });

    async function decide(path: string, context: Readonly<Record<string, string>>, headers = reader.bearer) {
      const decision = await scene.decide(request({ path, headers, contextExtensions: extensions(context) }));
      return decision.decision === 'allow' ? 'allow' : decision.reason;
    }

    it.each<[string, string, Record<string, string>, string]>([
      ['none', '/invoices/acme', {}, 'allow'],
      ['the app that the route has', '/invoices/acme', { 'singlestate.app': 'billing' }, 'allow'],
      ['another app', '/invoices/acme', { 'singlestate.app': 'reports' }, 'no_route'],
      ['an app where the route has none', '/session', { 'singlestate.app': 'billing' }, 'no_route'],
      ['no app where the route has one', '/invoices/acme', { 'singlestate.app': '' }, 'no_route'],
      ['a scope that is there', '/invoices/acme', { 'singlestate.require': 'invoices:read a' }, 'allow'],
      [
        'a scope that is not',
        '/invoices/acme',
        { 'singlestate.require': 'invoices:write' },
        'insufficient_scope',
      ],
      ['one of two scopes', '/session', { 'singlestate.require': 'a x' }, 'insufficient_scope'],
      ['beside any', '/any', { 'singlestate.require': 'b' }, 'insufficient_scope'],
      [
        'a scope with a parameter',
        '/invoices/acme',
        { 'singlestate.require': 'tenant:{tenant}:read' },
        'allow',
      ],
      [
        'of another tenant',
        '/invoices/other',
        { 'singlestate.require': 'tenant:{tenant}:read' },
        'insufficient_scope',
      ],
      [
        'with an unknown parameter',
        '/session',
        { 'singlestate.require': 'tenant:{tenant}:read' },
        'insufficient_scope',
      ],
      [
        'a wildcard is a scope like any other',
        '/invoices/acme',
        { 'singlestate.require': 'invoices:*' },
        'insufficient_scope',
      ],
      ['spaces around', '/session', { 'singlestate.require': '  a  ' }, 'allow'],
      ['an empty requirement', '/session', { 'singlestate.require': '' }, 'no_route'],
      ['a blank requirement', '/public', { 'singlestate.require': ' ' }, 'no_route'],
      ['no list of scopes', '/session', { 'singlestate.require': 'a\tb' }, 'no_route'],
      ['quotes', '/session', { 'singlestate.require': '"a"' }, 'no_route'],
      ['a mistyped key', '/session', { 'singlestate.requires': 'a' }, 'no_route'],
      ['a key in another case', '/public', { 'Singlestate.Require': 'a' }, 'no_route'],
      ['a key with another separator', '/public', { 'singlestate-require': 'a' }, 'no_route'],
      ['a key with a space before it', '/public', { ' singlestate.require': 'a' }, 'no_route'],
      ['the bare name', '/public', { singlestate: 'a' }, 'no_route'],
      [
        "another program's keys",
        '/session',
        { 'other.require': 'x', virtual_host: 'y', singlestatement: 'z' },
        'allow',
      ],
    ])('%s', async (_, path, context, expected) => {
      expect(await decide(path, context)).toBe(expected);
    });

    it.each(['/public', '/optional'])('E3 %s needs a session once a scope is required', async (path) => {
      expect(await decide(path, { 'singlestate.require': 'a' }, { authorization: '' })).toBe('no_credential');
      expect(await decide(path, { 'singlestate.require': 'x' })).toBe('insufficient_scope');
      expect(await decide(path, { 'singlestate.require': 'a' })).toBe('allow');
    });
  },
);

describe('H2 context_extensions where no route of the server matches', async () => {
  const [narrow, trust, ignore] = await Promise.all(
    (['narrow', 'trust', 'ignore'] as const).map((contextExtensions) =>
      createScene({ ...CONFIG, contextExtensions }),
    ),
  );

  it.each<[string, Record<string, string>, string | undefined]>([
    ['an app: any session', { 'singlestate.app': 'billing' }, undefined],
    ['a scope', { 'singlestate.require': 'a' }, undefined],
    ['an app and a scope', { 'singlestate.app': 'billing', 'singlestate.require': 'a' }, undefined],
    ['a scope that is not there', { 'singlestate.require': 'x' }, 'insufficient_scope'],
    ['nothing', {}, 'no_route'],
    ["another program's keys", { other: 'x' }, 'no_route'],
    ['an unknown app', { 'singlestate.app': 'unknown' }, 'no_route'],
    ['an inherited name for an app', { 'singlestate.app': 'constructor' }, 'no_route'],
    ['an empty app', { 'singlestate.app': '' }, 'no_route'],
    ['a mistyped key', { 'singlestate.app': 'billing', 'singlestate.scope': 'a' }, 'no_route'],
    ['an empty requirement', { 'singlestate.app': 'billing', 'singlestate.require': '' }, 'no_route'],
  ])('trust lets them decide: %s', async (_, context, reason) => {
    const session = await trust?.open({ scopes: ['a'] });
    const asked = request({
      path: '/nowhere',
      headers: { ...session?.bearer },
      contextExtensions: extensions(context),
    });
    const decision = await trust?.decide(asked);
    expect(decision?.reason).toBe(reason);
    expect(decision?.decision).toBe(reason === undefined ? 'allow' : 'deny');
    expect(await trust?.decide({ ...asked, headers: new Map() })).toMatchObject({ decision: 'deny' });
  });

  it('E3 trust does not reach what could be a path of a route of the server', async () => {
    const session = await trust?.open();
    const contextExtensions = extensions({ 'singlestate.app': 'billing' });
    for (const path of ['/SESSION', '/sessio%6e', '/session//', '/invoices/%2e%2e/x']) {
      const asked = request({ path, headers: { ...session?.bearer }, contextExtensions });
      expect(await trust?.decide(asked), path).toMatchObject({ decision: 'deny', reason: 'no_route' });
    }
  });

  it.each([{ 'singlestate.app': 'billing' }, { 'singlestate.require': 'a' }, {}])(
    'narrow never opens one: %j',
    async (context) => {
      const session = await narrow?.open({ scopes: ['a'] });
      const asked = request({
        path: '/nowhere',
        headers: { ...session?.bearer },
        contextExtensions: extensions(context),
      });
      expect(await narrow?.decide(asked)).toMatchObject({ decision: 'deny', reason: 'no_route' });
    },
  );

  it('ignore reads none of them', async () => {
    const session = await ignore?.open();
    for (const context of [
      { 'singlestate.app': 'reports' },
      { 'singlestate.require': 'x' },
      { 'singlestate.nonsense': '' },
    ]) {
      const contextExtensions = extensions(context);
      const asked = request({ path: '/session', headers: { ...session?.bearer }, contextExtensions });
      expect(await ignore?.decide(asked)).toMatchObject({ decision: 'allow' });
      expect(await ignore?.decide({ ...asked, path: '/nowhere' })).toMatchObject({ reason: 'no_route' });
    }
  });
});

describe('E3 narrow only tightens', () => {
  const match: RouteMatch = {
    route: routeOf({
      app: 'billing',
      access: 'scopes',
      all: [{ text: 'a', parameters: [] }],
      authentication: { acr: ['gold'], amr: [], maxAgeMs: 1_000 },
    }),
    parameters: {},
  };
  const entry = fc.tuple(
    fc.oneof(fc.constantFrom('singlestate.app', 'singlestate.require', 'singlestate.x'), fc.string()),
    fc.oneof(fc.constantFrom('billing', 'a', 'b c', ''), fc.string({ unit: 'binary' })),
  );

  it('whatever they hold, what the route required is required still', () => {
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const policy = { contextExtensions: 'narrow' as const, apps: new Map([['billing', 1]]) };
        const ruling = ruleFor(match, new Map(entries), policy);
        if (!ruling.ok) return;
        const { all, ...rest } = match.route;
        expect(ruling.match.route).toMatchObject(rest);
        expect(ruling.match.route.all).toEqual(expect.arrayContaining([...all]));
        expect(ruleFor(undefined, new Map(entries), policy).ok).toBe(false);
      }),
    );
  });
});
