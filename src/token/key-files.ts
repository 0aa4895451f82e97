/** The files of signing keys: src/keys for the one kind of key that this room knows. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import {
  generateKeyFile,
  rotateKeyFiles,
  type KeySummary,
  type Rotation,
  type RotationRequest,
} from '../keys/key-files.ts';
import type { KeyKind, KeyReading } from '../keys/key-kind.ts';
import {
  importSigningKey,
  parseSigningJwk,
  SIGNING_ALGS,
  type ImportedKey,
  type SigningAlg,
  type SigningJwk,
} from './signing-jwk.ts';

/** Private keys for EdDSA and ES256. */
export const SIGNING_KEYS: KeyKind<ImportedKey, SigningAlg> = {
  use: 'sig',
  algs: SIGNING_ALGS,
  read: readSigningKey,
  create: createSigningJwk,
};

/** Makes the first key of a folder. @throws KeyFilesError, as `generateKeyFile` does. */
export async function generateKey(dir: string, alg: SigningAlg, nowMs: number): Promise<KeySummary> {
  return generateKeyFile(SIGNING_KEYS, { dir, alg, nowMs });
}

/** Adds a key that signs once it is active. @throws KeyFilesError, as `rotateKeyFiles` does. */
export async function rotateKeys(request: RotationRequest<SigningAlg>): Promise<Rotation> {
  return rotateKeyFiles(SIGNING_KEYS, request);
}

/** A new private key named by its thumbprint (RFC 7638), active from that time on, rounded down to a whole second. */
export async function createSigningJwk(alg: SigningAlg, activeFromMs: number): Promise<SigningJwk> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const material = await exportJWK(privateKey);
  const nbf = Math.floor(activeFromMs / 1000);
  const kid = await calculateJwkThumbprint(material);
  const parsed = parseSigningJwk(JSON.stringify({ ...material, kid, alg, nbf }));
  if (!parsed.ok) throw new TypeError(`A new key ${parsed.problems.join(', ')}`);
  return parsed.jwk;
}

async function readSigningKey(text: string): Promise<KeyReading<ImportedKey, SigningAlg>> {
  const parsed = parseSigningJwk(text);
  if (!parsed.ok) return parsed;
  const { jwk } = parsed;
  const key = await importSigningKey(jwk);
  if (key === undefined) {
    return { ok: false, problems: ['has a public part that does not belong to its "d"; make the key anew'] };
  }
  return { ok: true, key: { kid: key.kid, alg: key.alg, activeFromMs: key.activeFromMs, key: { jwk, key } } };
}
