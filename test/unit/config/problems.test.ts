import { describe, expect, it } from 'vitest';
import { load, MINIMAL, problemsOf } from './minimal.ts';

const NO_DURATION =
  'must be a duration: one whole number and its unit (ms, s, m, h or d), such as "250ms" or "12h"';
const NO_SIZE = 'must be a size: one whole number and its unit (B, KiB or MiB), such as "16KiB"';
const NO_SCOPE =
  'must be a scope: printable ASCII without spaces, quotes and backslashes (RFC 6749 section 3.3)';
const NO_NAME =
  'must be at most 63 lower-case letters, digits and "-", and begin and end with a letter or digit';
const NO_ADDRESS = 'must be "HOST:PORT", ":PORT" (all addresses), "[IPV6]:PORT" or "unix:PATH"';
const NO_ISSUER = 'must be an http: or https: URL, without a user, password, query or fragment';
const OWN_PREFIX =
  'must be a prefix of your own, such as "x-session-": every header of a client that begins with it is removed';

/** A route in block style, with its `require` in line 9. */
const route = (require: string, more = '') =>
  `routes:\n  - match: { path: /a }\n    require: ${require}\n${more}`;

describe('each fault of a value is said with its line, its path and what would be right', () => {
  const CASES: [text: string, ...problems: string[]][] = [
    // What kind of value it is.
    ['check: 5', '7:8 check: must be a mapping ("key: value"), not a number'],
    ['check:', '7:1 check: has no value: give it one, or remove it'],
    ['check: {}\nlog: ~', '8:6 log: has no value: give it one, or remove it'],
    ['check:\n  - deadline: 1s', '7:1 check: must be a mapping ("key: value"), not a list'],
    ['routes: { a: 1 }', '7:1 routes: must be a list, not a mapping'],
    ['operators: x', '7:12 operators: must be a list, not a text'],
    ['token2: 1', '7:1 token2: is not a known key; did you mean "token"?'],
    ['apps: { a: { assertion: "yes" } }', '7:25 apps.a.assertion: must be true or false, not a text'],
    [
      'apps: { a: { reads: { scopes: [5] } } }',
      '7:32 apps.a.reads.scopes[0]: must be a text, not a number: put it in quotes',
    ],
    [
      'apps: { a: { reads: { scopes: [true] } } }',
      '7:32 apps.a.reads.scopes[0]: must be a text, not true or false: put it in quotes',
    ],
    ['apps: { a: { reads: { scopes: a } } }', '7:31 apps.a.reads.scopes: must be a list, not a text'],
    [
      'apps: { a: { reads: { attributes: [a_b, a-b] } } }',
      '7:41 apps.a.reads.attributes[1]: must differ from "a_b" in more than "_" and "-": both are the header ...-a-b',
    ],
    ['check: { maxInFlight: "5" }', '7:23 check.maxInFlight: must be a number, not a text'],
    ['check: { maxInFlight: 1.5 }', '7:23 check.maxInFlight: must be a whole number'],
    // How large it is.
    ['check: { maxInFlight: 0 }', '7:23 check.maxInFlight: must be at least 1'],
    ['check: { maxInFlight: 1000001 }', '7:23 check.maxInFlight: must be at most 1000000'],
    ['check: { deadline: 61s }', '7:20 check.deadline: must be from 1ms to 60s'],
    ['check: { deadline: 250 }', `7:20 check.deadline: ${NO_DURATION}`],
    ['check: { deadline: 1h30m }', `7:20 check.deadline: ${NO_DURATION}`],
    ['check: { deadline: 1.5s }', `7:20 check.deadline: ${NO_DURATION}`],
    ['check: { drainDelay: 0 }', `7:22 check.drainDelay: ${NO_DURATION}`],
    ['session: { maxBytes: 16k }', `7:22 session.maxBytes: ${NO_SIZE}`],
    ['session: { maxBytes: 2MiB }', '7:22 session.maxBytes: must be from 1KiB to 1MiB'],
    // Which word it is.
    [
      'contextExtensions: tust',
      '7:20 contextExtensions: must be one of narrow, trust, ignore; did you mean "trust"?',
    ],
    ['log: { level: verbose }', '7:15 log.level: must be one of debug, info, warn, error, silent'],
    // What form it has.
    ['listen: { check: 9001 }', '7:18 listen.check: must be a text, not a number: put it in quotes'],
    ['listen: { check: "9001" }', `7:18 listen.check: ${NO_ADDRESS}`],
    ['listen: { check: "http://x:1" }', `7:18 listen.check: ${NO_ADDRESS}`],
    ['listen: { check: ":65536" }', '7:18 listen.check: must have a port of at most 65535'],
    [
      'headers: { prefix: X-Session- }',
      '7:20 headers.prefix: must be lower-case words that each end in "-", such as "x-session-"',
    ],
    ['headers: { prefix: x- }', `7:20 headers.prefix: ${OWN_PREFIX}`],
    ['headers: { prefix: x-forwarded- }', `7:20 headers.prefix: ${OWN_PREFIX}`],
    ['apps: { Billing: {} }', `7:9 apps.Billing: ${NO_NAME}`],
    ['apps: { "a b": {} }', `7:9 apps["a b"]: ${NO_NAME}`],
    ['apps: { a: { reads: { scopes: ["a b"] } } }', `7:32 apps.a.reads.scopes[0]: ${NO_SCOPE}`],
    // Keys.
    ['chek: {}', '7:1 chek: is not a known key; did you mean "check"?'],
    [
      'check: { max_in_flight: 5 }',
      '7:10 check.max_in_flight: is not a known key; did you mean "maxInFlight"?',
    ],
    ['check: { MaxInFlight: 5 }', '7:10 check.MaxInFlight: is not a known key; did you mean "maxInFlight"?'],
    ['headers: { suffix: x }', '7:12 headers.suffix: is not a known key; known here: prefix'],
    ['headers: { cookies: x }', '7:12 headers.cookies: is not a known key; known here: prefix'],
    [
      'headers: {prefix:x-a-}',
      '7:11 headers["prefix:x-a-"]: is not a known key; is a space missing after ":"?',
    ],
    // Routes.
    [route('[a]'), '9:5 routes[0].require: must be a mapping ("key: value"), not a list'],
    [route('public'), '9:14 routes[0].require: must be a mapping ("key: value"), not a text'],
    [route('{}'), '9:5 routes[0].require: must have exactly one of all, any, session, optional and public'],
    [
      route('{ public: true, session: true }'),
      '9:5 routes[0].require: must have exactly one of all, any, session, optional and public',
    ],
    [route('{ public: false }'), '9:24 routes[0].require.public: must be true, or be left out'],
    [route('{ all: [] }'), '9:16 routes[0].require.all: must have at least 1 item'],
    [
      'routes:\n  - require: { public: true }',
      '8:5 routes[0].match: is missing, but needed: Which requests it is for.',
    ],
    [
      'routes:\n  - match: { path: a, methods: [get], host: A.example }\n    require: { public: true }',
      '8:20 routes[0].match.path: must begin with "/"',
      '8:33 routes[0].match.methods[0]: must be a method in capitals, such as GET',
      '8:45 routes[0].match.host: must be a host name in lower case without port, "*.SUFFIX" or "*"',
    ],
  ];
  it.each(CASES)('%j', (text, ...problems) => {
    expect(problemsOf(MINIMAL + text)).toEqual(problems);
  });

  it.each([
    ['redis+tls://valkey:6379'],
    ['redis://user:password@valkey:6379'],
    ['redis://valkey:6379?x=1'],
    ['redis:///0'],
    ['valkey:6379'],
  ])('the store URL %s is refused, and not repeated', (url) => {
    const [problem = '', ...others] = problemsOf(MINIMAL.replace('memory:', url));
    expect(problem).toMatch(
      /^2:8 store\.url: must be "memory:" or "redis\[s\]:\/\/HOST\[:PORT\]\[\/DATABASE\]";/,
    );
    expect(problem).not.toContain(url);
    expect(others).toEqual([]);
  });

  it.each(['sessions.example.com', 'ftp://a', 'https://a?b', 'https://a#b', 'https://u:p@a', 'https://'])(
    'the issuer %s is refused',
    (issuer) => {
      expect(problemsOf(MINIMAL.replace('https://sessions.example.com', `"${issuer}"`))).toEqual([
        `4:11 token.issuer: ${NO_ISSUER}`,
      ]);
    },
  );

  it('an issuer that only looks like a URL is refused', () => {
    expect(problemsOf(MINIMAL.replace('https://sessions.example.com', '"https://[x"'))).toEqual([
      '4:11 token.issuer: must be a URL with a valid host and port',
    ]);
  });

  it('what is missing is said where it should have been, and what it is', () => {
    expect(problemsOf('log: {}')).toEqual([
      '1:1 store: is missing, but needed: Where sessions are kept.',
      '1:1 token: is missing, but needed: The session tokens: signed, short-lived JWTs.',
    ]);
    expect(problemsOf('\nstore:\n  deadline: 5ms\n\ntoken: { issuer: https://a.example }')).toEqual([
      expect.stringMatching(/^2:1 store\.url: is missing, but needed: "memory:" keeps sessions/),
      expect.stringMatching(/^5:1 token\.keysDir: is missing, but needed: A folder of private JWK files/),
    ]);
  });
});

describe('rules that tie keys together', () => {
  const idp = (name: string, clientId: string) =>
    `  - { name: ${name}, issuer: https://a.example, clientId: ${clientId} }\n`;
  const operator = (name: string, subject: string, more = '') =>
    `  - { name: ${name}, issuer: https://a.example, subject: ${subject}, audience: x${more} }\n`;
  const CASES: [rule: string, text: string, ...problems: string[]][] = [
    [
      'the store has less time than a check',
      'check: { deadline: 40ms }',
      '7:20 check.deadline: must be longer than store.deadline (50ms, its default)',
    ],
    [
      'equal deadlines are no less',
      'check: { deadline: 50ms }',
      '7:20 check.deadline: must be longer than store.deadline (50ms, its default)',
    ],
    [
      'idle before absolute',
      'session:\n  absoluteTimeout: 20m\n  idleTimeout: 1h',
      '9:16 session.idleTimeout: must be at most session.absoluteTimeout (20m)',
    ],
    [
      'idle before absolute, by default',
      'session:\n  absoluteTimeout: 20m',
      '8:20 session.absoluteTimeout: must be at least session.idleTimeout (30m, its default)',
    ],
    [
      'a token no longer than a session',
      'session: { idleTimeout: 1m, absoluteTimeout: 2m }',
      '7:46 session.absoluteTimeout: must be at least token.ttl (5m, its default)',
    ],
    [
      'an app that exists',
      'apps: { billing: {} }\nroutes:\n  - { match: { path: / }, app: biling, require: { public: true } }',
      '9:32 routes[0].app: must be a key of apps; did you mean "billing"?',
    ],
    [
      'an app that exists at all',
      'routes:\n  - { match: { path: / }, app: constructor, require: { public: true } }',
      '8:32 routes[0].app: must be a key of apps; there are none',
    ],
    [
      'an app that exists, listed',
      'apps: { a: {}, b: {} }\nroutes:\n  - { match: { path: / }, app: billing, require: { public: true } }',
      '9:32 routes[0].app: must be a key of apps; there are a, b',
    ],
    [
      'names of identity providers',
      `identityProviders:\n${idp('a', 'x')}${idp('a', 'y')}`,
      '9:13 identityProviders[1].name: must differ from identityProviders[0], which has the same name',
    ],
    [
      'audiences of identity providers',
      `identityProviders:\n${idp('a', 'x')}${idp('b', 'x')}`,
      '9:24 identityProviders[1].issuer: must differ from identityProviders[0], which has the same issuer, clientId',
    ],
    [
      'names of operators',
      `operators:\n${operator('a', 'x')}${operator('a', 'y')}`,
      '9:13 operators[1].name: must differ from operators[0], which has the same name',
    ],
    [
      'who operators are',
      `operators:\n${operator('a', 'x')}${operator('b', 'x')}`,
      '9:24 operators[1].issuer: must differ from operators[0], which has the same issuer, subject, audience',
    ],
    [
      'one source of keys',
      `operators:\n${operator('a', 'x', ', jwksFile: a, jwksUrl: https://a.example')}`,
      '8:90 operators[0].jwksUrl: must not stand beside jwksFile: keep one of them',
    ],
    [
      'addresses of listeners',
      'listen: { api: ":9001" }',
      '7:16 listen.api: must differ from listen.check, which has the same address',
    ],
    [
      'addresses of listeners, in the file both',
      'listen:\n  ops: unix:a\n  check: unix:a',
      '8:8 listen.ops: must differ from listen.check, which has the same address',
    ],
  ];
  it.each(CASES)('%s', (_rule, text, ...problems) => {
    expect(problemsOf(MINIMAL + text)).toEqual(problems);
  });

  it('say nothing about what is missing', () => {
    const text = `${MINIMAL}operators:\n${operator('""', 'x')}${operator('""', 'y')}`;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^8:13 operators\[0\]\.name: must be at most 63/),
      expect.stringMatching(/^9:13 operators\[1\]\.name: must be at most 63/),
    ]);
  });

  it('hold at the bound, and port 0 is never the same', () => {
    const text = `${MINIMAL}session: { idleTimeout: 5m, absoluteTimeout: 5m }\nlisten: { check: "a:0", api: "a:0", ops: "a:0" }`;
    expect(problemsOf(text)).toEqual([]);
  });

  it('are checked beside faults elsewhere, and keep silent about what is faulty itself', () => {
    expect(
      problemsOf(
        `${MINIMAL}check: { deadline: 40ms, maxInFlight: 0 }\nsession: { idleTimeout: 1, absoluteTimeout: 1m }`,
      ),
    ).toEqual(
      [
        '7:20 check.deadline: must be longer than store.deadline (50ms, its default)',
        '7:39 check.maxInFlight: must be at least 1',
        `8:25 session.idleTimeout: ${NO_DURATION}`,
        '8:45 session.absoluteTimeout: must be at least token.ttl (5m, its default)',
      ].map((line) => line),
    );
  });
});

describe('a file with faults of every kind', () => {
  const FAULTY = `listen: { check: 9001 }
store:
  url: valkey:6379
  deadline: 200ms
token:
  issuer: https://sessions.example.com
  keyDir: keys
apps: { billing: {} }
routes:
  - match: { path: "/a" }
    app: biling
    require: { session: true }
  - match: { path: "/b", methods: [get] }
    require: { all: ["$\{UNSET}"] }
session: { maxBytes: 1 }
`;
  it('is told all of them at once, in the order of its lines', () => {
    expect(problemsOf(FAULTY)).toEqual([
      '1:18 listen.check: must be a text, not a number: put it in quotes',
      expect.stringMatching(/^3:8 store\.url: must be "memory:" or/),
      '4:13 store.deadline: must be shorter than check.deadline (150ms, its default)',
      expect.stringMatching(/^5:1 token\.keysDir: is missing, but needed/),
      '7:3 token.keyDir: is not a known key; did you mean "keysDir"?',
      '11:10 routes[0].app: must be a key of apps; did you mean "billing"?',
      '13:36 routes[1].match.methods[0]: must be a method in capitals, such as GET',
      '14:22 routes[1].require.all[0]: needs the environment variable UNSET, which is not set',
      `15:22 session.maxBytes: ${NO_SIZE}`,
    ]);
  });

  it('leaves its sound routes and named files to other checks', () => {
    const { sound } = load(`${FAULTY}operators: [{ jwksFile: jwks.json }]`.replace('[get]', '[GET]'));
    expect(sound.routes.map(({ index, route }) => [index, route.match.path])).toEqual([[0, '/a']]);
    expect(sound.files.map(({ location }) => location)).toEqual(['/etc/singlestate/jwks.json']);
  });
});
