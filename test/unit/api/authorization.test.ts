import { Code, type ConnectError } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { authorizeCall, CALLERS, procedurePath } from '../../../src/api/authorization.ts';
import type { CallerDependencies, ShownCredentials } from '../../../src/api/caller.ts';
import { AuditService } from '../../../src/gen/singlestate/audit/v1/audit_pb.ts';
import { SessionService } from '../../../src/gen/singlestate/session/v1/session_pb.ts';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';
import { StoreError, type SessionLookup } from '../../../src/session/store.ts';
import { SESSION_TOKEN_TYP } from '../../../src/token/session-token.ts';
import { segment } from '../../parts/key-rings.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const sessionId = createSessionId(partitionOf('https://idp.test', 'alice'));
const ref = sessionRef(sessionId);
const userToken = (what: string) => `${segment({ alg: 'EdDSA', typ: SESSION_TOKEN_TYP })}.${what}.signature`;

const live: SessionLookup = {
  state: 'live',
  session: {
    ref,
    version: 1,
    lastSeenAtMs: NOW_MS,
    document: {
      schema: 2,
      identity: { provider: 'main', issuer: 'https://idp.test', subject: 'alice' },
      authentication: { atMs: NOW_MS },
      scopes: [],
      attributes: {},
      slices: {},
      createdAtMs: NOW_MS,
      expiresAtMs: NOW_MS + 60_000,
    },
  },
};

/** Who knows whom: the words after "Bearer", and the name of a certificate. */
const deps: CallerDependencies = {
  operators: {
    authenticate: (bearer) =>
      Promise.resolve(
        bearer === 'operator' || bearer === 'both'
          ? { authenticated: true, operator: { name: 'on-call' } }
          : unproven(bearer),
      ),
  },
  workloads: {
    authenticate: ({ bearer, certificateNames }) =>
      Promise.resolve(
        bearer === 'app' ||
          bearer === 'both' ||
          (bearer === undefined && certificateNames.includes('app.test'))
          ? { authenticated: true, app: 'billing' }
          : unproven(bearer),
      ),
  },
  tokens: {
    verify: (token) =>
      token === userToken('alice')
        ? { valid: true, claims: { sessionId, ref, issuedAtMs: NOW_MS, expiresAtMs: NOW_MS + 1 } }
        : { valid: false, reason: 'bad_signature' },
  },
  store: { read: () => Promise.resolve(live) },
  limits: { idleTimeoutMs: 30_000 },
  nowMs: () => NOW_MS,
};

function unproven(bearer: string | undefined) {
  const cause = bearer === 'unsure' ? ('keys_unavailable' as const) : ('unauthenticated' as const);
  return { authenticated: false as const, cause, problem: cause };
}

const bearer = (token: string): ShownCredentials => ({
  authorization: `Bearer ${token}`,
  certificateNames: [],
});
const certificate = (name: string): ShownCredentials => ({
  authorization: undefined,
  certificateNames: [name],
});
const NOTHING: ShownCredentials = { authorization: undefined, certificateNames: [] };

const OPERATOR = { kind: 'operator', name: 'on-call' };
const APP = { kind: 'app', name: 'billing' };
const USER = { kind: 'user', name: ref };

/** Who a call is open to, apart from the table that is tested. */
const OPEN_TO: Record<string, readonly object[] | 'anyone'> = {
  '/singlestate.session.v1.SessionService/CreateSession': [OPERATOR],
  '/singlestate.session.v1.SessionService/GetSession': [OPERATOR, APP, USER],
  '/singlestate.session.v1.SessionService/UpdateSession': [APP],
  '/singlestate.session.v1.SessionService/TouchSession': [APP],
  '/singlestate.session.v1.SessionService/RevokeSession': [OPERATOR, USER],
  '/singlestate.session.v1.SessionService/RevokeSessions': [OPERATOR],
  '/singlestate.session.v1.SessionService/ListSessions': [OPERATOR],
  '/singlestate.session.v1.SessionService/RefreshSession': 'anyone',
  '/singlestate.audit.v1.AuditService/QueryAudit': [OPERATOR],
  '/singlestate.audit.v1.AuditService/TailAudit': [OPERATOR],
  '/oauth2/introspect': [OPERATOR, APP],
  '/oauth2/revoke': 'anyone',
  '/.well-known/jwks.json': 'anyone',
};

const CREDENTIALS: readonly [who: string, ShownCredentials, readonly object[]][] = [
  ['an operator', bearer('operator'), [OPERATOR]],
  ['an app', bearer('app'), [APP]],
  ['an app by its certificate', certificate('app.test'), [APP]],
  ['who is both', bearer('both'), [OPERATOR, APP]],
  ['a user', bearer(userToken('alice')), [USER]],
];

const IMPOSTORS: readonly [who: string, ShownCredentials, challenge: string][] = [
  ['nobody', NOTHING, 'Bearer'],
  ['a stranger', bearer('stranger'), 'Bearer error="invalid_token"'],
  ['a forged session token', bearer(userToken('mallory')), 'Bearer error="invalid_token"'],
  ['a stranger with a certificate', certificate('stranger.test'), 'Bearer error="invalid_token"'],
  [
    'a stranger over the connection of an app',
    { authorization: 'Bearer stranger', certificateNames: ['app.test'] },
    'Bearer error="invalid_token"',
  ],
  [
    'basic authentication over the connection of an app',
    { authorization: 'Basic YTpi', certificateNames: ['app.test'] },
    'Bearer error="invalid_token"',
  ],
  ['an empty header', { authorization: '', certificateNames: [] }, 'Bearer error="invalid_token"'],
];

async function refusal(path: string, shown: ShownCredentials, given = deps): Promise<ConnectError> {
  const authorization = await authorizeCall(path, shown, given);
  if (authorization.allowed) expect.unreachable('it was authorized');
  return authorization.error;
}

test('E3 every call is in the table of who may call it, and nothing else is', () => {
  const paths = [SessionService, AuditService].flatMap((service) =>
    service.methods.map((method) => procedurePath(service, method)),
  );
  const routes = ['/oauth2/introspect', '/oauth2/revoke', '/.well-known/jwks.json'];
  expect([...CALLERS.keys()].sort()).toEqual([...paths, ...routes].sort());
  expect(Object.keys(OPEN_TO).sort()).toEqual([...CALLERS.keys()].sort());
});

describe.each(Object.entries(OPEN_TO))('%s', (path, openTo) => {
  test.each(CREDENTIALS)('E3 C2 by %s', async (_who, shown, kinds) => {
    if (openTo === 'anyone') {
      expect(await authorizeCall(path, shown, deps)).toEqual({ allowed: true, caller: undefined });
      return;
    }
    const expected = openTo.find((kind) => kinds.includes(kind));
    if (expected !== undefined) {
      expect(await authorizeCall(path, shown, deps)).toEqual({ allowed: true, caller: expected });
      return;
    }
    expect((await refusal(path, shown)).code).toBe(Code.PermissionDenied);
    expect(await authorizeCall(path, shown, deps)).toMatchObject({ caller: kinds[0] });
  });

  test.each(IMPOSTORS)('E3 by %s', async (_who, shown, challenge) => {
    if (openTo === 'anyone') {
      expect(await authorizeCall(path, shown, deps)).toEqual({ allowed: true, caller: undefined });
      return;
    }
    const error = await refusal(path, shown);
    expect(error.code).toBe(Code.Unauthenticated);
    expect(error.metadata.get('www-authenticate')).toBe(challenge);
  });

  if (openTo !== 'anyone') {
    test('E3 is closed, for now, while the keys that prove somebody are out of reach', async () => {
      const error = await refusal(path, bearer('unsure'));
      expect(error.code).toBe(Code.Unavailable);
      expect(error.metadata.get('retry-after')).toBe('5');
    });
  }
});

const GET_SESSION = '/singlestate.session.v1.SessionService/GetSession';

test.each<[string, SessionLookup, number]>([
  ['was revoked', { state: 'revoked', cause: 'logout', revokedAtMs: NOW_MS }, NOW_MS],
  ['is forgotten', { state: 'absent' }, NOW_MS],
  ['is corrupt', { state: 'corrupt', problem: 'not JSON', removable: true }, NOW_MS],
  ['was idle for too long', live, NOW_MS + 30_000],
  ['has reached its end', live, NOW_MS + 60_000],
])('E6 the token of a session that %s proves nobody', async (_what, lookup, nowMs) => {
  const given = { ...deps, store: { read: () => Promise.resolve(lookup) }, nowMs: () => nowMs };
  const error = await refusal(GET_SESSION, bearer(userToken('alice')), given);
  expect(error.code).toBe(Code.Unauthenticated);
});

test('D2 while the store does not answer, a session token proves nobody and is not called bad', async () => {
  const failure = new StoreError('ERR_STORE_TIMEOUT', 'read: late');
  const given = { ...deps, store: { read: () => Promise.reject(failure) } };
  await expect(authorizeCall(GET_SESSION, bearer(userToken('alice')), given)).rejects.toBe(failure);
});

test.each(['/deleteEverything', 'toString', '__proto__', '', `${GET_SESSION}/`])(
  'E3 a call that is not in the table, %j, is denied even to an operator',
  async (path) => {
    expect((await refusal(path, bearer('operator'))).code).toBe(Code.PermissionDenied);
  },
);
