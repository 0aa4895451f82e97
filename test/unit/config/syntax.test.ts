import { describe, expect, it } from 'vitest';
import { configOf, load, MINIMAL, problemsOf } from './minimal.ts';

const QUOTE_IN_FLOW = 'inside { } and [ ], a text that holds any of { } [ ] , must be in quotes';
const MISFIT = 'does not fit here: look for wrong indentation or a missing quote, bracket or ":" before it';
const NOT_A_KEY = 'is not a key: look for a missing ":" or a missing space after ":"';

describe('a text that is not YAML 1.2', () => {
  const CASES: [fault: string, text: string, problems: string[]][] = [
    [
      'a path template without quotes in { }',
      'a: { path: /x/{id} }',
      [`1:15 has an unexpected "{" here; ${QUOTE_IN_FLOW}`],
    ],
    [
      'a variable without quotes in { }',
      'a: { url: ${URL} }',
      [`1:12 has an unexpected "{" here; ${QUOTE_IN_FLOW}`],
    ],
    [
      'a bracket that stays open',
      'a: [1, 2\nb: 3',
      [`2:1 ends a { or [ that was not closed; ${QUOTE_IN_FLOW}`],
    ],
    [
      'a "*" alone',
      'a:\n  host: *',
      ['2:9 begins with "*", which has a meaning in YAML: put the text in quotes'],
    ],
    [
      'a reserved character',
      'a: @x',
      ['1:4 begins with "@", which has a meaning in YAML: put the text in quotes'],
    ],
    ['a backquote', 'a: `x`', ['1:4 begins with "`", which has a meaning in YAML: put the text in quotes']],
    ['a tab', 'a:\n\tb: 1', ['2:1 must be indented with spaces, not with tabs']],
    [
      'keys that do not line up',
      'a:\n  b: 1\n c: 2',
      ['3:1 must begin at the same column as the keys or items beside it'],
    ],
    ['a key to the left of the first', ' a: 1\nb: 2', [`2:1 ${MISFIT}`]],
    [
      'a quote that stays open, said where it begins',
      'a: 1\nb: "x\nc: 1\nd: 2',
      ['2:4 opens a quote that is never closed'],
    ],
    [
      'two keys on one line',
      'a: b: c',
      [
        '1:4 has a second key or item on one line: put it on the next line, or put a text that holds ": " in quotes',
      ],
    ],
    ['a missing space after ":"', 'a:1\nb: 2', [`1:1 ${NOT_A_KEY}`]],
    [
      'a second document',
      'a: 1\n---\nb: 2',
      ['2:1 begins a second document ("---"): the file must hold one'],
    ],
    [
      'a tag',
      'a: !secret 1',
      [
        '1:4 has a tag ("!"), which is not supported: remove it, or put a text that begins with "!" in quotes',
      ],
    ],
    [
      'a tag of YAML 1.1',
      'a: !!binary aGk=',
      [
        '1:4 has a tag ("!"), which is not supported: remove it, or put a text that begins with "!" in quotes',
      ],
    ],
    ['a list as a key', '? [a]\n: 1', ['1:3 must have a text as its key']],
    [
      'an escape that does not exist',
      'a: "C:\\x"',
      ['1:7 has an unknown escape in a "text": write \\\\ for a backslash, or use single quotes'],
    ],
    ['YAML 1.1', '%YAML 1.1\n---\na: yes', ['1:1 must be YAML 1.2: remove the %YAML directive']],
    [
      'faults in several lines',
      'a: @x\nb: 1\nc: `y',
      [
        '1:4 begins with "@", which has a meaning in YAML: put the text in quotes',
        '3:4 begins with "`", which has a meaning in YAML: put the text in quotes',
      ],
    ],
  ];
  it.each(CASES)('is refused for %s, with its line', (_fault, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });

  it('is refused where it begins to be wrong, not for every line after it', () => {
    expect(problemsOf('a: { path: /x/{id} }\nb: 1\nc: 2')).toEqual([
      `1:15 has an unexpected "{" here; ${QUOTE_IN_FLOW}`,
    ]);
  });

  it('is refused when it is nested without end', () => {
    expect(problemsOf('['.repeat(20_000))).toEqual([expect.stringMatching(/^1:\d+ is nested too deeply$/)]);
    const deep = `${MINIMAL}apps: ${'['.repeat(100)}${']'.repeat(100)}`;
    expect(problemsOf(deep)).toContainEqual(
      expect.stringMatching(/^7:\d+ apps(\[0\])+: is nested too deeply$/),
    );
  });
});

describe('a file without configuration', () => {
  it.each([
    ['', '1:1 is empty: it needs at least the keys store and token'],
    ['# all commented out\n', '1:1 is empty: it needs at least the keys store and token'],
    ['null', '1:1 is empty: it needs at least the keys store and token'],
    ['- store', '1:1 must be a mapping ("key: value"), not a list'],
    ['store', '1:1 must be a mapping ("key: value"), not a text'],
  ])('%j is refused', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });
});

describe('YAML 1.2', () => {
  it('is read as JSON too, and with a byte order mark', () => {
    const json = JSON.stringify({
      store: { url: 'memory:' },
      token: { issuer: 'https://sessions.example.com', keysDir: '/keys' },
    });
    expect(configOf(json)).toEqual(configOf(`\uFEFF${MINIMAL.replace('keys\n', '/keys\n')}`));
  });

  it('takes yes, no and on for texts', () => {
    const { identityProviders } = configOf(
      `${MINIMAL}identityProviders: [{ name: no, issuer: https://a.example, clientId: on }]`,
    );
    expect(identityProviders[0]).toMatchObject({ name: 'no', clientId: 'on' });
  });

  it('says lines of a file with Windows line ends', () => {
    expect(problemsOf(`${MINIMAL}chek: {}\n`.replaceAll('\n', '\r\n'))).toEqual([
      '7:1 chek: is not a known key; did you mean "check"?',
    ]);
  });
});

describe('keys', () => {
  it('that are given twice are named with the line of the first, which counts', () => {
    expect(problemsOf(`${MINIMAL}check: { deadline: 5 }\nlog: {}\ncheck: {}\n`)).toEqual([
      '7:20 check.deadline: must be a duration: one whole number and its unit (ms, s, m, h or d), such as "250ms" or "12h"',
      '9:1 check: is given twice: first in line 7',
    ]);
  });

  it.each([
    ['__proto__', 'is not a name that can be used'],
    [
      '<<',
      'is a merge key, which YAML 1.2 does not have: write the keys out, or use an alias for the whole value',
    ],
  ])('%s is refused, also where any name goes', (key, message) => {
    expect(problemsOf(`${MINIMAL}apps: { ${key}: {} }`)).toEqual([
      expect.stringMatching(`^7:9 apps[^ ]*: ${message.replaceAll(/[()]/g, '\\$&')}$`),
    ]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe('aliases', () => {
  const ROUTES = `${MINIMAL}routes:
  - match: { path: /a }
    require: &read { all: ["a:read"] }
  - match: { path: /b }
    require: *read
`;
  it('stand for whole values', () => {
    const { routes } = configOf(ROUTES);
    expect(routes.map((route) => route.require)).toEqual([{ all: ['a:read'] }, { all: ['a:read'] }]);
  });

  it('mean what stands before them, whatever the name is given to later', () => {
    const { apps } = configOf(`${MINIMAL}apps:
  a: &x { reads: &r { scopes: &s [one] } }
  b: { reads: &q { scopes: *s } }
  c: { reads: { scopes: &s [two] } }
  d: *x
  e: { reads: *r }
  f: { reads: *q }
  g: { reads: { scopes: *s } }
`);
    expect(
      Object.values(apps)
        .map((app) => app.reads.scopes[0])
        .join(' '),
    ).toBe('one one two one one one two');
  });

  it('of something faulty give its line, under each path', () => {
    expect(problemsOf(ROUTES.replace('"a:read"', '""'))).toEqual([
      expect.stringMatching(/^9:28 routes\[0\]\.require\.all\[0\]: must be a scope/),
      expect.stringMatching(/^9:28 routes\[1\]\.require\.all\[0\]: must be a scope/),
    ]);
  });

  it('of nothing are taken for a text without quotes', () => {
    expect(
      problemsOf(
        `${MINIMAL}routes:\n  - match: { host: *.example.com, path: / }\n    require: { public: true }`,
      ),
    ).toEqual([
      '8:20 routes[0].match.host: is a YAML alias of an anchor that does not exist: put a text that begins with "*" in quotes',
    ]);
  });

  it('can neither hold themselves nor grow without bound', () => {
    expect(problemsOf(`${MINIMAL}routes: &r [*r]`)).toEqual([
      '7:13 routes[0]: is an alias of something that holds it',
    ]);
    const laughs = Array.from({ length: 20 }, (_, level) =>
      level === 0 ? 'l0: &l0 [x]' : `l${level}: &l${level} [${`*l${level - 1}, `.repeat(10)}]`,
    );
    const loaded = load(laughs.join('\n'));
    expect(loaded.ok ? [] : loaded.problems.map(({ message }) => message)).toContain(
      'is one alias too many: together they stand for more than 10000 values',
    );
  });
});
