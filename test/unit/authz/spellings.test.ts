/** What apps make of a request target, and that none of them is led past the rule which protects what it serves. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalPath } from '../../../src/authz/path.ts';
import { mayBeOpen } from '../../../src/authz/routes.ts';
import { naiveMatch } from './naive-routes.ts';
import { createScene, request, tableOf, type RouteInput } from './scene.ts';

/** How one kind of app finds the segments that it matches its own routes by. */
interface Reader {
  readonly name: string;
  readonly ignoresCase: boolean;
  /** Undefined where it would answer an error by itself. */
  read(rawPath: string): string[] | undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Takes out empty and `.` segments and resolves `..`, as file systems and most frameworks do. */
function cleaned(segments: readonly string[]): string[] {
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return kept;
}

/** Without the slash at either end, which none of them counts. */
function split(path: string): string[] {
  return path.replace(/^\//, '').replace(/\/$/, '').split('/');
}

const present = (segments: readonly (string | undefined)[]) =>
  segments.includes(undefined) ? undefined : (segments as string[]);

const READERS: readonly Reader[] = [
  {
    name: 'Go, nginx, Tomcat: decode, then merge slashes and resolve dots',
    ignoresCase: false,
    read: (raw) => {
      const path = decoded(raw);
      return path === undefined ? undefined : cleaned(path.split('/'));
    },
  },
  {
    name: 'Spring: cut path parameters off, then decode each segment',
    ignoresCase: false,
    read: (raw) => {
      const segments = present(raw.split('/').map((segment) => decoded(segment.replace(/;.*/, ''))));
      return segments && cleaned(segments);
    },
  },
  {
    name: 'Express: nothing is decoded that needed no encoding, nothing merged, case ignored',
    ignoresCase: true,
    read: (raw) =>
      present(
        split(raw).map((segment) =>
          decoded(segment.replace(/%(?=2[DE]|3\d|[46][1-9A-F]|[57][0-9A]|5F|7E)/gi, '%25')),
        ),
      ),
  },
  {
    name: 'PHP by hand: decode, then split, empty ones too',
    ignoresCase: false,
    read: (raw) => {
      const path = decoded(raw);
      return path === undefined ? undefined : split(path);
    },
  },
  {
    name: 'IIS: as Windows reads paths',
    ignoresCase: true,
    read: (raw) => {
      const path = decoded(raw);
      return path === undefined ? undefined : cleaned(path.replaceAll('\\', '/').split('/'));
    },
  },
  {
    name: "Node's new URL()",
    ignoresCase: false,
    read: (raw) => {
      if (!URL.canParse(raw, 'http://app')) return undefined;
      return present(split(new URL(raw, 'http://app').pathname).map(decoded));
    },
  },
  {
    name: 'Rails: merge slashes, decode each segment, ignore what comes after ;',
    ignoresCase: false,
    read: (raw) =>
      present(
        raw
          .replace(/;.*/, '')
          .split('/')
          .filter((segment) => segment !== '')
          .map(decoded),
      ),
  },
];

const LITERALS = ['a', 'b', 'ab', 'a-b', 'admin', 'x.y', 'é', 'Z'];

/** One character of a segment as a client may write it. */
function spelled(character: string): fc.Arbitrary<string> {
  const escape = [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const plain = /[^\x00-\x7f]/.test(character) ? escape : character;
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(plain) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(escape, escape.toUpperCase(), plain.toUpperCase(), plain.toLowerCase()),
    },
    { weight: 1, arbitrary: fc.constant(escape.replace('%', '%25')) },
  );
}

const spelledSegment = (segment: string) =>
  fc.tuple(...Array.from(segment, spelled)).map((characters) => characters.join(''));

const separator = fc.oneof(
  { weight: 12, arbitrary: fc.constant('/') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('//', '/./', '/%2e/', '/%2E/', '///', '/.//'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '/x/../',
      '/x/%2e%2e/',
      '%2f',
      '%2F',
      '%5c',
      '\\',
      '/;/',
      '/;a=b/',
      '/..;/',
      '%252f',
      '/%00/',
      '/%0a/',
    ),
  },
);

const ending = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('', '', '', '/', '/', '//', '/.', '?q', '/?q=/../a') },
  { weight: 1, arbitrary: fc.constantFrom(';a', '%3b', '#', '%00', '%20', '.', '/..', '/%2e%2e', '%0d%0a') },
);

/** A request target that is `segments` in some spelling. */
function spelling(segments: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.tuple(...segments.map(() => separator)), fc.tuple(...segments.map(spelledSegment)), ending)
    .map(([separators, written, end]) => {
      const path = written.map((segment, at) => `${separators[at] ?? '/'}${segment}`).join('');
      return `${path === '' ? '/' : path}${end}`;
    });
}

const rule = fc
  .record({
    parts: fc.array(fc.constantFrom(...LITERALS, '{}'), { maxLength: 3 }),
    rest: fc.boolean(),
    require: fc.constantFrom<RouteInput['require'][]>(
      { public: true },
      { optional: true },
      { session: true },
      { all: ['s'] },
    ),
    mode: fc.constantFrom<('enforce' | 'shadow')[]>('enforce', 'enforce', 'enforce', 'shadow'),
  })
  .map(({ parts, rest, require, mode }): RouteInput => {
    const named = parts.map((part, at) => (part === '{}' ? `{p${at}}` : part));
    return { match: { path: `/${[...named, ...(rest ? ['{rest*}'] : [])].join('/')}` }, require, mode };
  });

const rules = fc.uniqueArray(rule, {
  maxLength: 12,
  selector: ({ match }) => match.path.replaceAll(/p\d/g, '').toLowerCase(),
});

const asked = fc
  .array(fc.constantFrom(...LITERALS, 'c'), { maxLength: 4 })
  .chain((segments) => spelling(segments));

function rulesFor(reader: Reader, routes: readonly RouteInput[], segments: readonly string[]) {
  const fold = (text: string) => (reader.ignoresCase ? text.toLowerCase() : text);
  const folded = routes.map((one) => ({ ...one, match: { path: fold(one.match.path) } }));
  return naiveMatch(folded, { host: 'app', method: 'GET', segments: segments.map(fold) })?.index;
}

describe('E3 whatever an app makes of an accepted spelling, the rule for that decided', () => {
  it.each(READERS)('$name', { timeout: 60_000 }, (reader) => {
    fc.assert(
      fc.property(rules, fc.array(asked, { minLength: 30, maxLength: 30 }), (routes, targets) => {
        const table = tableOf(routes);
        for (const target of targets) {
          const path = canonicalPath(target);
          const match = path.ok ? table.match('app', 'GET', path) : undefined;
          if (match === undefined || match === 'ambiguous') continue;
          const segments = reader.read(target.replace(/\?.*/, ''));
          if (segments === undefined) continue;
          const served = rulesFor(reader, routes, segments.join('') === '' ? [] : segments);
          const name = served === undefined ? undefined : `*${routes[served]?.match.path ?? ''}`;
          if (match.route.name === name) continue;
          // The one exception: /a/ may be left to a rule for /a/{rest*} that is stricter.
          expect({ target, by: match.route.name, serves: name, open: mayBeOpen(match.route) }).toMatchObject({
            by: expect.stringMatching(/\*\}$/) as string,
            open: false,
          });
          expect(path).toMatchObject({ trailingSlash: true });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('a variant of a protected path never lands on a rule that may be open', { timeout: 60_000 }, () => {
    const closed = rules.filter(
      (routes) => !routes.every(({ require }) => 'session' in require || 'all' in require),
    );
    const variants = fc
      .array(fc.constantFrom(...LITERALS), { maxLength: 4 })
      .chain((segments) =>
        fc.tuple(fc.constant(segments), fc.array(spelling(segments), { minLength: 20, maxLength: 20 })),
      );
    fc.assert(
      fc.property(closed, variants, (routes, [segments, targets]) => {
        const table = tableOf(routes);
        const plain = canonicalPath(`/${segments.map(encodeURIComponent).join('/')}`);
        const protecting = plain.ok ? table.match('app', 'GET', plain) : undefined;
        fc.pre(typeof protecting === 'object' && !mayBeOpen(protecting.route));
        // What says `..` or goes on with other characters is another path, not a spelling of this one.
        for (const target of targets.filter((text) => !/\.\.|%2e%2e|x\/|%20|\.$/i.test(text))) {
          const path = canonicalPath(target);
          const match = path.ok ? table.match('app', 'GET', path) : undefined;
          if (typeof match === 'object')
            expect([target, match.route.name]).toEqual([target, protecting.route.name]);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('E3 without a session no spelling of a protected path is let through', async () => {
  const scene = await createScene({
    routes: [
      { match: { path: '/public/{rest*}' }, require: { public: true } },
      { match: { path: '/admin/{rest*}' }, require: { all: ['admin'] } },
      { match: { path: '/me' }, require: { session: true } },
      { match: { path: '/shop' }, require: { public: true } },
      { match: { path: '/shop/{rest*}' }, require: { session: true } },
      { match: { path: '/{rest*}' }, require: { optional: true } },
    ],
  });

  it.each([
    '/admin',
    '/admin/',
    '/Admin',
    '/ADMIN/',
    '/%61dmin',
    '/%41dmin',
    '/admin//',
    '//admin',
    '/./admin',
    '/admin/.',
    '/admin/%2e',
    '/public/../admin',
    '/public/%2e%2e/admin',
    '/public/..%2fadmin',
    '/public%2f..%2fadmin',
    '/public/..;/admin',
    '/public;/../admin',
    '/admin;x',
    '/admin%3bx',
    '/;/admin',
    '/admin#',
    '/admin%23/../..',
    '/admin%00',
    '/%00admin',
    '/admin%0a',
    '/admin%20/..',
    '/admin\\',
    '\\admin',
    '/public\\..\\admin',
    '/admin%5c',
    '/public/%252e%252e/admin',
    '/%2561dmin',
    '/%c0%afadmin',
    '/adm%ff',
    'admin',
    'http://app.example.com/admin',
    '*',
    '',
    '?',
    '/me/',
    '/ME',
    '/m%65',
    '/me//',
    '/me/.',
    '/shop/',
    '/shop//',
    '/SHOP/',
    '/shop/cart',
    '/shop/%63art',
  ])('%j', async (path) => {
    expect(await scene.decide(request({ path }))).toMatchObject({ decision: 'deny' });
  });

  it.each(['', 'get', 'Get', 'CONNECT', 'GET ', 'GET\n', ' GET', 'GÉT', '*', 'GET,PUT', 'G\0T', '__proto__'])(
    'by the method %j',
    async (method) => {
      const decision = await scene.decide(request({ path: '/public/a', method }));
      expect(decision).toMatchObject({ decision: 'deny', reason: 'no_route' });
    },
  );

  it('and the open ones are open', async () => {
    for (const path of ['/public/a', '/public/A//b/', '/shop', '/other', '/x?next=/../admin;%2f']) {
      expect(await scene.decide(request({ path })), path).toMatchObject({
        decision: 'allow',
        session: undefined,
      });
    }
  });
});
