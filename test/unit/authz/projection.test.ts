import { describe, expect, it } from 'vitest';
import { compileProjection, configurableHeaders, headerNames } from '../../../src/authz/projection.ts';
import type { SessionDocument } from '../../../src/session/document.ts';
import type { SessionRef } from '../../../src/session/ref.ts';
import { validate, type ValidSession } from '../../../src/session/validity.ts';
import { configFrom, document, HOUR, NOW } from './scene.ts';

const NAMES = headerNames('x-session-');

function session(changes: Partial<SessionDocument> = {}): ValidSession {
  const live = { ref: '0a.abc' as SessionRef, version: 7, lastSeenAtMs: NOW, document: document(changes) };
  const validity = validate({ state: 'live', session: live }, NOW, HOUR);
  if (!validity.valid) throw new Error(validity.reason);
  return validity.session;
}

function headersFor(reads: Readonly<Record<string, unknown>> | undefined, changes: Partial<SessionDocument>) {
  const app = configFrom({ apps: { app: reads === undefined ? {} : { reads } } }).apps['app'];
  const projection = compileProjection('app', app, NAMES);
  const valid = session(changes);
  return Object.fromEntries(projection.headers(valid));
}

const RICH: Partial<SessionDocument> = {
  scopes: ['invoices:read', 'invoices:write', 'reports:read', 'admin'],
  attributes: { email_domain: 'example.com', team: 'blå', secret: 'shh' },
  slices: { cart: { items: [1, 'é'] }, theme: null, hidden: 'x' },
};

describe('C1 an app is given what its configuration names, and nothing else', () => {
  it('everybody learns who it is, and until when', () => {
    expect(headersFor(undefined, RICH)).toEqual({
      'x-session-ref': '0a.abc',
      'x-session-subject': 'alice',
      'x-session-issuer': 'https://idp.example.com',
      'x-session-scopes': '',
      'x-session-version': '7',
      'x-session-expires': String((NOW + 12 * HOUR) / 1000),
    });
  });

  it('scopes by name or by prefix', () => {
    const scopesFor = (scopes: string[]) => headersFor({ scopes }, RICH)['x-session-scopes'];
    expect(scopesFor(['invoices:read'])).toBe('invoices:read');
    expect(scopesFor(['invoices:*'])).toBe('invoices:read invoices:write');
    expect(scopesFor(['reports:*', 'admin'])).toBe('reports:read admin');
    expect(scopesFor(['*'])).toBe('');
  });

  it('attributes and slices by name', () => {
    const headers = headersFor(
      { attributes: ['email_domain', 'team', 'absent'], slices: ['cart', 'theme', 'absent'] },
      RICH,
    );
    expect(headers).toMatchObject({
      'x-session-attr-email-domain': 'example.com',
      'x-session-attr-team': 'bl%C3%A5',
      'x-session-slice-cart': Buffer.from('{"items":[1,"é"]}').toString('base64url'),
      'x-session-slice-theme': 'bnVsbA',
    });
    expect(JSON.stringify(headers)).not.toMatch(/shh|hidden|absent/);
  });

  it.each([['constructor'], ['toString'], ['valueof']])('no attribute or slice is inherited: %s', (name) => {
    const lower = name.toLowerCase();
    const headers = headersFor({ attributes: [lower], slices: [lower] }, { attributes: {}, slices: {} });
    expect(Object.keys(headers)).toHaveLength(6);
  });

  it('E3 a scope that is none adds no other to the list', () => {
    const scopes = [
      'invoices:read admin',
      'invoices:a\r\nx-session-subject: root',
      'invoices:é',
      'invoices:',
      'invoices:ok',
    ];
    expect(headersFor({ scopes: ['invoices:*', 'admin'] }, { scopes })['x-session-scopes']).toBe(
      'invoices:ok',
    );
  });

  it('no content makes a header more than one line of visible ASCII', () => {
    const evil = 'a\r\nx-session-subject: root\0\u0085é😀 ';
    const headers = headersFor(
      { scopes: ['x:*'], attributes: ['team'], slices: ['cart'] },
      {
        identity: { provider: 'main', issuer: evil, subject: evil },
        scopes: [`x:${evil}`],
        attributes: { team: evil },
        slices: { cart: evil },
      },
    );
    for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e]*$/);
    expect(decodeURIComponent(headers['x-session-subject'] ?? '')).toBe(evil);
  });
});

describe('E8 the headers that a configuration can set are known beforehand', () => {
  it('so that each of them can be taken out, whatever the proxy shows', () => {
    const { apps } = configFrom({
      apps: {
        one: { reads: { attributes: ['email_domain'], slices: ['cart'] }, assertion: true },
        two: { reads: { attributes: ['email_domain', 'team'] } },
      },
    });
    expect(configurableHeaders(headerNames('x-me-'), apps)).toEqual([
      'x-me-ref',
      'x-me-subject',
      'x-me-issuer',
      'x-me-scopes',
      'x-me-version',
      'x-me-expires',
      'x-me-assertion',
      'x-me-attr-email-domain',
      'x-me-attr-team',
      'x-me-slice-cart',
    ]);
  });
});
