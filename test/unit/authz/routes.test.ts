import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalPath } from '../../../src/authz/path.ts';
import { compileRoutes, type RouteTable } from '../../../src/authz/routes.ts';
import { naiveMatch, segmentsOf } from './naive-routes.ts';
import { configFrom, tableOf, type RouteInput } from './scene.ts';

const SESSION = { session: true } as const;

function route(
  path: string,
  more: Partial<RouteInput['match']> & Pick<Partial<RouteInput>, 'require' | 'mode'> = {},
): RouteInput {
  const { require = SESSION, mode = 'enforce', ...match } = more;
  return { match: { path, ...match }, require, mode };
}

/** The name and the parameters of the route that a request matches. */
function lookup(table: RouteTable, target: string, method = 'GET', host = 'app.example.com') {
  const path = canonicalPath(target);
  if (!path.ok) throw new Error(path.problem);
  const match = table.match(host, method, path);
  return typeof match === 'object' ? { name: match.route.name, ...match.parameters } : match;
}

const nameOf = (found: ReturnType<typeof lookup>) => (typeof found === 'object' ? found.name : found);

function problemsOf(routes: readonly RouteInput[]): string[] {
  const compiled = compileRoutes(configFrom({ routes }).routes);
  return compiled.ok
    ? []
    : compiled.problems.map(({ index, field, message }) => `routes[${index}].${field}: ${message}`);
}

describe('the most specific rule wins, whatever the order', () => {
  const routes = [
    route('/{rest*}'),
    route('/a/{rest*}'),
    route('/a/{id}'),
    route('/a/b'),
    route('/a/b', { methods: ['PUT', 'POST'] }),
    route('/a/{id}/c'),
    route('/{x}/{y}/c', { host: '*.example.com' }),
    route('/a/b', { host: '*.app.example.com' }),
    route('/a/b', { host: 'x.app.example.com' }),
  ];
  const orders = [routes, routes.toReversed(), [...routes.slice(4), ...routes.slice(0, 4)]];

  it.each([
    ['/', 'other.org', 'GET', '*/{rest*}'],
    ['/a', 'other.org', 'GET', '*/a/{rest*}'],
    ['/a/', 'other.org', 'GET', '*/a/{rest*}'],
    ['/a/b', 'other.org', 'GET', '*/a/b'],
    ['/a/b', 'other.org', 'PUT', 'PUT,POST */a/b'],
    ['/a/x', 'other.org', 'PUT', '*/a/{id}'],
    ['/a/b/c', 'other.org', 'GET', '*/a/{id}/c'],
    ['/a/b/d', 'other.org', 'GET', '*/a/{rest*}'],
    ['/a/b/c/d', 'other.org', 'GET', '*/a/{rest*}'],
    ['/b/b/c', 'other.org', 'GET', '*/{rest*}'],
    ['/b/b/c', 'app.example.com', 'GET', '*.example.com/{x}/{y}/c'],
    ['/b/b', 'app.example.com', 'GET', '*/{rest*}'],
    ['/a/b', 'y.app.example.com', 'GET', '*.app.example.com/a/b'],
    ['/a/b', 'x.app.example.com', 'GET', 'x.app.example.com/a/b'],
    ['/a/b', 'z.x.app.example.com', 'GET', '*.app.example.com/a/b'],
    ['/b/b/c', 'x.app.example.com', 'GET', '*.example.com/{x}/{y}/c'],
    ['/a/b', 'app.example.com', 'GET', '*/a/b'],
    ['/a/b', 'example.com', 'GET', '*/a/b'],
  ])('%s of %s by %s is for %s', (path, host, method, name) => {
    for (const order of orders) expect(nameOf(lookup(tableOf(order), path, method, host))).toBe(name);
  });

  it('what no rule matches has no route', () => {
    const table = tableOf([route('/a'), route('/b', { methods: ['PUT'] }), route('/c', { host: 'c.org' })]);
    expect(lookup(table, '/')).toBeUndefined();
    expect(lookup(table, '/a/b')).toBeUndefined();
    expect(lookup(table, '/b')).toBeUndefined();
    expect(lookup(table, '/c')).toBeUndefined();
    expect(lookup(tableOf([]), '/')).toBeUndefined();
    expect(table.size).toBe(3);
  });

  it('HEAD is matched by a rule for GET where none names HEAD, as apps answer it by GET', () => {
    const table = tableOf([
      route('/a', { methods: ['GET'] }),
      route('/b', { methods: ['GET'] }),
      route('/b', { methods: ['HEAD'] }),
      route('/{rest*}', { require: { public: true } }),
    ]);
    expect(nameOf(lookup(table, '/a', 'HEAD'))).toBe('GET */a');
    expect(nameOf(lookup(table, '/b', 'HEAD'))).toBe('HEAD */b');
    expect(nameOf(lookup(table, '/a', 'POST'))).toBe('*/{rest*}');
  });

  it('parameters have the values of their own rule, decoded', () => {
    const table = tableOf([
      route('/t/{tenant}/u/{user}'),
      route('/t/{id}'),
      route('/{__proto__}/{constructor}'),
    ]);
    expect(lookup(table, '/t/a%20b/u/%C3%A9')).toMatchObject({ tenant: 'a b', user: 'é' });
    expect(lookup(table, '/t/100%25')).toMatchObject({ id: '100%' });
    expect(lookup(table, '/t/a%3Fb%23c')).toMatchObject({ id: 'a?b#c' });
    expect(Object.entries(lookup(table, '/x/y') ?? {})).toEqual(
      expect.arrayContaining([
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ]),
    );
  });

  it('characters that mean something to the router or to patterns are plain text', () => {
    const literals = [
      'a:b',
      ':a',
      '::',
      'a::b:',
      '(a)',
      'a(.+)',
      'a-b',
      'a.b',
      '+',
      '$',
      '^',
      '[a]',
      'café',
      '😀',
      '@me',
      '~u',
      '!',
      '|',
    ];
    const table = tableOf([...literals.map((literal) => route(`/l/${literal}`)), route('/{x}/{y}')]);
    for (const literal of literals) {
      expect(nameOf(lookup(table, `/l/${encodeURIComponent(literal).replaceAll('%7E', '~')}`))).toBe(
        `*/l/${literal}`,
      );
      expect(lookup(table, `/m/${encodeURIComponent(literal)}`)).toMatchObject({ y: literal });
    }
  });
});

describe('an app may read a path in another way than the route table', () => {
  const table = tableOf([
    route('/public/{rest*}', { require: { public: true } }),
    route('/admin/{rest*}', { require: { all: ['admin'] } }),
    route('/me'),
    route('/API/{id}'),
    route('/{rest*}', { require: { optional: true } }),
  ]);

  it.each([
    ['E3 Express ignores case', '/ADMIN/users'],
    ['E3 so does IIS', '/aDmin'],
    ['E3 a literal that is written in capitals', '/api/1'],
    ['E3 not every app decodes before it matches', '/%70ublic/x'],
    ['E3 nor merges slashes', '/me//'],
    ['E3 nor takes dots out', '/./admin/users'],
  ])('%s: %s is ambiguous', (_, path) => {
    expect(lookup(table, path)).toBe('ambiguous');
  });

  it.each([
    ['/public/A/b', '*/public/{rest*}'],
    ['/public//a', '*/public/{rest*}'],
    ['/public/./%61', '*/public/{rest*}'],
    ['/API/A', '*/API/{id}'],
    ['/Other/%7Euser', '*/{rest*}'],
  ])('%s is for %s however it is read', (path, name) => {
    expect(nameOf(lookup(table, path))).toBe(name);
  });

  it('E3 where /a may be open and /a/{rest*} may not, /a/ is for the latter', () => {
    const open = [{ public: true }, { optional: true }];
    for (const require of open) {
      const pair = tableOf([route('/a', { require }), route('/a/{rest*}')]);
      expect(nameOf(lookup(pair, '/a'))).toBe('*/a');
      expect(nameOf(lookup(pair, '/a/'))).toBe('*/a/{rest*}');
    }
    const shadow = tableOf([route('/{x}', { mode: 'shadow' }), route('/{y}/{rest*}')]);
    expect(lookup(shadow, '/b/')).toMatchObject({ name: '*/{y}/{rest*}', y: 'b' });
  });

  it('a trailing slash is ignored everywhere else', () => {
    const open = { require: { public: true } };
    const pair = tableOf([
      route('/a', open),
      route('/a/{rest*}', open),
      route('/b'),
      route('/b/{rest*}', open),
      route('/c', open),
    ]);
    expect(nameOf(lookup(pair, '/a/'))).toBe('*/a');
    expect(nameOf(lookup(pair, '/b/'))).toBe('*/b');
    expect(nameOf(lookup(pair, '/c/'))).toBe('*/c');
  });
});

describe('wrong rules are told, all at once', () => {
  it.each([
    ['//', 'has an empty segment'],
    ['/a//b', 'has an empty segment'],
    ['/a//', 'has an empty segment'],
    ['/./a', 'has a "." segment, which never matches'],
    ['/a/..', 'has a ".." segment, which never matches'],
    ['/a%20b', 'segment "a%20b" must be plain text, written decoded'],
    ['/a b', 'segment "a b" must be plain text'],
    ['/a?b', 'segment "a?b" must be plain text'],
    ['/a#b', 'segment "a#b" must be plain text'],
    ['/a;b', 'segment "a;b" must be plain text'],
    ['/a\\b', 'segment "a\\b" must be plain text'],
    ['/*', 'segment "*" must be plain text'],
    ['/a*', 'segment "a*" must be plain text'],
    ['/{id}.json', 'segment "{id}.json" must be plain text'],
    ['/a{id}', 'segment "a{id}" must be plain text'],
    ['/{}', 'segment "{}" must be plain text'],
    ['/{Id}', 'segment "{Id}" must be plain text'],
    ['/{a-b}', 'segment "{a-b}" must be plain text'],
    ['/{rest*}/a', '{rest*} must be the last segment'],
    ['/{a}/b/{a}', '{a} is there twice'],
    ['/{a}/{a*}', '{a} is there twice'],
  ])('%s %s', (path, message) => {
    expect(problemsOf([route('/fine'), route(path)])).toEqual([
      expect.stringContaining(`routes[1].match: ${message}`),
    ]);
  });

  it('a scope names a parameter that the path does not have, or a {rest*}', () => {
    const require = { all: ['t:{t}:read', 't:{rest}:read'] };
    expect(problemsOf([route('/a/{tenant}/{rest*}', { require })])).toEqual([
      'routes[0].require: scope "t:{t}:read" uses {t}, which is no one-segment parameter of the path /a/{tenant}/{rest*}',
      'routes[0].require: scope "t:{rest}:read" uses {rest}, which is no one-segment parameter of the path /a/{tenant}/{rest*}',
    ]);
  });

  it.each<[string, RouteInput, RouteInput, string]>([
    ['the same path', route('/a'), route('/a'), 'ties with routes[0] (/a) for every method: both match */a'],
    [
      'a trailing slash',
      route('/a'),
      route('/a/'),
      'ties with routes[0] (/a) for every method: both match */a/',
    ],
    [
      'other names',
      route('/{a}/b'),
      route('/{c}/b'),
      'ties with routes[0] (/{a}/b) for every method: both match */{c}/b',
    ],
    [
      'two rests',
      route('/a/{b*}'),
      route('/a/{c*}'),
      'ties with routes[0] (/a/{b*}) for every method: both match */a/{c*}',
    ],
    [
      'one method',
      route('/a', { methods: ['GET', 'PUT'] }),
      route('/a', { methods: ['PUT', 'POST'] }),
      'ties with routes[0] (/a) for PUT: both match */a',
    ],
    [
      'one host',
      route('/a', { host: '*.b.c' }),
      route('/a', { host: '*.b.c' }),
      'ties with routes[0] (/a) for every method: both match *.b.c/a',
    ],
    [
      'case',
      route('/a/B'),
      route('/A/b'),
      'ties with routes[0] (/a/B) for every method: both match */A/b, if case is ignored',
    ],
  ])('two rules tie by %s', (_, first, second, message) => {
    expect(problemsOf([first, second])).toEqual([`routes[1].match: ${message}`]);
  });

  it.each<[string, RouteInput, RouteInput]>([
    ['a rule that names the method and one that does not', route('/a'), route('/a', { methods: ['GET'] })],
    ['other methods', route('/a', { methods: ['PUT'] }), route('/a', { methods: ['GET'] })],
    ['a path and the rest below it', route('/a'), route('/a/{rest*}')],
    ['a literal and a parameter', route('/a'), route('/{a}')],
    ['a host and its suffix', route('/a', { host: 'x.y.z' }), route('/a', { host: '*.y.z' })],
  ])('%s do not tie', (_, first, second) => {
    expect(problemsOf([first, second])).toEqual([]);
  });

  it('one method twice in a rule is one method', () => {
    expect(problemsOf([route('/a', { methods: ['GET', 'GET'] })])).toEqual([]);
  });
});

const LITERALS = ['a', 'b', 'ab', 'a-b', 'x:y', 'é', 'C'];
const METHODS = ['GET', 'PUT', 'HEAD'];
const HOSTS = ['*', 'a.b.c', '*.b.c', '*.c', 'b.c'];

const template = fc
  .tuple(fc.array(fc.constantFrom(...LITERALS, '{}', '{}'), { maxLength: 4 }), fc.boolean())
  .map(([parts, rest]) => {
    const named = parts.map((part, at) => (part === '{}' ? `{p${at}}` : part));
    return `/${[...named, ...(rest ? ['{rest*}'] : [])].join('/')}`;
  });
const rule = fc
  .record({
    path: template,
    host: fc.constantFrom(...HOSTS),
    methods: fc.option(fc.uniqueArray(fc.constantFrom(...METHODS), { minLength: 1 }), { nil: undefined }),
  })
  .map(({ path, host, methods }) => route(path, { host, ...(methods && { methods }) }));
const segments = fc.array(fc.constantFrom(...LITERALS, 'c', 'A', 'z', 'a?b', '100%', ':'), { maxLength: 5 });
const asked = fc.record({
  segments,
  host: fc.constantFrom('a.b.c', 'x.b.c', 'b.c', 'c', 'x.a.b.c', 'other'),
  method: fc.constantFrom(...METHODS, 'PATCH'),
});

function lowerCase(routes: readonly RouteInput[]): RouteInput[] {
  return routes.map((one) => ({ ...one, match: { ...one.match, path: one.match.path.toLowerCase() } }));
}

/** Without the rules that are told to tie with an earlier one. */
function untied(routes: readonly RouteInput[]): readonly RouteInput[] {
  const compiled = compileRoutes(configFrom({ routes }).routes);
  return compiled.ok
    ? routes
    : routes.filter((_, index) => !compiled.problems.some((problem) => problem.index === index));
}

describe('the compiled table and the plain rule agree', () => {
  it('H2 on the route and on its parameters, for any table and any request', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 25 }),
        fc.array(asked, { minLength: 20, maxLength: 20 }),
        (some, requests) => {
          const routes = untied(some);
          const table = tableOf(routes);
          for (const { segments: parts, host, method } of requests) {
            const path = canonicalPath(`/${parts.map(encodeURIComponent).join('/')}`);
            if (!path.ok) throw new Error(path.problem);
            const match = table.match(host, method, path);
            const expected = naiveMatch(routes, { host, method, segments: parts });
            const inAnyCase = naiveMatch(lowerCase(routes), {
              host,
              method,
              segments: parts.map((part) => part.toLowerCase()),
            });
            expect(match === 'ambiguous').toBe(inAnyCase?.index !== expected?.index);
            if (match === 'ambiguous') continue;
            expect(match?.route.name).toBe(expected && nameOfRule(routes[expected.index]));
            if (expected) expect(match?.parameters).toMatchObject(expected.parameters);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it(
    'E3 two rules of which neither is more specific are an error, and no others',
    { timeout: 60_000 },
    () => {
      fc.assert(
        fc.property(rule, rule, (a, b) => {
          const shape = (path: string) =>
            segmentsOf(path.replaceAll(/\{p\d\}/g, '{}'))
              .join('/')
              .toLowerCase();
          const [first, second] = [a.match, b.match];
          const overlap =
            first.methods === undefined || second.methods === undefined
              ? first.methods === second.methods
              : first.methods.some((method) => second.methods?.includes(method));
          const tie = first.host === second.host && shape(first.path) === shape(second.path) && overlap;
          expect(problemsOf([a, b])).toHaveLength(tie ? 1 : 0);
        }),
      );
    },
  );
});

function nameOfRule(input: RouteInput | undefined): string {
  const { methods, host = '*', path } = input?.match ?? { path: '' };
  return `${methods ? `${methods.join(',')} ` : ''}${host}${path}`;
}
