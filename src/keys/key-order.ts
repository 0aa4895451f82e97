/** Which of several keys is in use: the same one on every replica that has the same files. */
import type { KeyName } from './key-kind.ts';

/** For sorting: by `activeFromMs`, then by `kid`. */
export function newestFirst(a: KeyName, b: KeyName): number {
  return b.activeFromMs - a.activeFromMs || (a.kid < b.kid ? 1 : -1);
}

/**
 * The newest key that is active, of a list that is sorted newest first. A clock that runs behind all keys gets the oldest
 * one: every replica knows it.
 * @throws TypeError for an empty list.
 */
export function keyInUse<K extends KeyName>(sorted: readonly K[], nowMs: number): K {
  const key = sorted.find(({ activeFromMs }) => activeFromMs <= nowMs) ?? sorted.at(-1);
  if (key === undefined) throw new TypeError('A key ring needs at least one key');
  return key;
}
