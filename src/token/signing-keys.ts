/**
 * The keys that sign and verify our own JWTs: a folder of private JWK files becomes one immutable key ring. Hides which
 * key signs when.
 */
import { loadKeyFolder, type KeyFolderFault } from '../keys/key-folder.ts';
import { keyInUse, newestFirst } from '../keys/key-order.ts';
import { publicJwks, type PublicJwks } from './jwks.ts';
import { SIGNING_KEYS } from './key-files.ts';
import type { ImportedKey, SigningKey, VerificationKey } from './signing-jwk.ts';

/** Immutable: other keys are another ring, so that whoever remembers something about a ring can tell by identity. */
export interface KeyRing {
  /** The newest key that is active at `nowMs`. A clock that runs behind all keys gets the oldest: every replica knows it. */
  signingKey(nowMs: number): SigningKey;
  /** Any key of the ring, also one that does not sign yet or any more. `kid` is looked up and nothing else. */
  verificationKey(kid: string): VerificationKey | undefined;
  /** The public halves of all keys, newest first. */
  readonly publicJwks: PublicJwks;
}

export type LoadedKeyRing =
  { readonly ok: true; readonly ring: KeyRing; readonly warnings: readonly string[] } | KeyFolderFault;

/** Reads a folder of key files and makes a ring of it. Never rejects: whatever is wrong with the folder is an outcome. */
export async function loadKeyRing(dir: string, nowMs: number): Promise<LoadedKeyRing> {
  const folder = await loadKeyFolder(SIGNING_KEYS, dir, nowMs);
  if (!folder.ok) return folder;
  return { ok: true, ring: createKeyRing(folder.files.map(({ key }) => key)), warnings: folder.warnings };
}

/** A ring of keys in any order, at least one, each with a `kid` of its own. */
export function createKeyRing(imported: readonly ImportedKey[]): KeyRing {
  if (imported.length === 0) throw new TypeError('A key ring needs at least one key');
  const sorted = [...imported].sort((a, b) => newestFirst(a.key, b.key));
  const keys = sorted.map(({ key }) => key);
  const byKid = new Map(keys.map((key) => [key.kid, key]));
  return Object.freeze({
    signingKey: (nowMs: number) => keyInUse(keys, nowMs),
    verificationKey: (kid: string) => byKid.get(kid),
    publicJwks: publicJwks(sorted.map(({ jwk }) => jwk)),
  });
}
