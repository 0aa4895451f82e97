/** Where `audit tail` remembers how far it came, so that it goes on there when it is started again. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { CliError, EXIT } from './cli-error.ts';

export interface PositionFile {
  /** Empty where nothing was saved. */
  readonly saved: string;
  /** The file has the old position or the new one, whenever the process ends. Rejects with `CliError`. */
  save(position: string): Promise<void>;
}

/**
 * A position belongs to the question that it was given for, and so does the file. Rejects with `CliError` for a file of
 * another question, and for one that can't be read.
 */
export async function openPositionFile(path: string, question: string): Promise<PositionFile> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => absent(path, error));
  return {
    saved: text === undefined ? '' : positionIn(path, text, question),
    save: async (position) => {
      const next = `${path}.next`;
      try {
        await writeFile(next, `${JSON.stringify({ question, position })}\n`, { mode: 0o600, flush: true });
        await rename(next, path);
      } catch (error) {
        throw failure(path, 'be written', error);
      }
    },
  };
}

function absent(path: string, error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw failure(path, 'be read', error);
}

function positionIn(path: string, text: string, question: string): string {
  const content = parsed(text);
  if (content === undefined) {
    throw new CliError(EXIT.usage, `${path} is no position file: remove it, or name another`);
  }
  if (content.question === question) return content.position;
  const problem = `${path} belongs to a tail with other filters: remove it, or name another`;
  throw new CliError(EXIT.usage, problem);
}

function parsed(text: string): { readonly question: string; readonly position: string } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { question, position } = value as Readonly<Record<string, unknown>>;
  return typeof question === 'string' && typeof position === 'string' ? { question, position } : undefined;
}

function failure(path: string, what: string, cause: unknown): CliError {
  const { code } = cause as NodeJS.ErrnoException;
  return new CliError(EXIT.usage, `${path} can't ${what} (${code ?? 'unknown error'})`, { cause });
}
