/** Programs and files of Go modules, each pinned: built or fetched once. Hides go's command line and where its results lie. */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PARTS = join(import.meta.dirname, '..', '..', '.cache', 'parts');

export interface GoTool {
  /** As the program is called. */
  readonly name: string;
  /** The package with its `main`. */
  readonly path: string;
  /** Of its module: `v1.2.3`. */
  readonly version: string;
  /** The environment variable by which the user names a binary of their own. */
  readonly variable: string;
}

/** The path of its binary. Rejects with one line that says what to do where it can't be built. */
export async function goTool({ name, path, version, variable }: GoTool): Promise<string> {
  const named = process.env[variable];
  if (named !== undefined) return named;
  const folder = join(PARTS, `${name}-${version}`);
  const binary = join(folder, name);
  if (await isExecutable(binary)) return binary;
  process.stderr.write(`Building ${name} (${path}@${version}), once.\n`);
  const remedy = `install Go, or name a binary by ${variable}`;
  // Without cgo no C compiler is asked for, and the binary runs in an image that has no libraries.
  await go(['install', `${path}@${version}`], remedy, { GOBIN: folder, CGO_ENABLED: '0' });
  return binary;
}

/** The folder of a module's files, read-only. Rejects with one line that says what to do where it can't be fetched. */
export async function goModuleFolder(module: string, version: string): Promise<string> {
  const remedy = 'install Go, and let it reach a module proxy';
  const { Dir } = JSON.parse(await go(['mod', 'download', '-json', `${module}@${version}`], remedy)) as {
    readonly Dir: string;
  };
  return Dir;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function go(
  args: readonly string[],
  remedy: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const options = { env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 };
  const done = await promisify(execFile)('go', args, options).catch((cause: unknown) => {
    const said = cause instanceof Error ? (cause.message.trim().split('\n').at(-1) ?? '') : '';
    throw new Error(`go can't ${args.slice(0, -1).join(' ')} ${args.at(-1) ?? ''} (${said}): ${remedy}.`, {
      cause,
    });
  });
  return done.stdout;
}
