import { importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { createKeyRing } from '../../../src/token/signing-keys.ts';
import { publicJwk } from '../../../src/token/jwks.ts';
import { createTestKey } from '../../parts/key-rings.ts';

/** RFC 7518 section 6 and RFC 8037: what no published key may have. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

describe('the public JWK set', async () => {
  const keys = await Promise.all([createTestKey('EdDSA', 1000), createTestKey('ES256', 0)]);
  const { publicJwks } = createKeyRing(keys);

  it('E9 has every key with kid, alg and use, in public form', async () => {
    const [ed, ec] = keys.map(({ jwk }) => jwk);
    expect(publicJwks).toEqual({
      keys: [
        { kty: 'OKP', crv: 'Ed25519', x: ed?.x, kid: ed?.kid, alg: 'EdDSA', use: 'sig' },
        { kty: 'EC', crv: 'P-256', x: ec?.x, y: ec?.y, kid: ec?.kid, alg: 'ES256', use: 'sig' },
      ],
    });
    for (const key of publicJwks.keys) expect(await importJWK({ ...key })).toMatchObject({ type: 'public' });
  });

  it('E9 never has a private member, whatever the key file held', async () => {
    const { jwk } = await createTestKey();
    const crowded = { ...jwk, ...Object.fromEntries(PRIVATE_MEMBERS.map((name) => [name, jwk.d])) };
    for (const key of [...publicJwks.keys, publicJwk(crowded)]) {
      expect(Object.keys(key).filter((name) => PRIVATE_MEMBERS.includes(name))).toEqual([]);
    }
    const text = JSON.stringify([publicJwks, publicJwk(crowded)]);
    for (const secret of [jwk.d, ...keys.map((key) => key.jwk.d)]) expect(text).not.toContain(secret);
  });

  it('E9 the private half of a key in use cannot be exported', () => {
    for (const { key } of keys) expect(key.privateKey.extractable).toBe(false);
  });
});
