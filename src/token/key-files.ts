/** Makes, rotates and lists the key files of a folder. Hides how a file gets there whole, private and never over another. */
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { keyFileNames, readKeyFolder, type KeyFile } from './signing-keys.ts';
import { parseSigningJwk, type SigningAlg, type SigningJwk } from './signing-jwk.ts';

/** `signing`: signs now. `verifying`: a newer key signs. `waiting`: signs later. All of them verify. */
export type KeyState = 'signing' | 'verifying' | 'waiting';

export interface KeySummary {
  readonly path: string;
  readonly kid: string;
  readonly alg: SigningAlg;
  /** Unix milliseconds; 0 for always. */
  readonly activeFromMs: number;
}

export interface ListedKey extends KeySummary {
  readonly state: KeyState;
}

export interface Rotation {
  readonly added: KeySummary;
  readonly removed: readonly KeySummary[];
}

export interface RotationRequest {
  readonly dir: string;
  /** Without it, that of the newest key. */
  readonly alg?: SigningAlg;
  readonly nowMs: number;
  /** How long the new key waits, so that every replica knows it before it signs. */
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
export async function generateKey(dir: string, alg: SigningAlg, nowMs: number): Promise<KeySummary> {
  await filing(dir, () => mkdir(dir, { recursive: true, mode: 0o700 }));
  if ((await keyFileNames(dir)).length > 0) {
    throw new KeyFilesError(
      'ERR_KEYS_EXIST',
      `${dir}: holds keys; add one with "singlestate keys rotate --dir ${dir}"`,
    );
  }
  return writeKeyFile(dir, await createSigningJwk(alg, nowMs));
}

/**
 * Adds a key that signs once it is active, and removes what is long superseded, in that order. Refuses a folder that
 * has faults.
 */
export async function rotateKeys(request: RotationRequest): Promise<Rotation> {
  const { dir, nowMs, activateInMs, removeAfterMs } = request;
  const [newest] = await usableFiles(dir);
  const alg = request.alg ?? newest?.jwk.alg ?? 'EdDSA';
  const added = await writeKeyFile(dir, await createSigningJwk(alg, nowMs + activateInMs));
  if (removeAfterMs === undefined) return { added, removed: [] };
  const superseded = supersededFiles(await usableFiles(dir), nowMs - removeAfterMs);
  for (const { path } of superseded) await filing(path, () => unlink(path));
  return { added, removed: superseded.map(summary) };
}

/** The keys of a folder, newest first. */
export async function listKeys(dir: string, nowMs: number): Promise<readonly ListedKey[]> {
  return (await usableFiles(dir)).map(listed(nowMs));
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

async function usableFiles(dir: string): Promise<readonly KeyFile[]> {
  const folder = await readKeyFolder(dir);
  if (!folder.ok) throw new KeyFilesError('ERR_KEY_FOLDER', folder.problems.join('\n'));
  return folder.files;
}

function summary({ path, key: { kid, alg, activeFromMs } }: KeyFile): KeySummary {
  return { path, kid, alg, activeFromMs };
}

/** Of a list that is sorted newest first, the first active key signs. */
function listed(nowMs: number): (file: KeyFile, index: number, files: readonly KeyFile[]) => ListedKey {
  return (file, index, files) => {
    const signing = files.findIndex(({ key }) => key.activeFromMs <= nowMs);
    const state = index === signing ? 'signing' : index > signing && signing !== -1 ? 'verifying' : 'waiting';
    return { ...summary(file), state };
  };
}

/** A key is superseded when the next newer one becomes active. The one that signs has no active one above it. */
function supersededFiles(files: readonly KeyFile[], beforeMs: number): readonly KeyFile[] {
  return files.filter((_, index) => {
    const newer = files[index - 1];
    return newer !== undefined && newer.key.activeFromMs <= beforeMs;
  });
}

/** The name appears by a link, which fails where a file of that name is: whole or not at all, and never over another. */
async function writeKeyFile(dir: string, jwk: SigningJwk): Promise<KeySummary> {
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
  return { path, kid: jwk.kid, alg: jwk.alg, activeFromMs: (jwk.nbf ?? 0) * 1000 };
}

async function filing(path: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new KeyFilesError('ERR_KEY_FILE', `${path}: can't be written (${code})`, { cause });
  }
}
