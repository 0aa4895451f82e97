/**
 * The keys that sign and verify our own JWTs: a folder of private JWK files becomes one immutable key ring. Hides the
 * file system, JWK import, and which key signs when.
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { importJWK, type CryptoKey } from 'jose';
import { publicJwk, publicJwks, type PublicJwks } from './jwks.ts';
import { parseSigningJwk, type SigningAlg, type SigningJwk } from './signing-jwk.ts';

export interface VerificationKey {
  readonly kid: string;
  /** The one algorithm that this key is used with, whatever a token says. */
  readonly alg: SigningAlg;
  readonly publicKey: CryptoKey;
}

export interface SigningKey extends VerificationKey {
  /** Signs from this time on, until a newer key does; Unix milliseconds, 0 for always. */
  readonly activeFromMs: number;
  /** Can't be exported. */
  readonly privateKey: CryptoKey;
}

/** Immutable: other keys are another ring, so that whoever remembers something about a ring can tell by identity. */
export interface KeyRing {
  /** The newest key that is active at `nowMs`. A clock that runs behind all keys gets the oldest: every replica knows it. */
  signingKey(nowMs: number): SigningKey;
  /** Any key of the ring, also one that does not sign yet or any more. `kid` is looked up and nothing else. */
  verificationKey(kid: string): VerificationKey | undefined;
  /** The public halves of all keys, newest first. */
  readonly publicJwks: PublicJwks;
}

/** A key as it was written down, and ready for use. */
export interface ImportedKey {
  readonly jwk: SigningJwk;
  readonly key: SigningKey;
}

/** One usable key file. */
export interface KeyFile extends ImportedKey {
  readonly path: string;
}

/** All problems of a folder, each with the file's path and what would be right; none holds key material. */
interface KeyFolderFault {
  readonly ok: false;
  readonly problems: readonly string[];
}

export type KeyFolder =
  | {
      readonly ok: true;
      /** Newest first: by `nbf`, then by `kid`, the same on every replica. */
      readonly files: readonly KeyFile[];
      /** What works, yet should be put right. */
      readonly warnings: readonly string[];
    }
  | KeyFolderFault;

export type LoadedKeyRing =
  { readonly ok: true; readonly ring: KeyRing; readonly warnings: readonly string[] } | KeyFolderFault;

/** Longer than any JWK of these kinds. */
const MAX_FILE_BYTES = 16_384;

/** Not hidden ones: a mounted Kubernetes Secret keeps its generations in `..NAME`. */
const KEY_FILE = /^[^.].*\.(json|jwk)$/;

/** Reads a folder of key files and makes a ring of it. Never rejects: whatever is wrong with the folder is an outcome. */
export async function loadKeyRing(dir: string, nowMs: number): Promise<LoadedKeyRing> {
  const folder = await readKeyFolder(dir);
  if (!folder.ok) return folder;
  if (folder.files.every(({ key }) => key.activeFromMs > nowMs)) {
    return fault(`${dir}: no key is active yet ("nbf" of all of them is in the future); one must be`);
  }
  return { ok: true, ring: createKeyRing(folder.files), warnings: folder.warnings };
}

/** A ring of keys in any order, at least one, each with a `kid` of its own. */
export function createKeyRing(imported: readonly ImportedKey[]): KeyRing {
  const sorted = [...imported].sort(newestFirst);
  const keys = sorted.map(({ key }) => key);
  const oldest = keys.at(-1);
  if (oldest === undefined) throw new TypeError('A key ring needs at least one key');
  const byKid = new Map(keys.map((key) => [key.kid, key]));
  return Object.freeze({
    signingKey: (nowMs: number) => keys.find(({ activeFromMs }) => activeFromMs <= nowMs) ?? oldest,
    verificationKey: (kid: string) => byKid.get(kid),
    publicJwks: publicJwks(sorted.map(({ jwk }) => jwk)),
  });
}

/** The names of the key files in a folder, sorted. Rejects when the folder can't be read. */
export async function keyFileNames(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => KEY_FILE.test(name)).sort();
}

/** Reads every `*.json` and `*.jwk` of a folder, whatever their `nbf`. Never rejects. */
export async function readKeyFolder(dir: string): Promise<KeyFolder> {
  let names: string[];
  try {
    names = await keyFileNames(dir);
  } catch (error) {
    return fault(`${dir}: can't be read (${errorCode(error)}); it must be a folder of private JWK files`);
  }
  if (names.length === 0) {
    return fault(
      `${dir}: holds no *.json or *.jwk file; make a key with "singlestate keys generate --dir ${dir}"`,
    );
  }
  const read = await Promise.all(names.map((name) => readKeyFile(join(dir, name))));
  const files = read.flatMap(({ file }) => file ?? []);
  const problems = [...read.flatMap((one) => one.problems), ...sharedKids(files)];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, files: files.sort(newestFirst), warnings: read.flatMap((one) => one.warnings) };
}

function fault(problem: string): KeyFolderFault {
  return { ok: false, problems: [problem] };
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function newestFirst(a: ImportedKey, b: ImportedKey): number {
  return b.key.activeFromMs - a.key.activeFromMs || (a.key.kid < b.key.kid ? 1 : -1);
}

function sharedKids(files: readonly KeyFile[]): string[] {
  const first = new Map<string, string>();
  return files.flatMap(({ path, key }) => {
    const other = first.get(key.kid);
    if (other === undefined) first.set(key.kid, path);
    return other === undefined ? [] : [`${path}: has the same "kid" as ${other}; each key needs its own`];
  });
}

interface FileReading {
  readonly file?: KeyFile;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

async function readKeyFile(path: string): Promise<FileReading> {
  const content = await readBounded(path);
  const warnings = content.warnings;
  if (content.text === undefined) return { problems: content.problems, warnings };
  const parsed = parseSigningJwk(content.text);
  const faults = [
    ...content.problems,
    ...(parsed.ok ? [] : parsed.problems.map((problem) => `${path}: ${problem}`)),
  ];
  if (!parsed.ok || faults.length > 0) return { problems: faults, warnings };
  const key = await importSigningKey(parsed.jwk);
  if (key === undefined) {
    return {
      problems: [`${path}: has a public part that does not belong to its "d"; make the key anew`],
      warnings,
    };
  }
  return { file: { path, jwk: parsed.jwk, key }, problems: [], warnings };
}

/** Reads through one file handle, so that what was checked is what is read. */
async function readBounded(path: string): Promise<FileReading & { readonly text?: string }> {
  try {
    await using file = await open(path, 'r');
    const { mode, size } = await file.stat();
    if (size > MAX_FILE_BYTES) return { problems: [`${path}: is larger than any JWK`], warnings: [] };
    const { problems, warnings } = permissions(path, mode);
    return { text: await file.readFile('utf8'), problems, warnings };
  } catch (error) {
    return { problems: [`${path}: can't be read (${errorCode(error)})`], warnings: [] };
  }
}

/**
 * Whoever can write a key file can make sessions up: refused. Being readable by all is a warning and no more, since
 * it is how Kubernetes mounts a Secret unless told otherwise, in a container where nobody else is.
 */
function permissions(path: string, mode: number): FileReading {
  if ((mode & 0o002) !== 0) {
    return {
      problems: [`${path}: can be written by every user of this machine; "chmod 600" it`],
      warnings: [],
    };
  }
  const warnings =
    (mode & 0o004) === 0 ? [] : [`${path}: can be read by every user of this machine; "chmod 600" it`];
  return { problems: [], warnings };
}

/** Undefined when the private and the public part are not of one key. */
export async function importSigningKey(jwk: SigningJwk): Promise<SigningKey | undefined> {
  const { kid, alg, nbf, ...material } = jwk;
  try {
    const [privateKey, publicKey] = await Promise.all([
      importJWK({ ...material }, alg, { extractable: false }),
      importJWK({ ...publicJwk(jwk) }, alg),
    ]);
    if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) return undefined;
    return Object.freeze({ kid, alg, activeFromMs: (nbf ?? 0) * 1000, privateKey, publicKey });
  } catch {
    return undefined;
  }
}
