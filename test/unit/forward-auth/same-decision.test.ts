/** H1: whatever is asked, over gRPC and over HTTP the decision is the same, and so is what reaches the app. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/authz/answer.ts';
import { createChecker } from '../../../src/authz/checker.ts';
import { isUnderPrefix } from '../../../src/authz/mutations.ts';
import type { AuthzRequest } from '../../../src/authz/request.ts';
import { decodeCheckRequest } from '../../../src/envoy/check-request.ts';
import { GATEWAYS, type GatewayKind } from '../../../src/forward-auth/gateways.ts';
import { httpAnswer } from '../../../src/forward-auth/http-answer.ts';
import { originalRequest } from '../../../src/forward-auth/original-request.ts';
import { createScene, NOW, WITH_LOGIN } from '../authz/scene.ts';
import { encodeRequest } from '../envoy/ext-authz-wire.ts';

const CSRF = 'b2xkLWZyaWVuZHMtYXJlLWJlc3Q';
const scene = await createScene({
  ...WITH_LOGIN,
  apps: { billing: { reads: { scopes: ['a:*'], attributes: ['tier'], slices: ['cart'] } } },
  routes: [
    { match: { path: '/public/{rest*}' }, require: { public: true } },
    { match: { path: '/optional' }, require: { optional: true }, app: 'billing' },
    { match: { path: '/session' }, require: { session: true }, app: 'billing', onUnauthenticated: 'login' },
    { match: { path: '/scoped/{id}', methods: ['GET'] }, require: { all: ['a:{id}'] } },
    { match: { path: '/shadow' }, require: { all: ['nobody'] }, mode: 'shadow' },
    { match: { host: 'own.example.com', path: '/own' }, require: { session: true }, csrf: false },
  ],
});
const alice = await scene.open({
  csrfToken: CSRF,
  scopes: ['a:1', 'b'],
  attributes: { tier: 'gold' },
  slices: { cart: [1] },
});
const checker = createChecker({
  policy: () => scene.policy,
  limits: () => ({ deadlineMs: 10_000, maxInFlight: 100 }),
  sessions: scene.store,
  rates: scene.store,
  // A fresh token for each cookie, so that those are compared too.
  renewals: { renew: () => 'x.y.z' },
  now: () => NOW,
  report: () => undefined,
  used: () => undefined,
});

/** A client's request, as a proxy sees it. */
interface Wanted {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** In lower case, each once. */
  readonly headers: Readonly<Record<string, string>>;
}

function overGrpc({ method, host, path, headers }: Wanted): AuthzRequest {
  const source = { address: { socketAddress: { address: '192.0.2.1' } } };
  const request = { http: { method, host, path, headers: { ...headers } } };
  return decodeCheckRequest(encodeRequest({ attributes: { source, request } }));
}

/** As each kind's example in deploy/ makes it, less the headers under the prefix where that takes them out before. */
function overHttp({ method, host, path, headers }: Wanted, kind: GatewayKind): AuthzRequest {
  const kept = Object.entries(headers).filter(
    ([name]) => GATEWAYS[kind].removal !== 'named' || !isUnderPrefix(name, 'x-session-'),
  );
  const told: Readonly<Record<GatewayKind, Readonly<Record<string, string>>>> = {
    envoy: { host, 'x-singlestate-address': '192.0.2.1' },
    nginx: {
      'x-original-method': method,
      'x-original-url': `http://${host}${path}`,
      'x-real-ip': '192.0.2.1',
    },
    traefik: {
      'x-forwarded-method': method,
      'x-forwarded-host': host,
      'x-forwarded-uri': path,
      'x-forwarded-for': '192.0.2.1',
    },
    caddy: {
      'x-forwarded-method': method,
      'x-forwarded-host': host,
      'x-forwarded-uri': path,
      'x-forwarded-for': '192.0.2.1',
    },
  };
  const own = kind === 'envoy' ? { method, url: path } : { method: 'GET', url: '/public/x' };
  const rawHeaders = [...kept, ...Object.entries(told[kind])].flat();
  return originalRequest({ ...own, rawHeaders }, kind, scene.policy);
}

interface Seen {
  readonly status: number;
  readonly body: string;
  /** What the client is told, the decision's id left out. */
  readonly toClient: readonly string[];
  /** The request's headers as the app gets them; undefined where it gets none. */
  readonly toApp: Readonly<Record<string, string>> | undefined;
}

const NOT_TOLD = /^x-singlestate-(decision-id|reason)$/;
const pairs = (headers: readonly (readonly [string, string])[]) =>
  headers
    .filter(([name]) => !NOT_TOLD.test(name))
    .map(([name, value]) => `${name}: ${value}`)
    .sort();
/** No two bodies have the same id. */
const withoutId = (body: string) => body.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID');

/** What Envoy does with an answer over gRPC. */
function seenOverGrpc(answer: Answer, { headers }: Wanted): Seen {
  if (!answer.allowed) {
    const { status, body } = answer;
    return { status, body: withoutId(body), toClient: pairs(answer.headers), toApp: undefined };
  }
  const toApp = new Map(Object.entries(headers));
  answer.set.forEach(([name, value]) => toApp.set(name, value));
  answer.remove.forEach((name) => toApp.delete(name));
  const cookies = (answer.cookies ?? []).map((cookie) => ['set-cookie', cookie] as const);
  const toClient = pairs([...answer.response, ...cookies]);
  return { status: 200, body: '', toClient, toApp: Object.fromEntries(toApp) };
}

const TO_CLIENT = /^(set-cookie|cache-control|x-singlestate-set-cookie-2)$/;

/** What the configurations in deploy/ do with an answer over HTTP. */
function seenOverHttp(answer: Answer, asked: AuthzRequest, { headers }: Wanted, kind: GatewayKind): Seen {
  const { status, headers: flat, body } = httpAnswer(answer, asked, kind, scene.policy.csrfHeader);
  const told = Array.from(
    { length: flat.length / 2 },
    (_, at) => [flat[2 * at] ?? '', flat[2 * at + 1] ?? ''] as const,
  );
  if (!answer.allowed) {
    const isRedirect = kind === 'nginx' && told.some(([name]) => name === 'location');
    return {
      status: isRedirect ? 302 : status,
      body: withoutId(body),
      toClient: pairs(told),
      toApp: undefined,
    };
  }
  const toApp = new Map(Object.entries(headers));
  const replaced = ['cookie', 'authorization', scene.policy.csrfHeader];
  if (kind === 'envoy') {
    const listed = told.find(([name]) => name === 'x-envoy-auth-headers-to-remove')?.[1] ?? '';
    listed.split(',').forEach((name) => toApp.delete(name));
  } else {
    for (const name of toApp.keys())
      if (replaced.includes(name) || isUnderPrefix(name, 'x-session-')) toApp.delete(name);
  }
  const isForApp = (name: string) => name.startsWith('x-session-') || replaced.includes(name);
  told.filter(([name]) => isForApp(name)).forEach(([name, value]) => toApp.set(name, value));
  const renamed = told
    .filter(([name]) => TO_CLIENT.test(name))
    .map(([name, value]) => [name.replace('x-singlestate-set-cookie-2', 'set-cookie'), value] as const);
  return { status, body, toClient: pairs(renamed), toApp: Object.fromEntries(toApp) };
}

const session = fc.constantFrom<Readonly<Record<string, string>>>(
  {},
  alice.bearer,
  alice.cookie,
  { cookie: `a=1; ${alice.cookie.cookie}; b=2` },
  { ...alice.cookie, ...alice.bearer },
  { ...alice.cookie, authorization: 'Bearer other' },
  { ...alice.cookie, authorization: 'Basic YTpi' },
  { authorization: 'Bearer nonsense', cookie: 'a=1' },
);
const others = fc.dictionary(
  fc.constantFrom(
    'x-csrf-token',
    'accept',
    'sec-fetch-mode',
    'x-session-ref',
    'x-session-admin',
    'x_session_ref',
    'x-own',
  ),
  fc.constantFrom(CSRF, 'text/html', 'application/json', 'navigate', 'cors', 'forged'),
);
const wanted: fc.Arbitrary<Wanted> = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND', 'get'),
  host: fc.oneof(
    fc.constantFrom('own.example.com', 'app.example.com:8443', 'APP', 'a b', 'a?b', '[::1]:80'),
    fc.domain(),
  ),
  path: fc.oneof(
    fc.constantFrom(
      '/session',
      '/scoped/1',
      '/scoped/2',
      '/optional',
      '/shadow',
      '/own',
      '/public/a?b=c',
      '/nowhere',
    ),
    fc.constantFrom(
      '/public/../session',
      '/%73ession',
      '//session',
      '/session/',
      '/SESSION',
      '/a;b',
      '*',
      '/é',
      '/a,b?c,d',
    ),
    fc.webPath(),
  ),
  headers: fc.tuple(session, others).map(([one, more]) => ({ ...more, ...one })),
});

describe.each(Object.keys(GATEWAYS) as GatewayKind[])('H1 over gRPC and from %s over HTTP', (kind) => {
  it('the same request has the same answer, and the app sees the same', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(wanted, async (request) => {
        const [grpc, http] = [overGrpc(request), overHttp(request, kind)];
        const [one, other] = [await checker.check(grpc), await checker.check(http)];
        const facts = ({ metadata }: Answer) => ({ ...metadata, decision_id: '' });
        expect(facts(other)).toEqual(facts(one));
        const expected = seenOverGrpc(one, request);
        const found = seenOverHttp(other, http, request, kind);
        const prefixed = (headers: Seen['toApp']) =>
          headers &&
          Object.entries(headers)
            .filter(([name]) => name.startsWith('x-session-'))
            .sort();
        expect(prefixed(found.toApp)).toEqual(prefixed(expected.toApp));
        expect(found).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});
