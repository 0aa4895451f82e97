import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSharedKeys } from '../../../src/identity/issuer-keys.ts';
import type { LogoutTokenVerifier } from '../../../src/identity/login.ts';
import { createLogoutTokenVerifier } from '../../../src/identity/logout-token.ts';
import { createIssuerKey, startTestIssuer, type TestIssuer } from '../../parts/test-issuer.ts';

const NOW_MS = 1_900_000_000_500;
const NOW = 1_900_000_000;
const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} };

const [key, stranger] = await Promise.all([createIssuerKey('ES256', 'one'), createIssuerKey('ES256', 'one')]);
let idp: TestIssuer;
let verifier: LogoutTokenVerifier;
let claims: Record<string, unknown>;

beforeAll(async () => {
  idp = await startTestIssuer(key);
  idp.metadata = { id_token_signing_alg_values_supported: ['ES256'] };
  verifier = verifierOf(idp.issuer);
  claims = {
    iss: idp.issuer,
    aud: 'singlestate',
    sub: 'alice',
    sid: 'idp-session',
    iat: NOW - 10,
    exp: NOW + 110,
    jti: 'logout-1',
    events: EVENTS,
  };
});
afterAll(async () => {
  await idp[Symbol.asyncDispose]();
});

function verifierOf(issuer: string, ...clientIds: string[]): LogoutTokenVerifier {
  const options = { nowMs: () => NOW_MS, fetchTimeoutMs: 2_000, onFetchFailure: () => undefined };
  const keys = createSharedKeys(options).of({ kind: 'discovery', issuer });
  return createLogoutTokenVerifier(
    ['singlestate', ...clientIds].map((clientId) => ({
      config: { name: `as ${clientId}`, issuer, clientId },
      keys,
    })),
    () => NOW_MS,
  );
}

const sign = (changes: object = {}, header: Record<string, unknown> = { typ: 'logout+jwt' }) =>
  key.sign({ ...claims, ...changes }, header);

describe('a logout token', () => {
  it('B4 says whose sessions end, and according to which provider', async () => {
    expect(await verifier.verify(await sign())).toEqual({
      verified: true,
      provider: 'as singlestate',
      issuer: idp.issuer,
      of: { providerSession: 'idp-session', subject: 'alice' },
      proof: {
        hash: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
        validUntilMs: (NOW + 130) * 1000,
      },
    });
  });

  it.each([
    ['sid alone', { sub: undefined }, { providerSession: 'idp-session' }],
    ['sub alone', { sid: undefined }, { subject: 'alice' }],
  ])('B4 may have %s', async (_, changes, of) => {
    expect(await verifier.verify(await sign(changes))).toMatchObject({ verified: true, of });
  });

  it.each([
    ['no typ', { typ: undefined }],
    ['typ JWT', { typ: 'JWT' }],
    ['typ application/logout+jwt', { typ: 'application/logout+jwt' }],
  ])('B4 may have %s', async (_, header) => {
    expect(await verifier.verify(await sign({}, header))).toMatchObject({ verified: true });
  });

  it.each<[string, object, string]>([
    ['a nonce, as ID tokens have', { nonce: 'n' }, '"nonce"'],
    ['a nonce that is null', { nonce: null }, '"nonce"'],
    ['no events', { events: undefined }, '"events"'],
    ['other events', { events: { 'http://schemas.openid.net/event/other': {} } }, 'tells of no logout'],
    ['events that are text', { events: Object.keys(EVENTS)[0] }, 'tells of no logout'],
    [
      'an event that is no object',
      { events: { [Object.keys(EVENTS)[0] ?? '']: true } },
      'tells of no logout',
    ],
    ['no jti', { jti: undefined }, '"jti"'],
    ['a jti that is a number', { jti: 7 }, '"jti"'],
    ['neither sid nor sub', { sid: undefined, sub: undefined }, 'whose sessions'],
    ['a sid that is a number, and a sub', { sid: 7 }, 'whose sessions'],
    ['an empty sub, and a sid', { sub: '' }, 'whose sessions'],
    ['no iat', { iat: undefined }, '"iat"'],
    ['an age of more than five minutes', { iat: NOW - 311 }, 'too long ago'],
    ['an iat in the future', { iat: NOW + 11 }, '"iat"'],
    ['no end', { exp: undefined }, '"exp"'],
    ['an end in the past', { exp: NOW - 10 }, 'expired'],
    ['another audience', { aud: 'other' }, '"aud"'],
    ['another issuer', { iss: 'https://evil.example' }, 'configured identity provider'],
  ])('E1 with %s is refused', async (_, changes, problem) => {
    const verdict = await verifier.verify(await sign(changes));
    expect(verdict).toMatchObject({ verified: false, cause: 'invalid_token' });
    expect(verdict.verified ? '' : verdict.problem).toContain(problem);
  });

  it.each<[string, () => Promise<string>]>([
    ['signed by a stranger', () => stranger.sign(claims)],
    ['of another type', () => sign({}, { typ: 'at+jwt' })],
    ['that is no JWT', () => Promise.resolve('logout')],
    ['that is empty', () => Promise.resolve('')],
  ])('E9 one %s is refused', async (_, make) => {
    expect(await verifier.verify(await make())).toMatchObject({ verified: false, cause: 'invalid_token' });
  });

  it('B4 is known again by its jti, whatever else it says', async () => {
    const [first, same, other] = await Promise.all(
      [{}, { iat: NOW - 5, sub: 'bob' }, { jti: 'logout-2' }].map(async (changes) => {
        const verdict = await verifier.verify(await sign(changes));
        return verdict.verified ? verdict.proof.hash : '';
      }),
    );
    expect(same).toBe(first);
    expect(other).not.toBe(first);
  });

  it('B4 is for the provider whose client is its audience, where several have one issuer', async () => {
    const several = verifierOf(idp.issuer, 'second', 'third');
    expect(await several.verify(await sign({ aud: 'second' }))).toMatchObject({ provider: 'as second' });
    expect(await several.verify(await sign({ aud: 'fourth' }))).toMatchObject({ verified: false });
  });

  it('D1 of a provider that is down can be sent again', async () => {
    const gone = await startTestIssuer(key);
    await gone.stop();
    expect(await verifierOf(gone.issuer).verify(await sign({ iss: gone.issuer }))).toMatchObject({
      verified: false,
      cause: 'provider_unavailable',
    });
  });
});
