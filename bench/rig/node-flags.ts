/** The Node flags that the product runs with, read from where they are: bin/singlestate. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'singlestate');

/** @throws Error when the launcher has no line that starts Node on src/main.ts */
export function productNodeFlags(): string[] {
  const flags = /^exec "\$node" (.*)"\$here\/\.\.\/src\/main\.ts"/m.exec(readFileSync(LAUNCHER, 'utf8'))?.[1];
  if (flags === undefined)
    throw new Error(`${LAUNCHER} has no line 'exec "$node" FLAGS "$here/../src/main.ts"'`);
  return flags.split(' ').filter(Boolean);
}
