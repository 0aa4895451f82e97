/** Finds a program of a Debian package. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Where Debian has servers, which is on the PATH of root alone. */
const SERVERS = '/usr/sbin';

/** The first on the PATH. @throws Error that says how to install it. */
export async function debianBinary(program: string, debianPackage: string): Promise<string> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), SERVERS]) {
    const candidate = join(folder, program);
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  const remedy = `install Debian's ${debianPackage} (apt-get install ${debianPackage})`;
  throw new Error(`${program} is not on the PATH: ${remedy}.`);
}
