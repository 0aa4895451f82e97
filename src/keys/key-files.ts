/** Makes, rotates and lists the key files of a folder. Hides how a file gets there whole, private and never over another. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { activeFromMs } from './jwk-text.ts';
import { keyFileNames, readKeyFolder, type KeyFile } from './key-folder.ts';
import { keysCommandLine, type KeyKind, type KeyName, type NewJwk } from './key-kind.ts';

/** `active`: in use now. `superseded`: a newer one is. `waiting`: in use later. What was made with any of them is accepted. */
export type KeyState = 'active' | 'superseded' | 'waiting';

export interface KeySummary extends KeyName {
  readonly path: string;
}

export interface ListedKey extends KeySummary {
  readonly state: KeyState;
}

export interface Rotation {
  readonly added: KeySummary;
  readonly removed: readonly KeySummary[];
}

export interface RotationRequest<A extends string = string> {
  readonly dir: string;
  /** Without it, that of the newest key. */
  readonly alg?: A;
  readonly nowMs: number;
  /** How long the new key waits, so that every replica knows it before it is in use. */
  readonly activateInMs: number;
  /** Removes the keys that a newer one has stood in for this long. Without it none is removed. */
  readonly removeAfterMs?: number;
}

export type KeyFilesErrorCode =
  /** There is a key already, which a new active one would cut off. */
  | 'ERR_KEYS_EXIST'
  /** The folder can't be used as it is: the message lists every problem. */
  | 'ERR_KEY_FOLDER'
  /** A key file could not be written or removed. */
  | 'ERR_KEY_FILE';

/** A fault of a key folder. The message names the folder or the file and what would be right, never key material. */
export class KeyFilesError extends Error {
  override readonly name = 'KeyFilesError';
  readonly code: KeyFilesErrorCode;

  constructor(code: KeyFilesErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Makes the first key of a folder, and the folder (mode 0700) where there is none. The key is active at once. */
export async function generateKeyFile<K, A extends string>(
  kind: KeyKind<K, A>,
  { dir, alg, nowMs }: { readonly dir: string; readonly alg: A; readonly nowMs: number },
): Promise<KeySummary> {
  await filing(dir, () => mkdir(dir, { recursive: true, mode: 0o700 }));
  if ((await keyFileNames(dir)).length > 0) {
    const command = keysCommandLine('rotate', kind.use, dir);
    throw new KeyFilesError('ERR_KEYS_EXIST', `${dir}: holds keys; add one with "${command}"`);
  }
  return writeKeyFile(dir, await kind.create(alg, nowMs));
}

/**
 * Adds a key that is in use once it is active, and removes what is long superseded, in that order. Refuses a folder that
 * has faults.
 */
export async function rotateKeyFiles<K, A extends string>(
  kind: KeyKind<K, A>,
  { dir, alg, nowMs, activateInMs, removeAfterMs }: RotationRequest<A>,
): Promise<Rotation> {
  const files = await usableFiles(kind, dir);
  const fromMs = freeSecondMs(files, nowMs + activateInMs);
  const added = await writeKeyFile(dir, await kind.create(alg ?? files[0].alg, fromMs));
  if (removeAfterMs === undefined) return { added, removed: [] };
  const superseded = supersededFiles(await usableFiles(kind, dir), nowMs - removeAfterMs);
  for (const { path } of superseded) await filing(path, () => unlink(path));
  return { added, removed: superseded.map(summary) };
}

/** The keys of a folder, newest first. */
export async function listKeyFiles<K>(
  kind: KeyKind<K>,
  dir: string,
  nowMs: number,
): Promise<readonly ListedKey[]> {
  const files = await usableFiles(kind, dir);
  const inUse = files.findIndex((file) => file.activeFromMs <= nowMs);
  return files.map((file, index) => ({ ...summary(file), state: stateOf(index, inUse) }));
}

/** `inUse` is -1 where all keys are waiting. */
function stateOf(index: number, inUse: number): KeyState {
  if (index === inUse) return 'active';
  return inUse === -1 || index < inUse ? 'waiting' : 'superseded';
}

async function usableFiles<K, A extends string>(kind: KeyKind<K, A>, dir: string) {
  const folder = await readKeyFolder(kind, dir);
  if (!folder.ok) throw new KeyFilesError('ERR_KEY_FOLDER', folder.problems.join('\n'));
  return folder.files;
}

function summary({ path, kid, alg, activeFromMs }: KeyFile<unknown>): KeySummary {
  return { path, kid, alg, activeFromMs };
}

/** The first whole second from `wantedMs` on in which no other key begins: of two that begin together, either could be in use. */
function freeSecondMs(files: readonly KeyFile<unknown>[], wantedMs: number): number {
  const taken = new Set(files.map(({ activeFromMs }) => activeFromMs));
  let fromMs = Math.floor(wantedMs / 1000) * 1000;
  while (taken.has(fromMs)) fromMs += 1000;
  return fromMs;
}

/** A key is superseded when the next newer one becomes active. The one in use has no active one above it. */
function supersededFiles(files: readonly KeyFile<unknown>[], beforeMs: number): readonly KeyFile<unknown>[] {
  return files.filter((_, index) => {
    const newer = files[index - 1];
    return newer !== undefined && newer.activeFromMs <= beforeMs;
  });
}

/** The name appears by a link, which fails where a file of that name is: whole or not at all, and never over another. */
async function writeKeyFile(dir: string, jwk: NewJwk): Promise<KeySummary> {
  const path = join(dir, `key-${jwk.kid}.json`);
  const draft = join(dir, `.key-${randomUUID()}`);
  await filing(path, async () => {
    await using file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(jwk, undefined, 2)}\n`);
      await file.sync();
      await link(draft, path);
    } finally {
      await unlink(draft);
    }
  });
  return { path, kid: jwk.kid, alg: jwk.alg, activeFromMs: activeFromMs(jwk.nbf) };
}

async function filing(path: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new KeyFilesError('ERR_KEY_FILE', `${path}: can't be written (${code})`, { cause });
  }
}
