import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';
import { ASSERTION_TYP, createAssertionSigner } from '../../../src/token/assertion.ts';
import { createKeyRing, type KeyRing } from '../../../src/token/signing-keys.ts';
import { createTestKey } from '../../parts/key-rings.ts';

const ISSUER = 'https://sessions.example.com';
const NOW_MS = 1_900_000_000_000;
const sessionId = createSessionId(partitionOf('https://idp.example.com', 'alice'));
const facts = {
  ref: sessionRef(sessionId),
  version: 3,
  subject: 'alice',
  identityIssuer: 'https://idp.example.com',
  scopes: ['invoices:read', 'invoices:write'],
  attributes: { email_domain: 'example.com' },
  slices: { cart: { items: [1, 2] } },
};
const request = { app: 'billing', facts, notAfterMs: NOW_MS + 3_600_000, generation: 1, nowMs: NOW_MS };

async function setUp(cacheCharacters?: number) {
  const keys = await Promise.all([createTestKey('EdDSA'), createTestKey('ES256')]);
  const [first, second] = keys.map((key) => createKeyRing([key])) as [KeyRing, KeyRing];
  let ring = first;
  const signer = createAssertionSigner({
    keyRing: () => ring,
    issuer: ISSUER,
    ttlMs: 60_000,
    ...(cacheCharacters === undefined ? {} : { cacheCharacters }),
  });
  return { signer, rings: { first, second }, use: (next: KeyRing) => (ring = next) };
}

describe('an assertion for an app', () => {
  it('B3 C1 says what the app may see, and an app verifies it with the published keys', async () => {
    const { signer, rings } = await setUp();
    const verified = await jwtVerify(
      await signer.sign(request),
      createLocalJWKSet({ keys: rings.first.publicJwks.keys.map((key) => ({ ...key })) }),
      { issuer: ISSUER, audience: 'billing', typ: ASSERTION_TYP, currentDate: new Date(NOW_MS) },
    );
    expect(verified.payload).toEqual({
      iss: ISSUER,
      sub: 'alice',
      aud: 'billing',
      iat: NOW_MS / 1000,
      exp: NOW_MS / 1000 + 60,
      ref: facts.ref,
      idp: 'https://idp.example.com',
      scope: 'invoices:read invoices:write',
      version: 3,
      attributes: { email_domain: 'example.com' },
      slices: { cart: { items: [1, 2] } },
    });
    expect(JSON.stringify(verified)).not.toContain(sessionId);
  });

  it('A5 never outlives the session', async () => {
    const { signer } = await setUp();
    const assertion = await signer.sign({ ...request, notAfterMs: NOW_MS + 10_500 });
    expect(decodeJwt(assertion).exp).toBe(NOW_MS / 1000 + 10);
  });

  it('is given again at once until half its life is over', async () => {
    const { signer } = await setUp();
    const first = await signer.sign(request);
    expect(signer.sign({ ...request, nowMs: NOW_MS + 29_999 })).toBe(first);
    const renewed = signer.sign({ ...request, nowMs: NOW_MS + 30_000 });
    expect(renewed).toBeInstanceOf(Promise);
    expect(decodeJwt(await renewed).exp).toBe(NOW_MS / 1000 + 90);
  });

  it.each([
    ['app', { app: 'reports' }],
    ['session', { facts: { ...facts, ref: sessionRef(createSessionId(partitionOf('a', 'b'))) } }],
    ['version', { facts: { ...facts, version: 4 } }],
    ['generation of the configuration', { generation: 2, facts: { ...facts, scopes: [] } }],
  ])('E2 is not given for another %s', async (_, change) => {
    const { signer } = await setUp();
    const first = await signer.sign(request);
    const other = signer.sign({ ...request, ...change });
    expect(other).toBeInstanceOf(Promise);
    expect(await other).not.toBe(first);
  });

  it('E9 is made anew when keys change, also when they change while it is signed', async () => {
    const { signer, rings, use } = await setUp();
    const first = signer.sign(request);
    use(rings.second);
    expect(signer.sign(request)).toBeInstanceOf(Promise);
    await first;
    const again = await signer.sign(request);
    expect(again).not.toBe(await first);
    expect(signer.sign(request)).toBe(again);
    use(rings.first);
    expect(signer.sign(request)).toBeInstanceOf(Promise);
  });

  it('the memory of assertions is bounded by their length', async () => {
    const { signer } = await setUp(1_000);
    await signer.sign(request);
    expect(typeof signer.sign(request)).toBe('string');
    await signer.sign({ ...request, app: 'reports' });
    expect(signer.sign(request)).toBeInstanceOf(Promise);
  });
});
