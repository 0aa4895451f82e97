import { describe, expect, it } from 'vitest';
import { GATEWAYS, type GatewayKind } from '../../../src/forward-auth/gateways.ts';
import { originalRequest } from '../../../src/forward-auth/original-request.ts';
import { createScene } from '../authz/scene.ts';

const scene = await createScene({
  routes: [{ match: { path: '/{rest*}' }, require: { public: true } }],
});

/** The request that the client made, as each kind of gateway tells it. */
const TOLD: Readonly<Record<GatewayKind, Readonly<Record<string, string>>>> = {
  envoy: { Host: 'app.example.com:8443', 'X-Singlestate-Address': '192.0.2.1' },
  nginx: {
    Host: 'singlestate',
    'X-Original-Method': 'PUT',
    'X-Original-URL': 'https://app.example.com:8443/a%20b?c=http://d/e',
    'X-Real-IP': '192.0.2.1',
  },
  traefik: {
    Host: 'singlestate:9002',
    'X-Forwarded-Method': 'PUT',
    'X-Forwarded-Host': 'app.example.com:8443',
    'X-Forwarded-Uri': '/a%20b?c=http://d/e',
    'X-Forwarded-For': '192.0.2.1',
  },
  caddy: {
    Host: 'app.example.com:8443',
    'X-Forwarded-Method': 'PUT',
    'X-Forwarded-Host': 'app.example.com:8443',
    'X-Forwarded-Uri': '/a%20b?c=http://d/e',
    'X-Forwarded-For': '192.0.2.1',
  },
};
const KINDS = Object.keys(GATEWAYS) as GatewayKind[];
/** Where the subrequest of a gateway goes is nothing that the client asked for; Envoy's check is the request itself. */
const ownOf = (kind: GatewayKind) =>
  kind === 'envoy' ? { method: 'PUT', url: '/a%20b?c=http://d/e' } : { method: 'GET', url: '/public' };

function read(kind: GatewayKind, headers: readonly string[]) {
  return originalRequest({ ...ownOf(kind), rawHeaders: headers }, kind, scene.policy);
}
const raw = (headers: Readonly<Record<string, string>>) => Object.entries(headers).flat();

describe.each(KINDS)('the original request from %s', (kind) => {
  it('is in the trace that its headers name', () => {
    const trace = { traceparent: '00-a', tracestate: 'b=c' };
    expect(read(kind, [...raw(TOLD[kind]), 'Traceparent', '00-a', 'TraceState', 'b=c'])).toMatchObject(trace);
    expect(read(kind, raw(TOLD[kind])).traceparent).toBeUndefined();
  });

  it('is told by its headers', () => {
    expect(read(kind, [...raw(TOLD[kind]), 'Cookie', 'a=1'])).toMatchObject({
      transport: 'http',
      method: 'PUT',
      host: 'app.example.com:8443',
      path: '/a%20b?c=http://d/e',
      address: '192.0.2.1',
      contextExtensions: new Map(),
    });
    expect(read(kind, raw(TOLD[kind])).fault).toBeUndefined();
  });

  it.each(GATEWAYS[kind].required)('E3 is denied without %s, empty or twice', async (name) => {
    const others = Object.entries(TOLD[kind]).filter(([other]) => other.toLowerCase() !== name);
    const own = TOLD[kind][Object.keys(TOLD[kind]).find((other) => other.toLowerCase() === name) ?? ''] ?? '';
    for (const [headers, fault] of [
      [others.flat(), `the gateway did not send ${name}`],
      [[...others.flat(), name, ''], `the gateway did not send ${name}`],
      [[...others.flat(), name, own, name.toUpperCase(), own], `the gateway sent ${name} more than once`],
    ] as const) {
      const asked = read(kind, headers);
      expect(asked.fault).toBe(fault);
      expect(await scene.decide(asked)).toMatchObject({
        decision: 'deny',
        reason: 'no_route',
        detail: fault,
      });
    }
  });

  it('E3 is not what the headers of other gateways say', () => {
    const lies = KINDS.filter((other) => other !== kind)
      .flatMap((other) => Object.entries(TOLD[other]))
      .filter(([name]) => !Object.keys(TOLD[kind]).includes(name));
    const lying = lies.flatMap(([name, value]) => [
      name,
      value.replace('app', 'evil').replace('/a', '/public'),
    ]);
    const { headers } = read(kind, [...raw(TOLD[kind]), ...lying]);
    expect(read(kind, [...raw(TOLD[kind]), ...lying])).toEqual({ ...read(kind, raw(TOLD[kind])), headers });
  });
});

describe('headers', () => {
  it('that are repeated are joined as Envoy joins them', () => {
    const { headers } = read('envoy', [
      ...[
        'Host',
        'a',
        'COOKIE',
        'a=1',
        'cookie',
        'b=2',
        'Authorization',
        'Basic x',
        'authorization',
        'Bearer y',
      ],
      ...['X-Csrf-Token', 'a', 'x-csrf-token', 'a'],
    ]);
    expect(Object.fromEntries(headers)).toEqual({
      host: 'a',
      cookie: 'a=1; b=2',
      authorization: 'Basic x,Bearer y',
      'x-csrf-token': 'a,a',
    });
  });

  it('named like what every object has are headers', () => {
    const { headers } = read('envoy', ['Host', 'a', '__proto__', 'x', 'constructor', 'y']);
    expect(headers.get('__proto__')).toBe('x');
    expect(headers.get('constructor')).toBe('y');
  });

  it.each(['x-session-admin', 'X-Session-Attr-Unknown', 'x_session_ref', 'x.session.ref'])(
    'E8 that nginx and Caddy would pass on are refused: %s',
    (name) => {
      for (const kind of KINDS) {
        const { fault } = read(kind, [...raw(TOLD[kind]), name, 'forged']);
        const isRefused = kind === 'nginx' || kind === 'caddy';
        expect(fault === undefined, kind).toBe(!isRefused);
        if (isRefused) expect(fault).toContain(`passes on ${name.toLowerCase()}`);
      }
    },
  );

  it('E8 that their configuration overwrites may come', () => {
    expect(read('nginx', [...raw(TOLD.nginx), 'X-Session-Subject', 'forged']).fault).toBeUndefined();
  });
});

describe("nginx's original URL", () => {
  it.each([
    ['http://a/b', 'a', '/b'],
    ['https://a:8443/b?c#d', 'a:8443', '/b?c#d'],
    ['http://a?b/c', 'a?b', '/c'],
    ['http://user@a/b', 'user@a', '/b'],
    ['http:///b', '', '/b'],
    ['http://a//b', 'a', '//b'],
    ['/b', '', ''],
    ['http://a', '', ''],
    ['ftp://a/b', '', ''],
    ['HTTP://a/b', '', ''],
    ['x http://a/b', '', ''],
  ])('%s has the host "%s" and the path "%s"', (url, host, path) => {
    expect(read('nginx', ['X-Original-Method', 'GET', 'X-Original-URL', url])).toMatchObject({ host, path });
  });
});

describe("the client's address", () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['10.9.9.9, 192.0.2.1', '192.0.2.1'],
    ['192.0.2.1,', undefined],
    ['192.0.2.1:443', undefined],
    ['unknown', undefined],
    ['', undefined],
  ])('%s is %s', (told, address) => {
    expect(read('traefik', raw({ ...TOLD.traefik, 'X-Forwarded-For': told })).address).toBe(address);
  });
});
