/** The files that a configuration consists of and names: where they are, and reading them with errors that say what to do. */
import { access, constants, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ConfigPath } from './problem.ts';
import type { Readable } from './schema-shape.ts';
import type { Config } from './schema.ts';

/** A file or folder that the configuration names. */
export interface NamedFile {
  /** The key that names it. */
  readonly path: ConfigPath;
  readonly kind: 'file' | 'folder' | 'secret';
  readonly location: string;
}

export type FileReading =
  | { readonly ok: true; readonly text: string }
  /** `problem` goes on from the file's name: "does not exist". */
  | { readonly ok: false; readonly problem: string };

const MAX_SECRET_BYTES = 64 * 1024;

/** Everything that a configuration names; relative locations are below `folder`, those of a loaded one are absolute already. */
export function namedFiles(config: Readable<Config>, folder: string): readonly NamedFile[] {
  const operators = config.operators ?? [];
  const named: readonly [ConfigPath, NamedFile['kind'], string | undefined][] = [
    [['store', 'passwordFile'], 'secret', config.store?.passwordFile],
    [['token', 'keysDir'], 'folder', config.token?.keysDir],
    ...operators.map((operator, index): [ConfigPath, 'file', string | undefined] => [
      ['operators', index, 'jwksFile'],
      'file',
      operator?.jwksFile,
    ]),
  ];
  return named.flatMap(([path, kind, location]) =>
    location === undefined ? [] : [{ path, kind, location: resolve(folder, location) }],
  );
}

/** The same configuration with every relative location below the folder of its file. */
export function resolveLocations(config: Config, file: string): Config {
  const folder = dirname(resolve(file));
  const at = (location: string) => resolve(folder, location);
  const { listen, store, token, operators } = config;
  return {
    ...config,
    listen: {
      check: resolveSocket(listen.check, at),
      api: resolveSocket(listen.api, at),
      ops: resolveSocket(listen.ops, at),
    },
    store: {
      ...store,
      ...(store.passwordFile !== undefined && { passwordFile: at(store.passwordFile) }),
    },
    token: { ...token, keysDir: at(token.keysDir) },
    operators: operators.map((operator) => ({
      ...operator,
      ...(operator.jwksFile !== undefined && { jwksFile: at(operator.jwksFile) }),
    })),
  };
}

function resolveSocket(address: string, at: (location: string) => string): string {
  return address.startsWith('unix:') ? `unix:${at(address.slice('unix:'.length))}` : address;
}

/** The text of a configuration file. Never rejects. */
export async function readConfigFile(file: string): Promise<FileReading> {
  return await readText(file);
}

/** A secret out of its file: the text without the line break that editors put at its end. Never rejects. */
export async function readSecretFile(file: string): Promise<FileReading> {
  const reading = await readText(file, MAX_SECRET_BYTES);
  if (!reading.ok) return reading;
  const secret = reading.text.replace(/\r?\n$/, '');
  if (secret === '') return { ok: false, problem: 'is empty: it must hold the secret' };
  if (/[\r\n]/.test(secret))
    return { ok: false, problem: 'has more than one line: it must hold the secret alone' };
  return { ok: true, text: secret };
}

/** What keeps a named file or folder from being used, or undefined. It looks, and keeps nothing of what it read. */
export async function problemOf({ kind, location }: NamedFile): Promise<string | undefined> {
  if (kind === 'secret') {
    const secret = await readSecretFile(location);
    return secret.ok ? undefined : secret.problem;
  }
  try {
    const found = await stat(location);
    if (kind === 'folder' && !found.isDirectory()) return 'is not a folder';
    if (kind === 'file' && !found.isFile()) return 'is not a file';
    await access(location, kind === 'folder' ? constants.R_OK | constants.X_OK : constants.R_OK);
    return undefined;
  } catch (cause) {
    return sayFileError(cause);
  }
}

async function readText(file: string, maxBytes = Infinity): Promise<FileReading> {
  try {
    const found = await stat(file);
    if (!found.isFile()) return { ok: false, problem: 'is not a file' };
    if (found.size > maxBytes) return { ok: false, problem: `is larger than ${maxBytes} bytes` };
    const bytes = await readFile(file);
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (cause) {
    return { ok: false, problem: sayFileError(cause) };
  }
}

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is not a folder',
  EACCES: 'may not be read by the user that runs this',
  EPERM: 'may not be read by the user that runs this',
  ELOOP: 'is a symbolic link that leads to itself',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
};

function sayFileError(cause: unknown): string {
  const code = errorCode(cause);
  return FILE_ERRORS[code] ?? `can't be read (${code})`;
}

/** The stable code of an error of the file system. */
export function errorCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'unknown';
}
