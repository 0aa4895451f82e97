/** Reads a folder of key files, one JWK each. Hides the file system, permissions, and how the problems of many files become one answer. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { keysCommandLine, type KeyKind, type NamedKey } from './key-kind.ts';
import { newestFirst } from './key-order.ts';

/** One usable key file. */
export interface KeyFile<K, A extends string = string> extends NamedKey<K, A> {
  readonly path: string;
}

/** All problems of a folder, each with the file's path and what would be right; none holds key material. */
export interface KeyFolderFault {
  readonly ok: false;
  readonly problems: readonly string[];
}

export type KeyFolder<K, A extends string = string> =
  | {
      readonly ok: true;
      /** Newest first: by `nbf`, then by `kid`, the same on every replica. */
      readonly files: readonly [KeyFile<K, A>, ...KeyFile<K, A>[]];
      /** What works, yet should be put right. */
      readonly warnings: readonly string[];
    }
  | KeyFolderFault;

/** Longer than any JWK of these kinds. */
const MAX_FILE_BYTES = 16_384;

/** Not hidden ones: a mounted Kubernetes Secret keeps its generations in `..NAME`. */
const KEY_FILE = /^[^.].*\.(json|jwk)$/;

/** A folder to work with: one of its keys, at least, is active. Never rejects: whatever is wrong is an outcome. */
export async function loadKeyFolder<K, A extends string>(
  kind: KeyKind<K, A>,
  dir: string,
  nowMs: number,
): Promise<KeyFolder<K, A>> {
  const folder = await readKeyFolder(kind, dir);
  if (!folder.ok || folder.files.some(({ activeFromMs }) => activeFromMs <= nowMs)) return folder;
  return fault(`${dir}: no key is active yet ("nbf" of all of them is in the future); one must be`);
}

/** Reads every `*.json` and `*.jwk` of a folder, whatever their `nbf`. Never rejects. */
export async function readKeyFolder<K, A extends string>(
  kind: KeyKind<K, A>,
  dir: string,
): Promise<KeyFolder<K, A>> {
  let names: string[];
  try {
    names = await keyFileNames(dir);
  } catch (error) {
    return fault(`${dir}: can't be read (${errorCode(error)}); it must be a folder of private JWK files`);
  }
  if (names.length === 0) {
    return fault(
      `${dir}: holds no *.json or *.jwk file; make a key with "${keysCommandLine('generate', kind.use, dir)}"`,
    );
  }
  const read = await Promise.all(names.map((name) => readKeyFile(kind, join(dir, name))));
  const files = read.flatMap(({ file }) => file ?? []);
  const problems = [...read.flatMap((one) => one.problems), ...sharedKids(files)];
  const [newest, ...older] = files.sort(newestFirst);
  if (newest === undefined || problems.length > 0) return { ok: false, problems };
  return { ok: true, files: [newest, ...older], warnings: read.flatMap((one) => one.warnings) };
}

/** The names of the key files in a folder, sorted. Rejects when the folder can't be read. */
export async function keyFileNames(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => KEY_FILE.test(name)).sort();
}

function fault(problem: string): KeyFolderFault {
  return { ok: false, problems: [problem] };
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function sharedKids(files: readonly KeyFile<unknown>[]): string[] {
  const first = new Map<string, string>();
  return files.flatMap(({ path, kid }) => {
    const other = first.get(kid);
    if (other === undefined) first.set(kid, path);
    return other === undefined ? [] : [`${path}: has the same "kid" as ${other}; each key needs its own`];
  });
}

interface FileReading {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

async function readKeyFile<K, A extends string>(
  kind: KeyKind<K, A>,
  path: string,
): Promise<FileReading & { readonly file?: KeyFile<K, A> }> {
  const { text, problems, warnings } = await readBounded(path);
  if (text === undefined) return { problems, warnings };
  const reading = await kind.read(text);
  if (reading.ok && problems.length === 0) return { file: { ...reading.key, path }, problems, warnings };
  const faults = reading.ok ? [] : reading.problems.map((problem) => `${path}: ${problem}`);
  return { problems: [...problems, ...faults], warnings };
}

/** Reads through one file handle, so that what was checked is what is read. */
async function readBounded(path: string): Promise<FileReading & { readonly text?: string }> {
  try {
    await using file = await open(path, 'r');
    const { mode, size } = await file.stat();
    if (size > MAX_FILE_BYTES) return { problems: [`${path}: is larger than any JWK`], warnings: [] };
    return { text: await file.readFile('utf8'), ...permissions(path, mode) };
  } catch (error) {
    return { problems: [`${path}: can't be read (${errorCode(error)})`], warnings: [] };
  }
}

/**
 * Whoever can write a key file can put a key of their own there: refused. Being readable by all is a warning and no more,
 * since it is how Kubernetes mounts a Secret unless told otherwise, in a container where nobody else is.
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
