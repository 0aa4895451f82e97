/** Runs one `bin/singlestate` command to its end and hands back what it printed. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = join(import.meta.dirname, '..');

/** The program, as a person runs it from a clone. */
export const SINGLESTATE = join(ROOT, 'bin', 'singlestate');

/** A command that failed; the message has what it printed on standard error. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** 69 where trying again may help (docs/reference/commands.md); undefined where it did not run to its end. */
  readonly exitCode: number | undefined;

  constructor(message: string, exitCode: number | undefined, options: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Standard output. @throws CommandError */
export async function singlestate(args: readonly string[], signal?: AbortSignal): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(SINGLESTATE, args, { signal, timeout: 30_000 });
    return stdout;
  } catch (cause) {
    signal?.throwIfAborted();
    const { stderr, code } = cause as { readonly stderr?: string; readonly code?: unknown };
    const message = `singlestate ${args.slice(0, 2).join(' ')} failed: ${stderr?.trim() ?? String(cause)}`;
    throw new CommandError(message, typeof code === 'number' ? code : undefined, { cause });
  }
}
