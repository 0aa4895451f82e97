/** A Kubernetes Secret in the place of a folder of key files. Hides the private copy on disk that the work is done on. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ClusterSecrets } from './cluster-secrets.ts';
import { keyFileNames } from './key-folder.ts';

/**
 * Lets `work` make the first keys of a Secret that does not exist yet. Rejects with what `work` rejects with, or with
 * `ClusterSecretsError`; an existing Secret is left as it is.
 */
export async function inNewSecret<T>(
  secrets: ClusterSecrets,
  name: string,
  work: (dir: string) => Promise<T>,
): Promise<T> {
  return inPrivateFolder(async (dir) => {
    const result = await work(dir);
    await secrets.create(name, await keyFilesIn(dir));
    return result;
  });
}

/**
 * Lets `work` change the keys of a Secret: what it leaves in the folder replaces what the Secret held, in one step, or
 * not at all where somebody else changed it meanwhile. Without a change nothing is written.
 */
export async function inSecret<T>(
  secrets: ClusterSecrets,
  name: string,
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const { files, metadata } = await secrets.read(name);
  return inPrivateFolder(async (dir) => {
    for (const [file, text] of files) await writeFile(join(dir, file), text, { mode: 0o600 });
    const before = await keyFilesIn(dir);
    const result = await work(dir);
    const after = await keyFilesIn(dir);
    const others = [...files].filter(([file]) => !before.has(file));
    if (!isDeepStrictEqual(before, after)) {
      await secrets.replace(name, { files: new Map([...others, ...after]), metadata });
    }
    return result;
  });
}

async function keyFilesIn(dir: string): Promise<ReadonlyMap<string, string>> {
  const names = await keyFileNames(dir);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name), 'utf8')] as const)),
  );
}

/** Readable by its owner alone (mkdtemp), and gone afterwards. */
async function inPrivateFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'singlestate-keys-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
