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

/** Each key that names a file or folder, `*` for any name or index. */
const NAMED: readonly (readonly [key: string, kind: NamedFile['kind']])[] = [
  ['store.passwordFile', 'secret'],
  ['store.tls.caFile', 'file'],
  ['store.tls.certFile', 'file'],
  ['store.tls.keyFile', 'file'],
  ['token.keysDir', 'folder'],
  ['sealing.keysDir', 'folder'],
  ['identityProviders.*.clientSecretFile', 'secret'],
  ['tls.*.certFile', 'file'],
  ['tls.*.keyFile', 'file'],
  ['tls.*.clientCaFile', 'file'],
  ['tracing.headersFile', 'secret'],
  ['tracing.tls.caFile', 'file'],
  ['tracing.tls.certFile', 'file'],
  ['tracing.tls.keyFile', 'file'],
  ['operators.*.jwksFile', 'file'],
  ['operators.*.caFile', 'file'],
  ['operators.*.tokenFile', 'secret'],
  ['apps.*.identities.*.jwksFile', 'file'],
  ['apps.*.identities.*.caFile', 'file'],
  ['apps.*.identities.*.tokenFile', 'secret'],
  ['apps.*.writes.*', 'file'],
  ['apps.*.writesAttributes.*', 'file'],
  ['kubernetes.kubeconfigFile', 'file'],
  ['kubernetes.serviceAccounts.caFile', 'file'],
  ['kubernetes.serviceAccounts.tokenFile', 'secret'],
];

/** Everything that a configuration names; relative locations are below `folder`, those of a loaded one are absolute already. */
export function namedFiles(config: Readable<Config>, folder: string): readonly NamedFile[] {
  return NAMED.flatMap(([key, kind]) =>
    textsAt(config, key.split('.')).map(([path, text]) => ({ path, kind, location: resolve(folder, text) })),
  );
}

/** The same configuration with every relative location below the folder of its file. */
export function resolveLocations(config: Config, file: string): Config {
  const folder = dirname(resolve(file));
  const { listen } = config;
  const resolved = structuredClone({
    ...config,
    listen: {
      check: resolveSocket(listen.check, folder),
      ...(listen.http !== undefined && { http: resolveSocket(listen.http, folder) }),
      api: resolveSocket(listen.api, folder),
      ops: resolveSocket(listen.ops, folder),
    },
  });
  for (const { path, location } of namedFiles(config, folder)) put(resolved, path, location);
  return resolved;
}

/** Numbers for the indexes of a list. */
type Branch = Readonly<Record<string | number, unknown>>;

/** Every text that is where the steps lead, with its path. */
function textsAt(
  value: unknown,
  [step, ...rest]: readonly string[],
  path: ConfigPath = [],
): readonly (readonly [ConfigPath, string])[] {
  if (step === undefined) return typeof value === 'string' ? [[path, value]] : [];
  if (typeof value !== 'object' || value === null) return [];
  const all = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  const taken = step === '*' ? all : [step];
  return taken.flatMap((key) => textsAt((value as Branch)[key], rest, [...path, key]));
}

/** For a path that is there. */
function put(root: unknown, path: ConfigPath, text: string): void {
  const parent = path.slice(0, -1).reduce((at, step) => (at as Branch)[step], root);
  (parent as Record<string | number, unknown>)[path.at(-1) ?? ''] = text;
}

function resolveSocket(address: string, folder: string): string {
  return address.startsWith('unix:') ? `unix:${resolve(folder, address.slice('unix:'.length))}` : address;
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
