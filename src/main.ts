/** The program's start and end. The only place that reads the environment, listens to signals and sets the exit code. */
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { createProgram } from './cli/program.ts';

/** A fault of the program itself (`EX_SOFTWARE` of sysexits.h). */
const EXIT_FAULT = 70;
/** Nobody reads the output any more: what shells say of a program that SIGPIPE has ended. */
const EXIT_UNREAD = 141;
/** A wrong command line, as POSIX utilities have it. */
const EXIT_USAGE = 2;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

process.stdout.on('error', () => process.exit(EXIT_UNREAD));

const program = createProgram({
  version,
  env: process.env,
  stdin: process.stdin,
  write: (text) => void process.stdout.write(text),
  writeOut,
  warn: (line) => void process.stderr.write(`singlestate: ${line}\n`),
  onSignal: (signal, listener) => void process.on(signal, listener),
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

/** Never resolves for what nobody reads: that ends the program. */
function writeOut(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, (error) => {
      if (!error) resolve();
    });
  });
}

/** Prints what went wrong, unless commander did. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (!(error instanceof Error)) throw error;
  const expected = 'exitCode' in error && typeof error.exitCode === 'number' ? error.exitCode : undefined;
  process.stderr.write(`singlestate: ${expected === undefined ? error.stack : error.message}\n`);
  return expected ?? EXIT_FAULT;
}
