import { create, toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { sessionForOperator } from '../../../src/api/session-message.ts';
import { SessionSchema } from '../../../src/gen/singlestate/session/v1/session_pb.ts';
import type { SessionRef } from '../../../src/session/ref.ts';
import type { SessionLookup } from '../../../src/session/store.ts';

const ref = '3f.AAAAAAAAAAAAAAAAAAAAAA' as SessionRef;
const MINUTE_MS = 60_000;
const T0 = Date.UTC(2026, 0, 1, 12);

const live = {
  state: 'live' as const,
  session: {
    ref,
    version: 7,
    lastSeenAtMs: T0 + MINUTE_MS,
    document: {
      schema: 2 as const,
      identity: { provider: 'main', issuer: 'https://idp.test', subject: 'alice', providerSession: 'idp-1' },
      authentication: { atMs: T0 - MINUTE_MS, acr: 'gold', amr: ['pwd', 'otp'] },
      scopes: ['invoices:read'],
      attributes: { email_domain: 'example.com' },
      slices: { cart: { items: [{ sku: 'a', count: 2 }], note: null } },
      createdAtMs: T0,
      expiresAtMs: T0 + 60 * MINUTE_MS,
    },
  },
} satisfies SessionLookup;

const shown = (lookup: SessionLookup, nowMs: number) => {
  const message = sessionForOperator({ ref, lookup, nowMs, idleTimeoutMs: 10 * MINUTE_MS });
  return message && toJson(SessionSchema, create(SessionSchema, message), { useProtoFieldName: true });
};

test('A9 a session is shown whole, with when it will end and by what', () => {
  expect(shown(live, T0 + 2 * MINUTE_MS)).toEqual({
    ref,
    state: 'SESSION_STATE_ACTIVE',
    version: 7,
    schema_version: 2,
    identity: { provider: 'main', issuer: 'https://idp.test', subject: 'alice', provider_session: 'idp-1' },
    authentication: { authenticated_at: '2026-01-01T11:59:00Z', acr: 'gold', amr: ['pwd', 'otp'] },
    scopes: ['invoices:read'],
    attributes: { email_domain: 'example.com' },
    slices: { cart: { items: [{ sku: 'a', count: 2 }], note: null } },
    created_at: '2026-01-01T12:00:00Z',
    last_seen_at: '2026-01-01T12:01:00Z',
    idle_expires_at: '2026-01-01T12:11:00Z',
    expires_at: '2026-01-01T13:00:00Z',
  });
});

test.each([
  [T0 + 11 * MINUTE_MS - 1, 'SESSION_STATE_ACTIVE'],
  [T0 + 11 * MINUTE_MS, 'SESSION_STATE_IDLE_TIMEOUT'],
  [T0 + 60 * MINUTE_MS, 'SESSION_STATE_ABSOLUTE_TIMEOUT'],
])('A5 at %i the state is %s, as a check would see it', (nowMs, state) => {
  expect(shown(live, nowMs)).toMatchObject({ state });
});

test('the idle timeout is never shown to outlast the session', () => {
  const session = { ...live.session, lastSeenAtMs: T0 + 55 * MINUTE_MS };
  expect(shown({ state: 'live', session }, T0 + 56 * MINUTE_MS)).toMatchObject({
    idle_expires_at: '2026-01-01T13:00:00Z',
  });
});

test('E6 a revoked session is shown with its cause and time', () => {
  expect(shown({ state: 'revoked', cause: 'operator', revokedAtMs: T0 }, T0)).toEqual({
    ref,
    state: 'SESSION_STATE_REVOKED',
    revocation: { cause: 'REVOCATION_CAUSE_OPERATOR', revoked_at: '2026-01-01T12:00:00Z' },
  });
});

test('a revocation by a newer version is shown as revoked, without what is not known', () => {
  expect(shown({ state: 'revoked', cause: 'unknown', revokedAtMs: 0 }, T0)).toEqual({
    ref,
    state: 'SESSION_STATE_REVOKED',
    revocation: {},
  });
});

test('D4 a corrupt session is shown as corrupt, with its problem', () => {
  expect(shown({ state: 'corrupt', problem: 'not JSON', removable: true }, T0)).toEqual({
    ref,
    state: 'SESSION_STATE_CORRUPT',
    problem: 'not JSON',
  });
});

test('a session of which the store knows nothing is not shown', () => {
  expect(shown({ state: 'absent' }, T0)).toBeUndefined();
});
