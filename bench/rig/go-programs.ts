/** The benchmark's Go programs, built into .cache/bench. Go's own build cache makes the second build instant. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const BENCH = join(import.meta.dirname, '..');
const OUT = join(BENCH, '..', '.cache', 'bench');

/** There is no Go here; the message says what to install. */
export class MissingGo extends Error {
  override readonly name = 'MissingGo';
}

/** For example `go1.26.8`. */
export function goVersion(): string {
  try {
    return execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' }).trim();
  } catch (cause) {
    throw new MissingGo(
      'The benchmark builds two Go programs: install Go 1.26 or later (https://go.dev/dl) and run it again.',
      {
        cause,
      },
    );
  }
}

/** Builds `bench/NAME` and returns the path of the program. The first build fetches the modules of its go.sum. */
export function buildGoProgram(name: 'reference-go' | 'load'): string {
  goVersion();
  mkdirSync(OUT, { recursive: true });
  const program = join(OUT, name);
  execFileSync('go', ['build', '-trimpath', '-o', program, '.'], {
    cwd: join(BENCH, name),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return program;
}
