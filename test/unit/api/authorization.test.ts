import { Code, type ConnectError } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { authorizeCall, CALLERS } from '../../../src/api/authorization.ts';
import { SessionService } from '../../../src/gen/singlestate/session/v1/session_pb.ts';
import type { OperatorAuthenticator, OperatorVerdict } from '../../../src/identity/identity.ts';

const answering = (verdict: OperatorVerdict): OperatorAuthenticator => ({
  authenticate: () => Promise.resolve(verdict),
});

const alice = answering({ authenticated: true, operator: { name: 'alice' } });
const nobody = answering({
  authenticated: false,
  cause: 'unauthenticated',
  problem: 'the token has expired',
});
const unsure = answering({ authenticated: false, cause: 'keys_unavailable', problem: 'no keys now' });

const refusal = (call: string, authorization: string | undefined, operators: OperatorAuthenticator) =>
  authorizeCall(call, authorization, operators).then(
    () => expect.unreachable('it was authorized'),
    (error: unknown) => error as ConnectError,
  );

test('E3 every call of the Session API is in the table of who may call it, and nothing else is', () => {
  expect(Object.keys(CALLERS).sort()).toEqual(Object.keys(SessionService.method).sort());
});

describe.each(Object.keys(CALLERS))('%s', (call) => {
  test('is open to an operator, by the name that logs carry', async () => {
    await expect(authorizeCall(call, 'Bearer x', alice)).resolves.toEqual({ name: 'alice' });
  });

  test('is closed to who is no operator, with a challenge that tells a bad token from none', async () => {
    const bad = await refusal(call, 'Bearer x', nobody);
    expect([bad.code, bad.rawMessage]).toEqual([Code.Unauthenticated, 'the token has expired']);
    expect(bad.metadata.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    const none = await refusal(call, undefined, nobody);
    expect(none.metadata.get('www-authenticate')).toBe('Bearer');
  });

  test('is closed, for now, while the keys that prove an operator are out of reach', async () => {
    const error = await refusal(call, 'Bearer x', unsure);
    expect(error.code).toBe(Code.Unavailable);
    expect(error.metadata.get('retry-after')).toBe('5');
  });
});

test.each(['deleteEverything', 'toString', '__proto__', ''])(
  'E3 a call that is not in the table, %j, is denied even to an operator',
  async (call) => {
    expect((await refusal(call, 'Bearer x', alice)).code).toBe(Code.PermissionDenied);
  },
);
