import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';
import { createSessionTokenMinter } from '../../../src/token/mint.ts';
import { createSessionTokenVerifier } from '../../../src/token/verify.ts';
import { createKeyRing } from '../../../src/token/signing-keys.ts';
import { createTestKey, createTestRing } from '../../parts/key-rings.ts';

const ISSUER = 'https://sessions.example.com';
const NOW_MS = 1_900_000_000_700;
const sessionId = createSessionId(partitionOf('https://idp.example.com', 'alice'));
const request = { sessionId, nowMs: NOW_MS, ttlMs: 300_000, notAfterMs: NOW_MS + 43_200_000 };

describe('a minted session token', () => {
  it.each(['EdDSA', 'ES256'] as const)(
    'B2 E9 binds its bearer to a session and verifies, with %s',
    async (alg) => {
      const { ring } = await createTestRing(alg);
      const options = { keyRing: () => ring, issuer: ISSUER, audience: 'mesh' };
      const { token, expiresAtMs } = await createSessionTokenMinter(options).mintSessionToken(request);
      expect(expiresAtMs).toBe(1_900_000_300_000);
      expect(await createSessionTokenVerifier({ ...options, cacheSize: 10 }).verify(token, NOW_MS)).toEqual({
        valid: true,
        claims: { sessionId, ref: sessionRef(sessionId), issuedAtMs: 1_900_000_000_000, expiresAtMs },
      });
    },
  );

  it('B2 holds typ, kid and alg, and nothing about the user', async () => {
    const { ring } = await createTestRing();
    const minter = createSessionTokenMinter({ keyRing: () => ring, issuer: ISSUER, audience: 'mesh' });
    const { token } = await minter.mintSessionToken(request);
    const { kid } = ring.signingKey(NOW_MS);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'EdDSA', kid, typ: 'singlestate-session+jwt' });
    expect(decodeJwt(token)).toEqual({
      iss: ISSUER,
      aud: 'mesh',
      iat: 1_900_000_000,
      exp: 1_900_000_300,
      sid: sessionId,
    });
  });

  it('A5 never outlives the session', async () => {
    const { ring } = await createTestRing();
    const minter = createSessionTokenMinter({ keyRing: () => ring, issuer: ISSUER, audience: ISSUER });
    const { token, expiresAtMs } = await minter.mintSessionToken({ ...request, notAfterMs: NOW_MS + 1_500 });
    expect(expiresAtMs).toBe(1_900_000_002_000);
    expect(decodeJwt(token).exp).toBe(1_900_000_002);
  });

  it('E9 is signed by the key that is active at that time', async () => {
    const keys = await Promise.all([createTestKey('EdDSA', 0), createTestKey('ES256', NOW_MS + 10_000)]);
    const ring = createKeyRing(keys);
    const minter = createSessionTokenMinter({ keyRing: () => ring, issuer: ISSUER, audience: ISSUER });
    const kids = await Promise.all(
      [0, 10_000].map(async (later) => {
        const { token } = await minter.mintSessionToken({ ...request, nowMs: NOW_MS + later });
        return decodeProtectedHeader(token).kid;
      }),
    );
    expect(kids).toEqual(keys.map(({ key }) => key.kid));
  });
});
