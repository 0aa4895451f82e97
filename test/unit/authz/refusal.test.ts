import { describe, expect, it } from 'vitest';
import { deny, fail, type Deny, type Failure } from '../../../src/authz/decision.ts';
import { REASONS, type DenyReason, type ErrorReason, type Reason } from '../../../src/authz/reason.ts';
import { refusal } from '../../../src/authz/refusal.ts';
import type { Route } from '../../../src/authz/routes.ts';
import { scopeTemplate } from '../../../src/authz/scopes.ts';
import { request, routeOf } from './scene.ts';

const ALL = Object.keys(REASONS) as Reason[];
const ROUTE = routeOf({
  name: 'GET billing.example.com/invoices/{id}',
  app: 'billing',
  access: 'scopes',
  all: [scopeTemplate('invoices:read'), scopeTemplate('tenant:{id}:read')],
  any: [scopeTemplate('x'), scopeTemplate('y')],
  authentication: { acr: ['gold', 'bill"ing', 'silver'], amr: ['otp'], maxAgeMs: 300_999 },
});

function refused(reason: Reason, route: Route): Deny | Failure {
  if (REASONS[reason].decision === 'error') return fail(reason as ErrorReason, new Error('gone'), route);
  return deny(reason as DenyReason, { route, retryAfterMs: 1_001 });
}

function told(reason: Reason, accept?: string, route = ROUTE) {
  const asked = request({ headers: accept === undefined ? {} : { accept } });
  const { status, headers, body } = refusal(refused(reason, route), 'the-id', asked);
  return { status, body, headers: Object.fromEntries(headers) };
}

describe('a program is told by problem details (RFC 9457)', () => {
  it.each(ALL)('%s', (reason) => {
    const { status, headers, body } = told(reason, 'application/json');
    expect(status).toBe(REASONS[reason].status);
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-singlestate-decision-id': 'the-id',
    });
    expect(JSON.parse(body)).toEqual({
      type: `urn:singlestate:reason:${reason}`,
      title: REASONS[reason].title,
      status,
      reason,
      decision_id: 'the-id',
    });
  });

  it('D2 all outages look the same, can be tried again, and are no logout', () => {
    const failures = ALL.filter((reason) => REASONS[reason].decision === 'error');
    for (const reason of failures) {
      const { status, headers } = told(reason);
      expect(status).toBe(503);
      expect(headers['retry-after']).toBe('1');
      expect(headers).not.toHaveProperty('set-cookie');
      expect(headers).not.toHaveProperty('location');
      expect(headers).not.toHaveProperty('www-authenticate');
    }
    expect(failures).toHaveLength(5);
  });

  it('of the denials only a limit is worth another try, once it has passed', () => {
    for (const reason of ALL.filter((one) => REASONS[one].decision === 'deny')) {
      expect(told(reason).headers['retry-after']).toBe(reason === 'rate_limited' ? '2' : undefined);
    }
  });

  it.each([
    [undefined, '1'],
    [0, '1'],
    [1, '1'],
    [1_000, '1'],
    [59_001, '60'],
  ])('E11 a limit that is reached for %j ms is tried again after %s s', (retryAfterMs, seconds) => {
    const { headers } = refusal(deny('rate_limited', { retryAfterMs }), 'the-id', request());
    expect(Object.fromEntries(headers)['retry-after']).toBe(seconds);
  });
});

describe('the challenge (RFC 6750 section 3, RFC 9470)', () => {
  it.each<[Reason, string | undefined]>([
    ['no_credential', 'Bearer realm="singlestate"'],
    [
      'expired_token',
      'Bearer realm="singlestate", error="invalid_token", error_description="The session token has expired"',
    ],
    [
      'ambiguous_credential',
      'Bearer realm="singlestate", error="invalid_request", error_description="Two different session tokens were sent"',
    ],
    [
      'insufficient_scope',
      'Bearer realm="singlestate", error="insufficient_scope", ' +
        'error_description="The session lacks a scope that this route requires", scope="invoices:read x y"',
    ],
    [
      'insufficient_user_authentication',
      'Bearer realm="singlestate", error="insufficient_user_authentication", ' +
        'error_description="A stronger or more recent login is required", ' +
        'acr_values="gold silver", max_age="300"',
    ],
    ['csrf', undefined],
    ['rate_limited', undefined],
    ['no_route', undefined],
    ['store_timeout', undefined],
  ])('%s', (reason, challenge) => {
    expect(told(reason).headers['www-authenticate']).toBe(challenge);
  });

  it('every 401 has one, and it is one header line', () => {
    for (const reason of ALL.filter((one) => REASONS[one].status === 401)) {
      expect(told(reason).headers['www-authenticate']).toMatch(/^Bearer (\w+="[^"\\\r\n]*"(, )?)+$/);
    }
  });

  it('names no scopes where there is no route', () => {
    expect(
      told('insufficient_scope', undefined, { ...ROUTE, all: [], any: [] }).headers['www-authenticate'],
    ).not.toContain('scope="');
  });
});

describe('a browser is told by a page', () => {
  it.each([
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['TEXT/HTML', true],
    ['text/html, application/json', true],
    ['application/json, text/html', false],
    ['application/problem+json, text/html', false],
    ['application/vnd.api+json, text/html', false],
    ['application/json', false],
    ['*/*', false],
    ['text/plain', false],
    ['', false],
    [undefined, false],
  ])('for accept %j: %j', (accept, html) => {
    const { headers } = told('no_credential', accept);
    expect(headers['content-type']).toBe(html ? 'text/html; charset=utf-8' : 'application/problem+json');
  });

  it.each(ALL)('%s: status, reason and decision id, without script, and cached by nobody', (reason) => {
    const { status, headers, body } = told(reason, 'text/html');
    expect(status).toBe(REASONS[reason].status);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'x-singlestate-decision-id': 'the-id',
    });
    expect(body).toContain(`<small>${status} ${reason} · the-id</small>`);
    expect(body).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
    expect(body).not.toMatch(/<script|<a |<img|<form/);
  });
});

describe('E3 the caller is told no more than it may know', () => {
  it.each(ALL)('%s tells no rule, no app, no host', (reason) => {
    for (const accept of ['application/json', 'text/html']) {
      expect(JSON.stringify(told(reason, accept))).not.toMatch(/billing|example\.com|\{id\}|tenant/);
    }
  });
});
