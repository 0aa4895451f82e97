import { describe, expect, it } from 'vitest';
import type { Answer, Passage } from '../../../src/authz/answer.ts';
import type { GatewayKind } from '../../../src/forward-auth/gateways.ts';
import { httpAnswer } from '../../../src/forward-auth/http-answer.ts';
import { request } from '../authz/scene.ts';

const PASSAGE: Passage = {
  allowed: true,
  set: [
    ['x-session-ref', 'e1.a'],
    ['cookie', 'a=1'],
  ],
  remove: ['x-session-assertion', 'authorization'],
  response: [['x-singlestate-decision-id', 'id']],
  metadata: { decision: 'allow', decision_id: 'id' },
};
const ASKED = request({
  headers: { cookie: 'a=1; __Host-session=t', authorization: 'Bearer t', 'x-csrf-token': 'own' },
});

/** The headers as a browser would be shown them, repeated ones as a list. */
function told(answer: Answer, kind: GatewayKind, asked = ASKED) {
  const { headers, ...rest } = httpAnswer(answer, asked, kind, 'x-csrf-token');
  const names = headers.filter((_, at) => at % 2 === 0);
  const values = headers.filter((_, at) => at % 2 === 1);
  return { ...rest, headers: names.map((name, at) => [name, values[at]]) };
}

describe('an allow', () => {
  it('tells Envoy what to set and what to take out', () => {
    expect(told(PASSAGE, 'envoy')).toEqual({
      status: 200,
      body: '',
      headers: [
        ['x-session-ref', 'e1.a'],
        ['cookie', 'a=1'],
        ['x-singlestate-decision-id', 'id'],
        ['x-envoy-auth-headers-to-remove', 'x-session-assertion,authorization'],
      ],
    });
  });

  it.each(['nginx', 'traefik', 'caddy'] as const)(
    'E8 tells %s all that the app gets, and nothing of what it does not',
    (kind) => {
      expect(told(PASSAGE, kind)).toEqual({
        status: 200,
        body: '',
        headers: [
          ['x-session-ref', 'e1.a'],
          ['cookie', 'a=1'],
          ['x-singlestate-decision-id', 'id'],
          ['x-csrf-token', 'own'],
        ],
      });
      const bare = request({ headers: {} });
      expect(told({ ...PASSAGE, set: [], remove: [] }, kind, bare).headers).toHaveLength(1);
    },
  );

  it('brings cookies: to nginx each under a name of its own', () => {
    const renewed = { ...PASSAGE, cookies: ['a=1', 'b=2'] };
    const cookies = (kind: GatewayKind) =>
      told(renewed, kind).headers.filter(([name]) => name?.includes('set-cookie'));
    expect(cookies('nginx')).toEqual([
      ['set-cookie', 'a=1'],
      ['x-singlestate-set-cookie-2', 'b=2'],
    ]);
    for (const kind of ['envoy', 'traefik', 'caddy'] as const)
      expect(cookies(kind)).toEqual([
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ]);
  });
});

describe('a refusal', () => {
  const refused = (status: number, headers: [string, string][] = [], body = '{}'): Answer => ({
    allowed: false,
    status,
    headers,
    body,
    metadata: { decision: 'deny', decision_id: 'id', reason: 'no_credential' },
  });

  it.each(['envoy', 'nginx', 'traefik', 'caddy'] as const)('is told to %s as it is', (kind) => {
    for (const status of [401, 403, 429, 503]) {
      expect(told(refused(status, [['retry-after', '1']]), kind)).toEqual({
        status,
        body: '{}',
        headers: [
          ['retry-after', '1'],
          ['x-singlestate-reason', 'no_credential'],
        ],
      });
    }
  });

  it('that is a redirect is a 401 with its location for nginx, which would take a 302 for a fault', () => {
    const redirect = refused(302, [['location', '/auth/login']], '');
    const { status, headers } = told(redirect, 'nginx');
    expect(status).toBe(401);
    expect(headers).toContainEqual(['location', '/auth/login']);
    expect(told(redirect, 'caddy')).toMatchObject({ status: 302 });
  });

  it.each(['envoy', 'nginx', 'traefik', 'caddy'] as const)('E3 is never a 2xx to %s', (kind) => {
    for (const status of [302, 401, 403, 429, 503])
      expect(told(refused(status), kind).status).toBeGreaterThan(299);
  });
});
