/** How a generator ends: its file is written, or with `--check` compared with what is there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './run.ts';

/** With `--check` on the command line nothing is written; a file that differs is named, and the exit code is 1. */
export function writeOrCheck(file: string, fresh: string): void {
  const path = join(ROOT, file);
  if (!process.argv.includes('--check')) {
    writeFileSync(path, fresh);
  } else if (readFileSync(path, 'utf8') !== fresh) {
    console.error(`stale: ${file}: run "npm run generate" and commit the result`);
    process.exitCode = 1;
  }
}
