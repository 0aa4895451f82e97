import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IdentityProvider } from '../../src/identity/identity.ts';
import { FETCH_FLOOR_MS } from '../../src/identity/fetch-cache.ts';
import { FIRST_PAUSE_MS } from '../../src/identity/issuer-breakers.ts';
import { createIdentityProvider } from '../../src/identity/provider.ts';
import { startOidcProvider, type OidcProvider } from '../parts/oidc-provider.ts';

const nonce = 'the nonce of this login';
const CLAIMS = { email_domain: 'example.com', realm_access: { roles: ['invoices:read', 'invoices:write'] } };

let idp: OidcProvider;
let skipMs = 0;
beforeAll(async () => {
  idp = await startOidcProvider(
    { singlestate: 'RS256', 'with-es256': 'ES256', 'with-ps256': 'PS256' },
    CLAIMS,
  );
});
afterAll(async () => {
  await idp[Symbol.asyncDispose]();
});

function createProvider(clientId: string): IdentityProvider {
  const claims = { scopes: 'realm_access.roles', attributes: { email_domain: 'email_domain' } };
  return createIdentityProvider(
    { name: 'main', issuer: idp.issuer, clientId, scopes: [], claims },
    { nowMs: () => Date.now() + skipMs, fetchTimeoutMs: 5_000, onFetchFailure: () => undefined },
  );
}

describe('a real OpenID provider', () => {
  it.each(['singlestate', 'with-es256', 'with-ps256'])(
    'E1 B2 vouches for a user to the client %s',
    async (clientId) => {
      const before = Date.now();
      const { idToken } = await idp.logIn(clientId, 'alice', nonce);
      const verdict = await createProvider(clientId).verifyIdToken(idToken, { nonce });
      expect(verdict).toMatchObject({
        verified: true,
        identity: {
          provider: 'main',
          issuer: idp.issuer,
          subject: 'alice',
          scopes: ['invoices:read', 'invoices:write'],
          attributes: { email_domain: 'example.com' },
        },
      });
      if (!verdict.verified) return;
      expect(verdict.identity.authenticatedAtMs).toBeGreaterThan(before - 2_000);
      expect(verdict.identity.proof.validUntilMs).toBeGreaterThan(before);
    },
  );

  it('E1 does not vouch with another nonce, to another client, or with an access token', async () => {
    const { idToken, accessToken } = await idp.logIn('singlestate', 'alice', nonce);
    const refused = { verified: false, cause: 'invalid_token' };
    const provider = createProvider('singlestate');
    expect(await provider.verifyIdToken(idToken, { nonce: 'another' })).toMatchObject(refused);
    expect(await createProvider('with-es256').verifyIdToken(idToken, { nonce })).toMatchObject(refused);
    expect(await provider.verifyIdToken(accessToken, { nonce })).toMatchObject(refused);
    expect(await provider.verifyIdToken(idToken, { nonce })).toMatchObject({ verified: true });
  });

  it('E9 may change its keys', async () => {
    const provider = createProvider('singlestate');
    const old = await idp.logIn('singlestate', 'alice', nonce);
    expect(await provider.verifyIdToken(old.idToken, { nonce })).toMatchObject({ verified: true });
    await idp.restart();
    skipMs += FETCH_FLOOR_MS;
    const fresh = await idp.logIn('singlestate', 'bob', nonce);
    expect(await provider.verifyIdToken(fresh.idToken, { nonce })).toMatchObject({
      identity: { subject: 'bob' },
    });
    expect(await provider.verifyIdToken(old.idToken, { nonce })).toMatchObject({ cause: 'invalid_token' });
  });

  it('D1 may be down when it is first needed, and is used once it is back', async () => {
    const { idToken } = await idp.logIn('singlestate', 'alice', nonce);
    await idp.stop();
    const provider = createProvider('singlestate');
    expect(await provider.verifyIdToken(idToken, { nonce })).toMatchObject({ cause: 'provider_unavailable' });
    await idp.restart();
    skipMs += FIRST_PAUSE_MS;
    const { idToken: another } = await idp.logIn('singlestate', 'alice', nonce);
    expect(await provider.verifyIdToken(another, { nonce })).toMatchObject({ verified: true });
  });
});
