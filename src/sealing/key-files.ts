/** The files of sealing keys: src/keys for the one kind of key that this room knows. */
import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { activeFromMs } from '../keys/jwk-text.ts';
import { generateKeyFile, type KeySummary } from '../keys/key-files.ts';
import type { KeyKind, KeyReading, NamedKey } from '../keys/key-kind.ts';
import { parseSealingJwk, type SealingAlg, type SealingJwk } from './sealing-jwk.ts';

/** Its key is held by OpenSSL, and not as text. */
export type SealingKey = NamedKey<KeyObject, SealingAlg>;

/** Secret keys for AES-256-GCM. */
export const SEALING_KEYS: KeyKind<KeyObject, SealingAlg> = {
  use: 'enc',
  algs: ['A256GCM'],
  read: (text) => Promise.resolve(readSealingKey(text)),
  create: (_, activeFrom) => Promise.resolve(createSealingJwk(activeFrom)),
};

/** Makes the first key of a folder. @throws KeyFilesError, as `generateKeyFile` does. */
export async function generateSealingKey(dir: string, nowMs: number): Promise<KeySummary> {
  return generateKeyFile(SEALING_KEYS, { dir, alg: 'A256GCM', nowMs });
}

/**
 * A new secret key, active from that time on, rounded down to a whole second. Its name is random: a thumbprint would be a
 * hash of the secret (RFC 7638 section 7).
 */
export function createSealingJwk(activeFrom: number): SealingJwk {
  return {
    kty: 'oct',
    k: randomBytes(32).toString('base64url'),
    kid: randomBytes(9).toString('base64url'),
    alg: 'A256GCM',
    use: 'enc',
    nbf: Math.floor(activeFrom / 1000),
  };
}

/** A key as it was written down, ready for use. */
export function importSealingKey({ k, kid, alg, nbf }: SealingJwk): SealingKey {
  const bytes = Buffer.from(k, 'base64url');
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return Object.freeze({ kid, alg, activeFromMs: activeFromMs(nbf), key });
}

function readSealingKey(text: string): KeyReading<KeyObject, SealingAlg> {
  const parsed = parseSealingJwk(text);
  return parsed.ok ? { ok: true, key: importSealingKey(parsed.jwk) } : parsed;
}
