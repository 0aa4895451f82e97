/** The frame of a run: a folder for its files, and an end that leaves no process behind, also on Ctrl-C. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PartError } from '../../quickstart/parts.ts';
import { MissingGo } from './go-programs.ts';
import { UsageError } from './options.ts';

const RUNS = join(import.meta.dirname, '..', '..', '.run');

/** What a shell reports for a program that Ctrl-C ended. */
const INTERRUPTED = 130;

export interface Run {
  /** The run's own folder, removed at its end; a run that fails leaves it for reading. */
  readonly dir: string;
  /** Has `stop` called when the run ends, however it ends; what was told last is stopped first. */
  readonly atEnd: (stop: () => Promise<void>) => void;
}

/** Does the work of a command and sets the exit code: the one that `work` returns, or 1 after saying what failed. */
export async function inRun(work: (run: Run) => Promise<number>): Promise<void> {
  mkdirSync(RUNS, { recursive: true });
  const dir = mkdtempSync(join(RUNS, 'bench-'));
  const stops: (() => Promise<void>)[] = [];
  const remove = () => rmSync(dir, { recursive: true, force: true });
  const end = async () => {
    for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
  };
  const interruption = new AbortController();
  const interrupt = () => {
    interruption.abort();
    void end().finally(() => {
      remove();
      process.exit(INTERRUPTED);
    });
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    process.exitCode = await work({ dir, atEnd: (stop) => stops.push(stop) });
    await end();
    remove();
  } catch (error) {
    await end();
    process.exitCode = 1;
    // What fails after Ctrl-C fails because of it.
    if (interruption.signal.aborted) return;
    if (isPlain(error)) remove();
    console.error(isPlain(error) ? error.message : error);
    if (!isPlain(error)) console.error(`The files of the run are in ${dir}`);
  }
}

/** Errors whose one line says all that the user needs. */
function isPlain(error: unknown): error is Error {
  return error instanceof UsageError || error instanceof MissingGo || error instanceof PartError;
}
