/** Finds Debian's Redis. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The first on the PATH. @throws Error that says how to install it. */
export async function redisBinary(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(folder, 'redis-server');
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  throw new Error(
    "redis-server is not on the PATH: install Debian's redis-server (apt-get install redis-server).",
  );
}
