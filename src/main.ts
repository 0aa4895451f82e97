/** The program's start and end. The only place that reads the environment, listens to signals and sets the exit code. */
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { createProgram } from './cli/program.ts';

/** A fault of the program itself (`EX_SOFTWARE` of sysexits.h). */
const EXIT_FAULT = 70;
/** A wrong command line, as POSIX utilities have it. */
const EXIT_USAGE = 2;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

const program = createProgram({
  version,
  env: process.env,
  stdin: process.stdin,
  write: (text) => void process.stdout.write(text),
  onSignal: (signal, listener) => void process.on(signal, listener),
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

/** Prints what went wrong, unless commander did. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (!(error instanceof Error)) throw error;
  const expected = 'exitCode' in error && typeof error.exitCode === 'number' ? error.exitCode : undefined;
  process.stderr.write(`singlestate: ${expected === undefined ? error.stack : error.message}\n`);
  return expected ?? EXIT_FAULT;
}
