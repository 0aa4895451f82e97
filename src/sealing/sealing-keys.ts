/** The keys that seal what is stored: a folder of secret JWK files becomes one immutable ring. Hides which key seals when. */
import { loadKeyFolder, type KeyFolderFault } from '../keys/key-folder.ts';
import { keyInUse, newestFirst } from '../keys/key-order.ts';
import { SEALING_KEYS, type SealingKey } from './key-files.ts';

/** Immutable: other keys are another ring. */
export interface SealingRing {
  /** The newest key that is active at `nowMs`. A clock that runs behind all keys gets the oldest: every replica has it. */
  sealingKey(nowMs: number): SealingKey;
  /** Any key of the ring, also one that does not seal yet or any more. `kid` is looked up and nothing else. */
  unsealingKey(kid: string): SealingKey | undefined;
}

export type LoadedSealingRing =
  { readonly ok: true; readonly ring: SealingRing; readonly warnings: readonly string[] } | KeyFolderFault;

/** Reads a folder of key files and makes a ring of it. Never rejects: whatever is wrong with the folder is an outcome. */
export async function loadSealingRing(dir: string, nowMs: number): Promise<LoadedSealingRing> {
  const folder = await loadKeyFolder(SEALING_KEYS, dir, nowMs);
  if (!folder.ok) return folder;
  return { ok: true, ring: createSealingRing(folder.files), warnings: folder.warnings };
}

/** A ring of keys in any order, at least one, each with a `kid` of its own. */
export function createSealingRing(keys: readonly SealingKey[]): SealingRing {
  if (keys.length === 0) throw new TypeError('A sealing ring needs at least one key');
  const sorted = [...keys].sort(newestFirst);
  const byKid = new Map(sorted.map((key) => [key.kid, key]));
  return Object.freeze({
    sealingKey: (nowMs: number) => keyInUse(sorted, nowMs),
    unsealingKey: (kid: string) => byKid.get(kid),
  });
}
