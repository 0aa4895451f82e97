/** Key rings made in memory, and JWTs written by hand: as strange as a test needs them, and still rightly signed. */
import { createPrivateKey, sign } from 'node:crypto';
import { createSigningJwk } from '../../src/token/key-files.ts';
import { createKeyRing, type KeyRing } from '../../src/token/signing-keys.ts';
import {
  importSigningKey,
  type ImportedKey,
  type SigningAlg,
  type SigningJwk,
} from '../../src/token/signing-jwk.ts';

export async function createTestKey(alg: SigningAlg = 'EdDSA', activeFromMs = 0): Promise<ImportedKey> {
  const jwk = await createSigningJwk(alg, activeFromMs);
  const key = await importSigningKey(jwk);
  if (key === undefined) throw new Error('A new key could not be imported');
  return { jwk, key };
}

export async function createTestRing(alg: SigningAlg = 'EdDSA'): Promise<{ ring: KeyRing; jwk: SigningJwk }> {
  const imported = await createTestKey(alg);
  return { ring: createKeyRing([imported]), jwk: imported.jwk };
}

/** Signs exactly these texts; objects are written by `JSON.stringify`. The `alg` is the key's, whatever the header says. */
export function forgeJwt(jwk: SigningJwk, header: string | object, payload: string | object): string {
  const input = `${segment(header)}.${segment(payload)}`;
  const key = createPrivateKey({ key: { ...jwk }, format: 'jwk' });
  const signature =
    jwk.alg === 'EdDSA'
      ? sign(null, Buffer.from(input), key)
      : sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** One segment of a JWT. */
export function segment(content: string | object): string {
  return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)).toString('base64url');
}
