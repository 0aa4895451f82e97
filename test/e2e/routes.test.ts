/** Routes, paths and Envoy's own per-route settings, through a real Envoy that normalises nothing. */
import type { Document } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBed, HCM, revoke, unguarded, type Bed } from './bed.ts';

const ROUTES = [...HCM, 'route_config', 'virtual_hosts', 0, 'routes'] as const;

/** Per-route context_extensions for a path prefix, in front of Envoy's other routes. */
function withExtensions(
  document: Document,
  prefix: string,
  extensions: Readonly<Record<string, string>>,
): void {
  const routes = document.getIn(ROUTES, true) as { items: unknown[] };
  routes.items.unshift(
    document.createNode({
      match: { prefix },
      route: { cluster: 'billing', prefix_rewrite: '/' },
      typed_per_filter_config: {
        'envoy.filters.http.ext_authz': {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
          check_settings: { context_extensions: extensions },
        },
      },
    }),
  );
}

let bed: Bed;
beforeAll(async () => {
  bed = await createBed({
    envoy: (document) => {
      unguarded(document);
      withExtensions(document, '/public/narrowed', { 'singlestate.require': 'invoices:read invoices:list' });
      withExtensions(document, '/public/mistyped', { 'singlestate.requires': 'invoices:read' });
      withExtensions(document, '/billing/invoices/other-app', { 'singlestate.app': 'reports' });
    },
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

const reasonOf = ({ body }: { readonly body: string }) =>
  (JSON.parse(body) as { readonly reason?: string }).reason;

describe('E3 a variant of a protected path never lands on a public rule', () => {
  const VARIANTS = [
    '//billing/invoices/42',
    '/public/../billing/invoices/42',
    '/public/%2e%2e/billing/invoices/42',
    '/public/..%2fbilling/invoices/42',
    '/public/..%5cbilling/invoices/42',
    '/public/..;/billing/invoices/42',
    '/public\\..\\billing/invoices/42',
    '/./billing/invoices/42',
    '/billing//invoices/42',
    '/%62illing/invoices/42',
    '/billing/invoices/42/',
    '/billing/invoices/42;a=b',
    '/billing/invoices/42%00',
    '/public/%252e%252e/billing/invoices/42',
    '/public//x/../../billing/invoices/42',
    '//public/a',
    '/public/%c0%ae%c0%ae/x',
  ];

  test.each(VARIANTS)('%s', async (path) => {
    const answer = await bed.ask(path);
    expect([400, 401, 403]).toContain(answer.status);
  });
});

test('a spelling that means the same is the same route', async () => {
  const { token } = await bed.open();
  for (const path of [
    '/billing/invoices/42',
    '/billing/invoices/4%32',
    '/billing/invoices/42/',
    '/billing/invoices/42?a=/../b',
  ]) {
    expect((await bed.ask(path, { token })).status, path).toBe(200);
  }
});

test('E3 a path parameter is part of the scope, and brings no other scope into it', async () => {
  const { token } = await bed.open({ scopes: ['tenant:acme:read', 'tenant:evil:*'] });
  expect((await bed.ask('/tenants/acme/users', { token })).status).toBe(200);
  expect((await bed.ask('/tenants/evil/users', { token })).status).toBe(200);
  expect((await bed.ask('/tenants/other/users', { token })).status).toBe(403);
  expect((await bed.ask('/tenants/evil:x/users', { token })).status).toBe(403);
  expect((await bed.ask('/tenants/*/users', { token })).status).toBe(403);
});

test('H2 context_extensions tighten a route, and a mistyped or foreign one denies', async () => {
  const [reader, lister] = [await bed.open(), await bed.open({ scopes: ['invoices:*'] })];
  expect(reasonOf(await bed.ask('/public/narrowed'))).toBe('no_credential');
  expect(reasonOf(await bed.ask('/public/narrowed', { token: reader.token }))).toBe('insufficient_scope');
  expect((await bed.ask('/public/narrowed', { token: lister.token })).status).toBe(200);
  expect(reasonOf(await bed.ask('/public/mistyped', { token: lister.token }))).toBe('no_route');
  expect(reasonOf(await bed.ask('/billing/invoices/other-app', { token: lister.token }))).toBe('no_route');
});

test('D10 a shadow route reports what it would deny and lets it pass without an identity; an outage it does not', async () => {
  const { token } = await bed.open({ scopes: ['reports:read'] });
  const answer = await bed.ask('/shadow', { token });
  expect(answer.status).toBe(200);
  expect(answer.received?.headers).not.toHaveProperty('x-session-subject');
  expect(await bed.metrics()).toMatch(
    /singlestate_checks_total\{transport="grpc",app="billing",decision="allow",reason="insufficient_scope"\} 1/,
  );
  bed.valkey.pause();
  const outage = await bed.ask('/shadow', { token }).finally(() => bed.valkey.resume());
  expect(outage.status).toBe(503);
});

test('an optional route passes whoever has no session, with an identity only where there is one', async () => {
  const { ref, token } = await bed.open();
  expect((await bed.ask('/home')).received?.headers).not.toHaveProperty('x-session-ref');
  expect((await bed.ask('/home', { token: 'expired-or-broken' })).status).toBe(200);
  expect((await bed.ask('/home', { token })).received?.headers['x-session-ref']).toBe(ref);
});

test('the method counts: a route names those it is for', async () => {
  const { token } = await bed.open({ scopes: ['invoices:*'] });
  expect(reasonOf(await bed.ask('/billing/invoices/42', { method: 'DELETE', token }))).toBe('no_route');
});

test('a browser gets a page, a program gets problem details', async () => {
  const page = await bed.ask('/me', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
  expect(page).toMatchObject({ status: 401, headers: { 'content-type': 'text/html; charset=utf-8' } });
  expect(page.body).toContain('<h1>Please sign in</h1>');
  expect((await bed.ask('/me')).headers['content-type']).toBe('application/problem+json');
});

test('E6 a revoked session is out with the next request', async () => {
  const { ref, token } = await bed.open();
  expect((await bed.ask('/me', { token })).status).toBe(200);
  await revoke(bed, ref);
  expect(reasonOf(await bed.ask('/me', { token }))).toBe('revoked');
});
