/** E13: a request that a browser sent with its cookie changes nothing unless a script of the page meant it to. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSafeMethod } from '../../../src/authz/csrf.ts';
import { isCsrfToken } from '../../../src/token/csrf-token.ts';
import { createScene, request, type RouteInput } from './scene.ts';

const ROUTES: readonly RouteInput[] = [
  { match: { path: '/public' }, require: { public: true } },
  { match: { path: '/optional' }, require: { optional: true } },
  { match: { path: '/session' }, require: { session: true } },
  { match: { path: '/scoped' }, require: { all: ['invoices:write'] } },
  { match: { path: '/own' }, require: { session: true }, csrf: false },
  { match: { path: '/shadow' }, require: { session: true }, mode: 'shadow' },
];
const TOKEN = 'b2xkLWZyaWVuZHMtYXJlLWJlc3Q';
const scene = await createScene({ routes: ROUTES });
const alice = await scene.open({ csrfToken: TOKEN, scopes: ['invoices:write'] });
const bob = await scene.open({
  csrfToken: 'YW5vdGhlci10b2tlbi1vZi1ib2I',
  identity: { provider: 'main', issuer: 'https://idp.example.com', subject: 'bob' },
});
const without = await scene.open();

async function outcome(path: string, method: string, headers: Readonly<Record<string, string>>) {
  const decision = await scene.decide(request({ path, method, headers }));
  const who = decision.decision === 'allow' && decision.session !== undefined ? ' with a session' : '';
  return `${decision.decision}${who}${decision.reason === undefined ? '' : `: ${decision.reason}`}`;
}

const withToken = (token: string) => ({ ...alice.cookie, 'x-csrf-token': token });

describe('E13 a write that came with the cookie', () => {
  it.each(['/session', '/scoped', '/optional', '/shadow'])(
    'passes on %s with the token of its session',
    async (path) => {
      expect(await outcome(path, 'POST', withToken(TOKEN))).toBe('allow with a session');
    },
  );

  it.each<[string, Record<string, string>]>([
    ['no header', alice.cookie],
    ['an empty one', withToken('')],
    ['another value', withToken('x')],
    ['the beginning of it', withToken(TOKEN.slice(0, -1))],
    ['more than it', withToken(`${TOKEN}A`)],
    ['another case', withToken(TOKEN.toLowerCase())],
    ['it twice, as one header', withToken(`${TOKEN},${TOKEN}`)],
    ['it twice, as two headers that were joined', withToken(`${TOKEN}, ${TOKEN}`)],
    ["another session's", withToken('YW5vdGhlci10b2tlbi1vZi1ib2I')],
    ['it in the CSRF cookie alone', { cookie: `${alice.cookie.cookie}; __Host-csrf=${TOKEN}` }],
    [
      'the CSRF cookie and a header that agree on another',
      { cookie: `${alice.cookie.cookie}; __Host-csrf=x`, 'x-csrf-token': 'x' },
    ],
    ['it under another name', { ...alice.cookie, 'x-xsrf-token': TOKEN, 'csrf-token': TOKEN }],
  ])('is denied with %s', async (_, headers) => {
    for (const path of ['/session', '/scoped', '/optional'])
      expect(await outcome(path, 'POST', headers), path).toBe('deny: csrf');
    expect(await outcome('/shadow', 'POST', headers), 'D10').toBe('allow: csrf');
  });

  it.each(['', 'x', 'undefined', 'null'])(
    'is denied for a session without a token, with %j',
    async (value) => {
      expect(await outcome('/session', 'POST', { ...without.cookie, 'x-csrf-token': value })).toBe(
        'deny: csrf',
      );
    },
  );

  it('is denied before it is told which scope it lacks', async () => {
    expect(await outcome('/scoped', 'POST', bob.cookie)).toBe('deny: csrf');
  });

  it('is one also if the same token came in authorization', async () => {
    expect(await outcome('/session', 'POST', { ...alice.bearer, ...alice.cookie })).toBe('deny: csrf');
  });
});

describe('E13 what needs no token', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE'])('%s', async (method) => {
    expect(await outcome('/session', method, alice.cookie)).toBe('allow with a session');
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'X-ANYTHING'])(
    '%s with the session in authorization alone, as no browser sends that by itself',
    async (method) => {
      expect(await outcome('/session', method, alice.bearer)).toBe('allow with a session');
    },
  );

  it('a route whose app has a protection of its own', async () => {
    expect(await outcome('/own', 'POST', alice.cookie)).toBe('allow with a session');
  });

  it('a public route, which never looks', async () => {
    expect(await outcome('/public', 'POST', alice.cookie)).toBe('allow');
  });

  it('an optional route without a valid session', async () => {
    expect(await outcome('/optional', 'POST', {})).toBe('allow: no_credential');
    expect(await outcome('/optional', 'POST', { cookie: '__Host-session=x' })).toBe('allow: malformed_token');
  });
});

describe('E13 no way around the token', () => {
  const methods = fc.oneof(
    fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE', 'post', 'Post', 'get', 'Get', 'PROPFIND', 'GET,POST'),
    fc.stringMatching(/^[A-Za-z-]{1,8}$/),
  );
  const noise = fc.constantFrom('a=b', '__Host-csrf=x', `__Host-csrf=${TOKEN}`, 'x-csrf-token=y', '', '=');
  const cookies = fc
    .tuple(fc.array(noise), fc.array(noise), fc.constantFrom('; ', ';', ' ;  '), fc.nat({ max: 2 }))
    .map(([before, after, glue, times]) => {
      const own = Array.from({ length: times + 1 }, () => alice.cookie.cookie);
      return [...before, ...own, ...after].join(glue);
    });
  const values = fc.oneof(
    fc.constantFrom(
      undefined,
      '',
      'x',
      `${TOKEN},`,
      ` ${TOKEN}`,
      `"${TOKEN}"`,
      TOKEN.toUpperCase(),
      `${TOKEN}\0`,
    ),
    fc.string({ maxLength: 40 }),
  );
  const bearers = fc.constantFrom(undefined, alice.bearer.authorization, 'Basic eDp5', 'Bearer');

  it('whatever the method, the cookies and the header hold that is not the token', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('/session', '/scoped', '/optional', '/shadow'),
        methods,
        cookies,
        values,
        bearers,
        async (path, method, cookie, value, authorization) => {
          fc.pre(value !== TOKEN);
          const headers = {
            cookie,
            ...(value !== undefined && { 'x-csrf-token': value }),
            ...(authorization !== undefined && { authorization }),
          };
          const decision = await scene.decide(request({ path, method, headers }));
          if (decision.decision !== 'allow') return;
          if (isSafeMethod(method)) return;
          expect(decision.session).toBeUndefined();
          expect(path).toBe('/shadow');
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('only the token itself is the token', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
        expect(isCsrfToken(one, other)).toBe(one === other && one !== '');
      }),
    );
    expect(isCsrfToken(TOKEN, TOKEN)).toBe(true);
  });
});

describe('what the app sees of it', () => {
  const seen = async (path: string, headers: Readonly<Record<string, string>>, asked = scene) => {
    const answer = await asked.answer(request({ path, headers }));
    if (!answer.allowed) throw new Error(answer.body);
    return { removed: answer.remove.includes('x-csrf-token'), set: answer.set };
  };

  it('not the header, where it was for Singlestate', async () => {
    for (const path of ['/session', '/optional', '/shadow'])
      expect((await seen(path, withToken(TOKEN))).removed, path).toBe(true);
  });

  it('the header, where it is for the app', async () => {
    expect((await seen('/own', withToken('theirs'))).removed).toBe(false);
    expect((await seen('/public', withToken('theirs'))).removed).toBe(false);
    expect((await seen('/optional', { 'x-csrf-token': 'theirs' })).removed).toBe(false);
  });

  it('the CSRF cookie, which is made for its pages', async () => {
    const { set } = await seen('/session', { cookie: `a=b; ${alice.cookie.cookie}; __Host-csrf=${TOKEN}` });
    expect(set).toContainEqual(['cookie', `a=b; __Host-csrf=${TOKEN}`]);
  });

  it('nor the header under the name that is configured', async () => {
    const other = await createScene({ routes: ROUTES, csrf: { header: 'x-xsrf' } });
    const { cookie } = await other.open({ csrfToken: TOKEN });
    const asked = request({ path: '/session', method: 'POST', headers: { ...cookie, 'x-xsrf': TOKEN } });
    const answer = await other.answer(asked);
    if (!answer.allowed) throw new Error(answer.body);
    expect(answer.remove).toContain('x-xsrf');
    expect(answer.remove).not.toContain('x-csrf-token');
  });
});
