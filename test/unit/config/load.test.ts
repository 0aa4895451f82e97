import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { routeProblem } from '../../../src/config/load.ts';
import { configOf, load, MINIMAL, problemsOf } from './minimal.ts';

// Properties take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

describe('a configuration that is right', () => {
  it('has every default, durations in milliseconds and sizes in bytes', () => {
    expect(configOf(MINIMAL)).toEqual({
      listen: { check: ':9001', api: ':9003', ops: ':9090' },
      check: {
        deadline: 150,
        maxInFlight: 2000,
        maxConnectionAge: 600_000,
        drainTimeout: 10_000,
        drainDelay: 5_000,
      },
      http: { gateway: 'envoy', trustedPeers: ['127.0.0.0/8', '::1/128', 'unix'] },
      store: {
        url: 'memory:',
        deadline: 50,
        keyPrefix: 'singlestate:',
        breaker: { failures: 10, failingFor: 500, openFor: 250 },
      },
      token: {
        issuer: 'https://sessions.example.com',
        keysDir: '/etc/singlestate/keys',
        ttl: 300_000,
        cookie: { name: '__Host-session', sameSite: 'Lax' },
        cacheSize: 10_000,
        refreshGrace: 10_000,
      },
      session: {
        idleTimeout: 1_800_000,
        absoluteTimeout: 43_200_000,
        maxBytes: 16_384,
        carryOver: { slices: [], attributes: [] },
      },
      tls: {},
      csrf: { header: 'x-csrf-token', cookie: '__Host-csrf' },
      rateLimits: {},
      audit: { maxEntries: 1_000_000, maxAge: 7_776_000_000 },
      identityProviders: [],
      operators: [],
      apps: {},
      headers: { prefix: 'x-session-' },
      assertion: { ttl: 60_000 },
      contextExtensions: 'narrow',
      routes: [],
      log: { level: 'info', decisions: 'all' },
    });
  });

  it('is frozen all the way down, and a look-up in it finds nothing that the file does not have', () => {
    const config = configOf(`${MINIMAL}apps: { a: { reads: { scopes: [x] } } }
routes: [{ match: { path: / }, require: { all: [x] } }]`);
    const unfrozen = (value: unknown, path: string): string[] =>
      typeof value !== 'object' || value === null
        ? []
        : [
            ...(Object.isFrozen(value) ? [] : [path]),
            ...Object.entries(value).flatMap(([key, part]) => unfrozen(part, `${path}.${key}`)),
          ];
    expect(unfrozen(config, 'config')).toEqual([]);
    expect('constructor' in config.apps).toBe(false);
  });

  it('is not shared with the next one', () => {
    expect(configOf(MINIMAL).routes).not.toBe(configOf(MINIMAL).routes);
  });
});

describe('locations', () => {
  const TEXT = `store: { url: "memory:", passwordFile: secrets/password }
token: { issuer: https://a.example, keysDir: ../keys }
listen: { check: "unix:check.sock", api: "unix:/run/api.sock" }
operators:
  - { name: a, issuer: x, subject: x, audience: x, jwksFile: jwks.json }
  - { name: b, issuer: x, subject: y, audience: x, jwksFile: /abs/jwks.json }
`;
  it('that are relative are below the folder of the file', () => {
    const { store, token, listen, operators } = configOf(TEXT);
    expect([store.passwordFile, token.keysDir]).toEqual(['/etc/singlestate/secrets/password', '/etc/keys']);
    expect(listen).toMatchObject({ check: 'unix:/etc/singlestate/check.sock', api: 'unix:/run/api.sock' });
    expect(operators.map(({ jwksFile }) => jwksFile)).toEqual([
      '/etc/singlestate/jwks.json',
      '/abs/jwks.json',
    ]);
  });

  it('are named with their keys', () => {
    expect(load(TEXT).sound.files).toEqual([
      { path: ['store', 'passwordFile'], kind: 'secret', location: '/etc/singlestate/secrets/password' },
      { path: ['token', 'keysDir'], kind: 'folder', location: '/etc/keys' },
      { path: ['operators', 0, 'jwksFile'], kind: 'file', location: '/etc/singlestate/jwks.json' },
      { path: ['operators', 1, 'jwksFile'], kind: 'file', location: '/abs/jwks.json' },
    ]);
  });
});

describe('environment variables', () => {
  it('are filled in, and whatever they hold stays one value', () => {
    const audience = 'a: 1, # {b: [c]}\nd: "e';
    const { token } = configOf(MINIMAL.replace('keysDir', 'audience: ${AUDIENCE}\n  keysDir'), {
      AUDIENCE: audience,
    });
    expect(token.audience).toBe(audience);
    const { apps } = configOf(`${MINIMAL}apps: { a: { reads: { scopes: ["\${SCOPES}"] } } }`, {
      SCOPES: 'x,y:*',
    });
    expect(apps['a']?.reads.scopes).toEqual(['x,y:*']);
    expect(problemsOf(`${MINIMAL}log:\n  level: \${LEVEL}`, { LEVEL: 'info\n  decisions: off' })).toEqual([
      expect.stringMatching(/^8:10 log\.level: must be one of/),
    ]);
  });

  it('count as numbers and booleans where they stand without quotes and the key wants one', () => {
    const text = `${MINIMAL}check:\n  maxInFlight: \${MAX}\napps:\n  a:\n    assertion: \${ON}\n`;
    const config = configOf(text, { MAX: '7', ON: 'true' });
    expect([config.check.maxInFlight, config.apps['a']?.assertion]).toEqual([7, true]);
    expect(problemsOf(text, { MAX: 'x', ON: 'yes' })).toEqual([
      '8:16 check.maxInFlight: must be a number, not a text',
      '11:16 apps.a.assertion: must be true or false, not a text',
    ]);
    expect(problemsOf(text.replace('${MAX}', '"${MAX}"'), { MAX: '7', ON: 'true' })).toEqual([
      '8:16 check.maxInFlight: must be a number, not a text',
    ]);
  });

  it('that look like numbers stay texts where the key wants a text', () => {
    const text = `${MINIMAL}identityProviders:\n  - name: a\n    issuer: https://a.example\n    clientId: \${ID}\n`;
    expect(configOf(text, { ID: '0123' }).identityProviders[0]?.clientId).toBe('0123');
  });

  it('that are not set are said with their lines, and nothing else about that value', () => {
    const text = `store:\n  url: \${URL}\ntoken:\n  issuer: "\${A}\${B}"\n  keysDir: \${toString}\n`;
    expect(problemsOf(text, { B: 'x' })).toEqual([
      '2:8 store.url: needs the environment variable URL, which is not set',
      '4:11 token.issuer: needs the environment variable A, which is not set',
      '5:12 token.keysDir: needs the environment variable toString, which is not set',
    ]);
  });

  it('never show in a problem', () => {
    const text = `${MINIMAL}log: { level: "\${SECRET}" }\napps: { a: {} }\nroutes:\n  - { match: { path: "\${SECRET}" }, app: "\${SECRET}", require: { session: true } }`;
    const problems = problemsOf(text, { SECRET: 'hunter2' });
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  it('are not filled into keys', () => {
    expect(problemsOf(`${MINIMAL}"\${KEY}": 1`, { KEY: 'log' })).toEqual([
      expect.stringMatching(/^7:1 \["\$\{KEY\}"\]: is not a known key/),
    ]);
  });
});

describe('locating', () => {
  const loaded = load(`${MINIMAL}routes:
  - match:
      path: /a
    require: { public: true }
`);
  it.each([
    [['routes', 0, 'match', 'path'], 9, 13],
    [['routes', 0, 'match'], 8, 5],
    [['routes', 0], 8, 5],
    [['routes'], 7, 1],
    [['routes', 0, 'match', 'methods', 1], 8, 5],
    [['routes', 9, 'match'], 7, 1],
    [['nothing', 'at', 'all'], 1, 1],
    [[], 1, 1],
  ])('%j is in line %i, column %i', (path, line, column) => {
    expect(loaded.locate(path)).toEqual({ line, column });
  });

  it('turns a problem of a route into one of the file', () => {
    expect(routeProblem(loaded.locate, { index: 0, field: 'path', message: 'ties' })).toEqual({
      line: 9,
      column: 13,
      path: 'routes[0].match.path',
      message: 'ties',
    });
    expect(routeProblem(loaded.locate, { index: 0, field: 'require', message: 'is odd' })).toMatchObject({
      line: 10,
      path: 'routes[0].require',
    });
  });
});

describe('whatever the text is', () => {
  /** Pieces that have a meaning in YAML or in this schema, so that random texts get past the first character. */
  const piece = fc.constantFrom(
    ...[
      '\n',
      '\n  ',
      '  ',
      ': ',
      ':',
      '- ',
      '{ ',
      ' }',
      '[',
      ']',
      ', ',
      '"',
      "'",
      '#',
      '&a ',
      '*a',
      '!!str ',
      '|\n',
      '? ',
    ],
    ...[
      '---\n',
      '%YAML 1.2\n',
      '<<',
      '${A}',
      '${B',
      '$${',
      '__proto__',
      'null',
      '1e3',
      '\t',
      '\r',
      '\u0000',
      '\uD800',
    ],
    ...[
      'store',
      'token',
      'routes',
      'match',
      'require',
      'apps',
      'deadline',
      'url',
      'memory:',
      '5ms',
      'keysDir',
    ],
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join('')),
    fc.array(piece, { maxLength: 30 }).map((pieces) => MINIMAL + pieces.join('')),
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map((bytes) => new TextDecoder('latin1').decode(bytes)),
    fc.json(),
  );

  it('loading never throws, and what is refused has a problem with a line of the file', () => {
    fc.assert(
      fc.property(text, (random) => {
        const loaded = load(random, { A: 'x: {' });
        if (loaded.ok) return;
        const lines = random.split(/\r\n|\r|\n/).length;
        expect(loaded.problems.length).toBeGreaterThan(0);
        for (const { line, column, message } of loaded.problems) {
          expect(line).toBeGreaterThan(0);
          expect(line).toBeLessThanOrEqual(lines);
          expect(column).toBeGreaterThan(0);
          expect(message).not.toBe('');
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
