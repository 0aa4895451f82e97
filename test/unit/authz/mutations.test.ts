import fc from 'fast-check';
import { decodeProtectedHeader, decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { isUnderPrefix } from '../../../src/authz/mutations.ts';
import { createScene, request, type ConfigInput, type RouteInput } from './scene.ts';

const ROUTES: readonly RouteInput[] = [
  { match: { path: '/public' }, require: { public: true }, app: 'reader' },
  { match: { path: '/optional' }, require: { optional: true }, app: 'reader' },
  { match: { path: '/session' }, require: { session: true }, app: 'reader' },
  { match: { path: '/no-app' }, require: { session: true } },
  { match: { path: '/signed' }, require: { session: true }, app: 'signed' },
  { match: { path: '/shadow' }, require: { all: ['admin'] }, app: 'reader', mode: 'shadow' },
];
const CONFIG: ConfigInput = {
  routes: ROUTES,
  apps: {
    reader: { reads: { scopes: ['invoices:*'], attributes: ['team'], slices: ['cart'] } },
    signed: { reads: { scopes: ['invoices:*'], attributes: ['team'] }, assertion: true },
    other: { reads: { attributes: ['phone'] } },
  },
};
const CONTENT = {
  scopes: ['invoices:read', 'reports:read'],
  attributes: { team: 'red', phone: '123' },
  slices: { cart: [1] },
};
const SESSION_HEADERS = [
  'ref',
  'subject',
  'issuer',
  'scopes',
  'version',
  'expires',
  'assertion',
  'attr-team',
  'attr-phone',
  'slice-cart',
];

const scene = await createScene(CONFIG);
const alice = await scene.open(CONTENT);

/** What the app behind Envoy sees of these headers: Envoy sets, then removes, and compares names without case. */
async function seenByApp(path: string, headers: Readonly<Record<string, string>>, asked = scene) {
  const answer = await asked.answer(request({ path, headers }));
  if (!answer.allowed) throw new Error(`not allowed: ${answer.body}`);
  const seen = new Map(Object.entries(headers));
  const drop = (name: string) => {
    for (const key of seen.keys()) if (key.toLowerCase() === name.toLowerCase()) seen.delete(key);
  };
  for (const [name, value] of answer.set) {
    drop(name);
    seen.set(name, value);
  }
  answer.remove.forEach(drop);
  return { seen: Object.fromEntries(seen), set: answer.set, remove: answer.remove };
}

const FORGED = {
  'x-session-subject': 'root',
  'x-session-scopes': 'admin',
  'x-session-ref': 'forged',
  'x-session-anything': 'forged',
  'x-session-': 'forged',
  x_session_subject: 'root',
  'X-Session-Issuer': 'forged',
  'x-Session_Attr-phone': 'forged',
  'x.session.subject': 'root',
  'x-session_slice-cart': 'forged',
};

describe('E8 no session header of the client reaches the app', () => {
  it.each(['/public', '/optional', '/shadow'])('on %s, without a session', async (path) => {
    const { seen } = await seenByApp(path, { ...FORGED, 'x-other': 'kept', 'x-sessions': 'kept' });
    expect(seen).toEqual({ 'x-other': 'kept', 'x-sessions': 'kept' });
  });

  it.each(['/session', '/optional', '/no-app', '/signed'])(
    'on %s, with a session: only the real ones',
    async (path) => {
      const { seen } = await seenByApp(path, { ...alice.bearer, ...FORGED });
      expect(JSON.stringify(seen)).not.toMatch(/root|forged|admin/);
      expect(seen).toMatchObject({ 'x-session-subject': 'alice', 'x-session-ref': alice.ref });
    },
  );

  it('whether or not the proxy shows them: what is not set is removed', async () => {
    for (const path of ['/public', '/session', '/signed', '/shadow']) {
      const { set, remove } = await seenByApp(path, path === '/public' ? {} : alice.bearer);
      const names = new Set([...set.map(([name]) => name), ...remove]);
      for (const name of SESSION_HEADERS) expect(names, path).toContain(`x-session-${name}`);
    }
  });

  it('in any spelling of the prefix, on any route', async () => {
    const letter = (character: string) =>
      character === '-'
        ? fc.constantFrom('-', '_', '.', ' ')
        : fc.constantFrom(character, character.toUpperCase());
    const name = fc
      .tuple(fc.tuple(...Array.from('x-session-', letter)), fc.constantFrom(...SESSION_HEADERS, 'z', ''))
      .map(([prefix, rest]) => `${prefix.join('')}${rest}`);
    await fc.assert(
      fc.asyncProperty(fc.array(name), fc.constantFrom(...ROUTES), async (names, { match }) => {
        const forged = Object.fromEntries(names.map((one) => [one, 'forged']));
        const { seen, set, remove } = await seenByApp(match.path, { ...forged, ...alice.bearer });
        expect(Object.values(seen)).not.toContain('forged');
        const isSet = new Set(set.map(([one]) => one));
        expect(remove.filter((one) => isSet.has(one.toLowerCase()))).toEqual([]);
      }),
    );
  });

  it.each([
    ['x-session-a', true],
    ['X-SESSION-a', true],
    ['x_session_a', true],
    ['x-session-', true],
    ['x-session', false],
    ['x-sessions-a', false],
    ['y-session-a', false],
    ['xx-session-a', false],
    ['', false],
  ])('%j is under the prefix: %j', (name, expected) => {
    expect(isUnderPrefix(name, 'x-session-')).toBe(expected);
  });

  it('with a prefix of its own, that one', async () => {
    const mine = await createScene({ ...CONFIG, headers: { prefix: 'acme-id-' } });
    const { seen } = await seenByApp(
      '/public',
      { 'acme-id-subject': 'root', ACME_ID_x: 'root', 'x-session-subject': 'kept' },
      mine,
    );
    expect(seen).toEqual({ 'x-session-subject': 'kept' });
  });
});

describe('E8 the session token does not reach the app', () => {
  const cookie = `a=b; __Host-session=${alice.token}; c=d`;
  const places: [string, Record<string, string>][] = [
    ['cookie', { cookie }],
    ['bearer', alice.bearer],
    ['both', { cookie, ...alice.bearer }],
    ['bearer with spaces', { authorization: `bEARER   ${alice.token}` }],
    ['twice', { authorization: `Bearer ${alice.token},Bearer ${alice.token}` }],
    ['bearer after basic', { authorization: `Basic YTpi,Bearer ${alice.token}` }],
  ];

  it.each(places)('%s: on a route that uses it', async (_, headers) => {
    const { seen } = await seenByApp('/session', headers);
    expect(JSON.stringify(seen)).not.toContain(alice.token);
    expect(seen['cookie']).toBe('cookie' in headers ? 'a=b; c=d' : undefined);
  });

  it.each([
    ...places,
    ['another scheme', { authorization: `Token ${alice.token}` }],
    ['a parameter of another scheme', { authorization: `Token token=${alice.token}` }],
    ['a tab', { authorization: `Bearer\t${alice.token}` }],
    ['another cookie', { cookie: `a=b; other=${alice.token}; c=d` }],
  ] as [string, Record<string, string>][])('%s: on public and in shadow mode', async (_, headers) => {
    for (const path of ['/public', '/shadow']) {
      const { seen } = await seenByApp(path, headers);
      expect(JSON.stringify(seen)).not.toContain(alice.token);
    }
  });

  it.each([
    ['another scheme', { authorization: `Token ${alice.token}` }],
    ['a tab', { authorization: `Bearer\t${alice.token}` }],
    ['far behind', { authorization: `Basic ${'a'.repeat(20_000)},Bearer ${alice.token}` }],
  ])('%s: beside the cookie that is used', async (_, headers) => {
    const { seen } = await seenByApp('/session', { cookie, ...headers });
    expect(JSON.stringify(seen)).not.toContain(alice.token);
  });

  it('also when it has expired or is signed by nobody', async () => {
    for (const token of [`${alice.token.slice(0, -4)}AAAA`, alice.token.replace(/[^.]*$/, '')]) {
      const { seen } = await seenByApp('/optional', {
        authorization: `Bearer ${token}`,
        cookie: `x=${token}`,
      });
      expect(seen).toEqual({});
    }
  });
});

describe("the client's other credentials are the app's", () => {
  it.each([
    ['basic credentials', { authorization: 'Basic YWxpY2U6c2VjcmV0' }],
    ['a bearer token of another kind', { authorization: 'Bearer glpat-abcdef' }],
    ['other cookies', { cookie: 'a=b;c=d' }],
  ])('%s stay as they are where no session is looked for', async (_, headers) => {
    for (const path of ['/public', '/optional'])
      expect((await seenByApp(path, headers)).seen).toEqual(headers);
  });

  it('basic credentials stay beside a session that the cookie carries', async () => {
    const headers = { cookie: `__Host-session=${alice.token}`, authorization: 'Basic YWxpY2U6c2VjcmV0' };
    const { seen } = await seenByApp('/session', headers);
    expect(seen).toMatchObject({ authorization: headers.authorization, 'x-session-subject': 'alice' });
    expect(seen).not.toHaveProperty('cookie');
  });
});

describe('B3 the app learns who asks', () => {
  it('C1 by the headers that it may have', async () => {
    const { seen } = await seenByApp('/session', alice.bearer);
    expect(seen).toEqual({
      'x-session-ref': alice.ref,
      'x-session-subject': 'alice',
      'x-session-issuer': 'https://idp.example.com',
      'x-session-scopes': 'invoices:read',
      'x-session-version': '1',
      'x-session-expires': '1893499200',
      'x-session-attr-team': 'red',
      'x-session-slice-cart': 'WzFd',
    });
  });

  it('C1 without an app on the route: who, and nothing of what', async () => {
    const { seen } = await seenByApp('/no-app', alice.bearer);
    expect(seen).toMatchObject({ 'x-session-subject': 'alice', 'x-session-scopes': '' });
    expect(JSON.stringify(seen)).not.toMatch(/red|invoices|123/);
  });

  it('and by an assertion that is for that app alone', async () => {
    const { seen } = await seenByApp('/signed', alice.bearer);
    const assertion = seen['x-session-assertion'] ?? '';
    expect(decodeProtectedHeader(assertion)).toMatchObject({ typ: 'singlestate-assertion+jwt' });
    expect(decodeJwt(assertion)).toMatchObject({
      aud: 'signed',
      sub: 'alice',
      ref: alice.ref,
      scope: 'invoices:read',
      attributes: { team: 'red' },
      slices: {},
    });
    expect((await seenByApp('/session', alice.bearer)).seen).not.toHaveProperty('x-session-assertion');
  });

  it('E2 two sessions, two identities', async () => {
    const bob = await scene.open({
      identity: { provider: 'main', issuer: 'https://idp.example.com', subject: 'bob' },
    });
    for (const [session, subject] of [
      [alice, 'alice'],
      [bob, 'bob'],
      [alice, 'alice'],
    ] as const) {
      expect((await seenByApp('/signed', session.bearer)).seen).toMatchObject({
        'x-session-subject': subject,
        'x-session-ref': session.ref,
      });
    }
  });
});
