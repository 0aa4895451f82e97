/** Runs a command in the repository's folder, with its output on this terminal. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/** buf out of the package of this platform: its wrapper package names platforms that not every registry has. */
export const BUF = join(
  ROOT,
  `node_modules/@bufbuild/buf-linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}/bin/buf`,
);

/** The protos of the last release, compiled: a change that breaks their clients fails the check. */
export const RELEASED_PROTOS = 'proto/released.json';

/** Whether it ended well. */
export function run(command: string, args: readonly string[]): boolean {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' });
  if (error) console.error(`${command}: ${error.message}`);
  return status === 0;
}
