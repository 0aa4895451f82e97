/** Notices that the configuration's files changed, by content. Hides how files are replaced: in place, by rename, by symlink. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './files.ts';

export interface WatchOptions {
  /** The files and folders to look at, asked anew for each look. Of a folder, every file in it counts, not what is below. */
  readonly files: () => readonly string[];
  /** Between two looks, milliseconds. */
  readonly intervalMs: number;
  /** Called once for each change, when two looks in a row saw the same. A file that can't be read has changed. */
  readonly onChange: () => void | Promise<void>;
  /** What `onChange` or `files` threw. The watch goes on. */
  readonly onFault: (cause: unknown) => void;
}

export interface ConfigWatch {
  /** Calls `onChange` at once, changed or not, after a call that is under way. Resolves when it is done; never rejects. */
  now(): Promise<void>;
  /** No call begins after it. */
  stop(): void;
}

/**
 * Polls, because a file system's own notices are lost on network file systems and miss swaps of a symlink above the file.
 * Changes are counted from what the files hold at this call, so make it right after the first load; a file that `files`
 * names later is counted from the look that follows. It never keeps the process alive, and never calls `onChange` while it runs.
 */
export function watchConfig(options: WatchOptions): ConfigWatch {
  return new PollingWatch(options);
}

/** What each file holds, by its name. */
type Fingerprints = ReadonlyMap<string, string>;

class PollingWatch implements ConfigWatch {
  readonly #options: WatchOptions;
  /** Looks and calls, one after another. */
  #tail = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  /** What the last call of `onChange` was made for. */
  #known: Fingerprints = new Map();
  /** What the last look saw. */
  #seen: Fingerprints = new Map();

  constructor(options: WatchOptions) {
    this.#options = options;
    void this.#enqueue(async () => {
      this.#seen = await this.#fingerprints();
      this.#known = this.#seen;
    }).then(() => this.#schedule());
  }

  now(): Promise<void> {
    return this.#enqueue(async () => {
      this.#seen = await this.#fingerprints();
      await this.#call();
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** The promise never rejects. */
  #enqueue(task: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(task).catch((cause: unknown) => this.#options.onFault(cause));
    return this.#tail;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      void this.#enqueue(() => this.#look()).then(() => this.#schedule());
    }, this.#options.intervalMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const current = await this.#fingerprints();
    const settled = isSame(current, this.#seen);
    this.#seen = current;
    if (settled && !isSame(current, this.#known)) await this.#call();
    else this.#adopt(current);
  }

  /** Files that were not named before are no change. */
  #adopt(current: Fingerprints): void {
    this.#known = new Map([...current].map(([file, print]) => [file, this.#known.get(file) ?? print]));
  }

  /** What was seen before the call is what the call is for: a change that comes while it runs is noticed later. */
  async #call(): Promise<void> {
    if (this.#stopped) return;
    this.#known = this.#seen;
    await this.#options.onChange();
  }

  async #fingerprints(): Promise<Fingerprints> {
    const files = this.#options.files();
    return new Map(await Promise.all(files.map(async (file) => [file, await fingerprint(file)] as const)));
  }
}

/** Whether the files that both know are the same. */
function isSame(a: Fingerprints, b: Fingerprints): boolean {
  return [...a].every(([file, print]) => (b.get(file) ?? print) === print);
}

/** Never rejects: what keeps a file from being read is part of how it is. */
async function fingerprint(file: string): Promise<string> {
  try {
    const found = await stat(file);
    if (found.isDirectory()) return await folderFingerprint(file);
    if (!found.isFile()) return 'not a file';
    return createHash('sha256')
      .update(await readFile(file))
      .digest('base64');
  } catch (cause) {
    return errorCode(cause);
  }
}

async function folderFingerprint(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort();
  const prints = await Promise.all(
    names.map(async (name) => [name, await entryFingerprint(join(folder, name))] as const),
  );
  return JSON.stringify(prints.filter(([, print]) => print !== FOLDER));
}

const FOLDER = 'folder';

/** A folder's own folders, such as the `..data` of a Kubernetes volume, hold nothing that is read. */
async function entryFingerprint(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found?.isDirectory() === true ? FOLDER : await fingerprint(file);
}
