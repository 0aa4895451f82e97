/** Runs one `bin/singlestate` command to its end and hands back what it printed. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = join(import.meta.dirname, '..');

/** The program, as a person runs it from a clone. */
export const SINGLESTATE = join(ROOT, 'bin', 'singlestate');

/** Standard output. @throws Error with what the command printed on standard error. */
export async function singlestate(args: readonly string[], signal?: AbortSignal): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(SINGLESTATE, args, { signal, timeout: 30_000 });
    return stdout;
  } catch (cause) {
    signal?.throwIfAborted();
    const said = (cause as { stderr?: string }).stderr?.trim();
    throw new Error(`singlestate ${args.slice(0, 2).join(' ')} failed: ${said ?? String(cause)}`, { cause });
  }
}
