/** What must be so behind every gateway: one table of scenarios, told through the gateway itself. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StoreError } from '../../src/session/store.ts';
import {
  createBed,
  revoke,
  WITH_LOGIN,
  type Answer,
  type Bed,
  type BedGateway,
  type OpenedSession,
} from '../e2e/bed.ts';
import { createFaults } from '../fakes/faulty-store.ts';

/** How a gateway differs; the page about it says the same. */
export interface GatewayLimits {
  /** Whose words a denied client reads: Singlestate's, or the gateway's own version of them. */
  readonly denialBody: 'same' | 'own';
  /** Whether a failed check (5xx) reaches the client with Singlestate's body. */
  readonly failureBody: 'same' | 'own';
  /** A header under the prefix that no configuration sets: taken out, or its request refused. */
  readonly unknownHeader: 'removed' | 'refused';
  /** What a client gets where the gateway is none of the trusted peers; over gRPC there are none to be. */
  readonly untrusted?: 421 | 503;
  /** What a client gets where Singlestate gives no answer. */
  readonly gone: 503 | 500;
  /** Whether that answer says when to come back. */
  readonly goneSaysWhen: boolean;
  /** Whether its file has a route that is not checked. */
  readonly uncheckedRoutes: boolean;
  /** Whether the decision's id and `cache-control` reach the client of an allowed request. */
  readonly tellsOfAllows: boolean;
}

/** Of an Envoy that asks over gRPC, whoever configures it. */
export const ENVOY_OVER_GRPC: GatewayLimits = {
  denialBody: 'same',
  failureBody: 'same',
  unknownHeader: 'removed',
  gone: 503,
  goneSaysWhen: false,
  uncheckedRoutes: true,
  tellsOfAllows: true,
};

const CSRF = 'b2xkLWZyaWVuZHMtYXJlLWJlc3Q';
const MINUTE = 60_000;
const PAGE = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
const PER_SESSION = 12;

const CONFIG = {
  ...WITH_LOGIN,
  session: { idleTimeout: '2h', absoluteTimeout: '12h' },
  rateLimits: { perSession: { limit: PER_SESSION, window: '1h' } },
  routes: [
    { match: { path: '/public/{rest*}' }, require: { public: true } },
    { match: { path: '/healthz' }, require: { public: true } },
    { match: { path: '/me' }, require: { session: true } },
    { match: { path: '/page' }, require: { session: true }, onUnauthenticated: 'login' },
    { match: { path: '/invoices/{id}' }, app: 'billing', require: { all: ['invoices:read'] } },
    { match: { path: '/reports' }, app: 'reports', require: { all: ['reports:read'] } },
  ],
};

const APP_HEADERS = { 'set-cookie': ['cart=1', 'theme=dark'] };

/** Headers with which a client might try to say what it asked for, or where it comes from. */
const LIES = {
  'x-original-method': 'GET',
  'x-original-url': 'http://app.test/public/a',
  'x-original-uri': '/public/a',
  'x-original-host': 'app.test',
  'x-forwarded-method': 'GET',
  'x-forwarded-host': 'app.test',
  'x-forwarded-uri': '/public/a',
  'x-forwarded-proto': 'https',
  'x-envoy-original-path': '/public/a',
  'x-rewrite-url': '/public/a',
};

export function gatewayScenarios(name: string, gateway: BedGateway, limits: GatewayLimits): void {
  describe(`behind ${name}`, () => {
    const clock = { aheadMs: 0 };
    const { faults, wrapStore } = createFaults();
    let bed: Bed;
    let session: OpenedSession;

    beforeAll(async () => {
      const now = () => Date.now() + clock.aheadMs;
      bed = await createBed({ gateway, config: CONFIG, seams: { now, wrapStore }, appHeaders: APP_HEADERS });
    });
    afterAll(() => bed[Symbol.asyncDispose]());

    // Each scenario has its own, as each counts against a limit.
    const open = async () =>
      (session = await bed.open({
        csrfToken: CSRF,
        scopes: ['invoices:read', 'admin'],
        attributes: { email_domain: 'example.com', salary: '1' },
        slices: { cart: { items: [1] } },
        expiresAtMs: Date.now() + 12 * 60 * MINUTE,
      }));

    const expectProblem = (answer: Answer, status: number, reason: string) => {
      expect(answer.status).toBe(status);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.headers['x-singlestate-decision-id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.headers['cache-control']).toContain('no-store');
      expect(answer.headers['set-cookie'], 'D2 no answer takes the cookie away').toBeUndefined();
      const problem = JSON.parse(answer.body) as Record<string, unknown>;
      expect(problem).toMatchObject({ type: `urn:singlestate:reason:${reason}`, status, reason });
      if (limits.denialBody === 'same') expect(problem).toHaveProperty('title');
      expect(problem['decision_id']).toBe(answer.headers['x-singlestate-decision-id']);
    };

    test('a public route passes without a session', async () => {
      const answer = await bed.ask('/public/a?b=%20c');
      expect(answer.status).toBe(200);
      expect(answer.received).toMatchObject({ method: 'GET', path: '/public/a?b=%20c' });
      expect(sessionHeaders(answer)).toEqual({});
    });

    test('without a session it is 401, with a challenge', async () => {
      const answer = await bed.ask('/me');
      expectProblem(answer, 401, 'no_credential');
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="singlestate"');
    });

    test('B3 C1 the app gets the session, less what it does not read', async () => {
      const { ref, token, document } = await open();
      const answer = await bed.ask('/invoices/7', { token });
      expect(answer.status).toBe(200);
      const { 'x-session-assertion': assertion, ...others } = sessionHeaders(answer);
      expect(assertion?.split('.')).toHaveLength(3);
      expect(others).toEqual({
        'x-session-ref': ref,
        'x-session-subject': document.identity.subject,
        'x-session-issuer': 'https://idp.test',
        'x-session-scopes': 'invoices:read',
        'x-session-version': '1',
        'x-session-expires': String(Math.floor(document.expiresAtMs / 1000)),
        'x-session-attr-email-domain': 'example.com',
        'x-session-slice-cart': Buffer.from('{"items":[1]}').toString('base64url'),
      });
      const decisionId = answer.headers['x-singlestate-decision-id'];
      expect(decisionId !== undefined).toBe(limits.tellsOfAllows);
    });

    test('C1 each route has its own app and requirement, which the gateway need not know', async () => {
      const { token } = await bed.open({
        scopes: ['invoices:read', 'reports:read'],
        attributes: { email_domain: 'example.com' },
      });
      const scopesAt = async (path: string) => {
        const headers = sessionHeaders(await bed.ask(path, { token }));
        return [headers['x-session-scopes'], headers['x-session-attr-email-domain']];
      };
      expect(await scopesAt('/invoices/7')).toEqual(['invoices:read', 'example.com']);
      expect(await scopesAt('/reports')).toEqual(['reports:read', undefined]);
    });

    test('the pages of the login are reached without a check, and nothing else of their listener is', async () => {
      const page = await bed.ask('/auth/login', { headers: PAGE });
      // From the login itself, which knows no such host.
      expect(page.status).toBe(400);
      expect(page.body).toContain('There is no login at this address');
      expect(page.headers).not.toHaveProperty('x-singlestate-decision-id');
      const call = '/singlestate.session.v1.SessionService/ListSessions';
      for (const path of [call, '/.well-known/jwks.json', '/oauth2/introspect']) {
        expectProblem(await bed.ask(path), 403, 'no_route');
      }
    });

    test('E8 the session token reaches no app, and what is the app its own does', async () => {
      const { token } = await open();
      const bearer = await bed.ask('/me', { token, headers: { cookie: 'a=1; b=2' } });
      expect(bearer.received?.headers).not.toHaveProperty('authorization');
      expect(bearer.received?.headers['cookie']).toBe('a=1; b=2');
      const basic = { authorization: 'Basic YTpi', cookie: `a=1; __Host-session=${token}; b=2` };
      for (const path of ['/me', '/public/a']) {
        const { received } = await bed.ask(path, { headers: basic });
        expect(received?.headers, path).toMatchObject({ authorization: 'Basic YTpi', cookie: 'a=1; b=2' });
      }
      const alone = await bed.ask('/me', { headers: session.cookie });
      expect(alone.status).toBe(200);
      expect(alone.received?.headers).not.toHaveProperty('cookie');
      expect(JSON.stringify(alone.received)).not.toContain(token);
    });

    test('without the scope it is 403, and after a revocation 401', async () => {
      const { token, ref } = await open();
      const denied = await bed.ask('/reports', { token });
      expectProblem(denied, 403, 'insufficient_scope');
      expect(denied.headers['www-authenticate']).toContain('error="insufficient_scope"');
      await revoke(bed, ref);
      expectProblem(await bed.ask('/me', { token }), 401, 'revoked');
    });

    test.each([
      '/nowhere',
      '/ME',
      '/me;x',
      '/public/../me',
      '/public/%2e%2e/me',
      '/public/..%2fme',
      '/me%2f',
      '//me',
    ])('E3 no way around by the path: %s', async (path) => {
      const { status } = await bed.ask(path);
      expect([400, 401, 403]).toContain(status);
    });

    test('E3 what was asked is not the client to say', async () => {
      for (const [header, value] of Object.entries(LIES)) {
        expect((await bed.ask('/me', { headers: { [header]: value } })).status, header).toBe(401);
        expect((await bed.ask('/me', { headers: { [header]: [value, value] } })).status, header).toBe(401);
      }
      expect((await bed.ask('/me', { headers: LIES })).status).toBe(401);
    });

    const SPELLINGS = [
      'x-session-subject',
      'X-Session-Scopes',
      'X_SESSION_ref',
      'x.session.subject',
      'x-session_ref',
    ];

    test.each(['/public/a', '/healthz', '/me'])('E8 forged headers reach no app: %s', async (path) => {
      const { token, ref } = await open();
      for (const spelling of SPELLINGS) {
        const { status, received } = await bed.ask(path, { token, headers: { [spelling]: 'forged' } });
        expect(status, spelling).toBe(200);
        expect(JSON.stringify(received), spelling).not.toContain('forged');
        if (path === '/me') expect(received?.headers['x-session-ref']).toBe(ref);
      }
    });

    test('B3 no client can have them taken out again on the way to the app', async () => {
      const { token, ref } = await open();
      for (const named of ['x-session-ref', 'close, X-Session-Ref']) {
        const answer = await bed.ask('/me', { token, headers: { connection: named } });
        expect(answer.received?.headers['x-session-ref'], named).toBe(ref);
      }
    });

    test('E8 nor does one that Singlestate never sets', async () => {
      const answer = await bed.ask('/public/a', { headers: { 'x-session-admin': 'forged' } });
      expect(answer.status).toBe(limits.unknownHeader === 'refused' ? 403 : 200);
      expect(answer.body).not.toContain('forged');
    });

    test('E13 a cookie-borne POST needs the CSRF token', async () => {
      const { cookie, token } = await open();
      expectProblem(await bed.ask('/me', { method: 'POST', headers: cookie }), 403, 'csrf');
      const answer = await fetch(`${bed.url}/me`, {
        method: 'POST',
        body: 'a'.repeat(100_000),
        headers: { ...cookie, 'x-csrf-token': CSRF },
      });
      expect(answer.status).toBe(200);
      const received = (await answer.json()) as { method: string; headers: object };
      expect(received.method).toBe('POST');
      expect(received.headers).not.toHaveProperty('x-csrf-token');
      const own = { 'x-csrf-token': 'of the app' };
      expect((await bed.ask('/public/a', { token, headers: own })).received?.headers).toMatchObject(own);
    });

    test('HEAD is checked as GET, and answered without a body', async () => {
      expect(await bed.ask('/me', { method: 'HEAD' })).toMatchObject({ status: 401, body: '' });
      const { token } = await open();
      const answer = await fetch(`${bed.url}/invoices/7`, {
        method: 'HEAD',
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.status).toBe(200);
    });

    test('a page load without a session is sent to log in', async () => {
      const answer = await bed.ask('/page?a=b', { headers: PAGE });
      expect(answer.status).toBe(302);
      expect(answer.headers['location']?.toString()).toMatch(/^\/auth\/login\?return_to=%2Fpage%3Fa%3Db$/);
      expect((await bed.ask('/page')).status).toBe(401);
    });

    test('beyond its limit a session gets 429 and when to come back', async () => {
      const { token } = await open();
      for (let asked = 0; asked < PER_SESSION; asked += 1) await bed.ask('/me', { token });
      const answer = await bed.ask('/me', { token });
      expectProblem(answer, 429, 'rate_limited');
      expect(answer.headers['retry-after']).toMatch(/^\d+$/);
    });

    test('a fresh cookie reaches the browser, beside the cookies of the app', async () => {
      const { cookie, ref } = await open();
      clock.aheadMs = 31 * MINUTE;
      const answer = await bed.ask('/me', { headers: cookie }).finally(() => (clock.aheadMs = 0));
      expect(answer.status).toBe(200);
      const cookies = [answer.headers['set-cookie'] ?? []].flat();
      const fresh = cookies.map((one) => /^__Host-session=([^;]+)/.exec(one)?.[1]).find(Boolean) ?? '';
      expect(cookies.toSorted()).toEqual([
        `__Host-csrf=${CSRF}; Path=/; Secure; SameSite=Lax`,
        `__Host-session=${fresh}; Path=/; Secure; SameSite=Lax; HttpOnly`,
        'cart=1',
        'theme=dark',
      ]);
      if (limits.tellsOfAllows) expect(answer.headers['cache-control']).toContain('no-store');
      expect(JSON.stringify(answer.received)).not.toContain(fresh);
      clock.aheadMs = 80 * MINUTE;
      const renewed = { cookie: `__Host-session=${fresh}` };
      const next = await bed.ask('/me', { headers: renewed }).finally(() => (clock.aheadMs = 0));
      expect(next.received?.headers['x-session-ref']).toBe(ref);
    });

    test.each([
      ['times out', new StoreError('ERR_STORE_TIMEOUT', 'late'), 'store_timeout'],
      ['is out of reach', new StoreError('ERR_STORE_UNAVAILABLE', 'gone'), 'store_unavailable'],
      ['does what it should not', new TypeError('injected'), 'internal'],
    ])('D2 a store that %s makes a 503, and is never an allow', async (_, error, reason) => {
      const { cookie } = await open();
      faults.read = () => Promise.reject(error);
      const answer = await bed
        .ask('/page', { headers: { ...cookie, ...PAGE } })
        .finally(() => (faults.read = undefined));
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('1');
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.headers['location']).toBeUndefined();
      if (limits.failureBody === 'same') expect(answer.body).toContain(reason);
    });

    test('the metrics say how the check came', async () => {
      await bed.ask('/me');
      const transport = gateway.kind === undefined ? 'grpc' : 'http';
      const labels = `transport="${transport}",app="none",decision="deny",reason="no_credential"`;
      expect(await bed.metrics()).toContain(`singlestate_checks_total{${labels}}`);
    });

    test('E11 the client is whom the gateway saw, whatever it says itself', async () => {
      await using limited = await createBed({
        gateway,
        config: { rateLimits: { perAddress: { limit: 2, window: '1h' } } },
      });
      const statuses: number[] = [];
      for (const claimed of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
        const headers = {
          'x-forwarded-for': claimed,
          'x-real-ip': claimed,
          'x-singlestate-address': claimed,
        };
        statuses.push((await limited.ask('/public/a', { localAddress: '127.0.0.2', headers })).status);
      }
      expect(statuses).toEqual([200, 200, 429]);
      expect((await limited.ask('/public/a', { localAddress: '127.0.0.3' })).status).toBe(200);
    });

    test('D2 without Singlestate nothing passes, but where no check is asked for', async () => {
      await using other = await createBed({ gateway });
      const { token } = await other.open();
      expect((await other.ask('/me', { token })).status).toBe(200);
      await other.server.stop();
      const answer = await other.ask('/me', { token });
      expect(answer.status).toBe(limits.gone);
      expect(answer.headers['retry-after']).toBe(limits.goneSaysWhen ? '1' : undefined);
      if (limits.uncheckedRoutes) expect((await other.ask('/healthz')).status).toBe(200);
    });

    if (limits.untrusted === undefined) return;
    test('a gateway that is not trusted passes nothing', async () => {
      await using other = await createBed({ gateway, config: { http: { trustedPeers: ['192.0.2.0/24'] } } });
      const { token } = await other.open();
      for (const path of ['/me', '/public/a']) {
        const { status } = await other.ask(path, { token });
        expect(status).toBe(limits.untrusted);
      }
      expect(other.lines.join('')).toContain('http.trustedPeers');
      expect(await other.metrics()).not.toContain('singlestate_checks_total{');
    });
  });
}

function sessionHeaders({ received }: Answer): Record<string, string> {
  const isOurs = (name: string) => name.replace(/[^a-z0-9]/g, '-').startsWith('x-session-');
  return Object.fromEntries(Object.entries(received?.headers ?? {}).filter(([name]) => isOurs(name)));
}
