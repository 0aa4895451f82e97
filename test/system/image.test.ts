import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../quickstart/ports.ts';
import { waitUntil } from '../../quickstart/wait.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const NAME = 'localhost/singlestate-test:1';
/** Unpacked. What the image may grow to before somebody has to say why: Kubernetes' client is 26 of it, tracing's packages are 10. */
const LARGEST_MIB = 190;

const run = promisify(execFile);
const MINUTES = 60_000;

let folder: string;
/** The root folder of a container of the image. */
let root: string;
let container = '';

async function build(name: string): Promise<string> {
  const { stdout } = await run(join(ROOT, 'test/images/build.sh'), [name], {
    env: { ...process.env, SOURCE_DATE_EPOCH: '1700000000' },
  });
  return stdout.trim();
}

const buildah = async (...args: readonly string[]) => (await run('buildah', args)).stdout.trim();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-'));
  await build(NAME);
  container = await buildah('from', NAME);
  root = await buildah('mount', container);
}, 10 * MINUTES);

afterAll(async () => {
  if (container !== '') await buildah('rm', container);
  await rm(folder, { recursive: true });
}, MINUTES);

describe('the image', () => {
  test(
    'H3 is the same, byte for byte, when it is built again',
    async () => {
      const id = await buildah('inspect', '--type', 'image', '--format', '{{.FromImageID}}', NAME);
      expect(await build(`${NAME}-again`)).toBe(id);
      await buildah('rmi', `${NAME}-again`);
    },
    10 * MINUTES,
  );

  test('H3 runs as a user that is not root, by number', async () => {
    const { OCIv1: image } = JSON.parse(await buildah('inspect', '--type', 'image', NAME)) as {
      readonly OCIv1: { readonly config: object };
    };
    expect(image.config).toMatchObject({
      User: '65532:65532',
      Entrypoint: ['/usr/bin/singlestate'],
      Cmd: ['serve', '--config', '/etc/singlestate/singlestate.yaml'],
    });
  });

  test('H3 holds the program and what it needs: no shell, no package manager, nothing for development', async () => {
    expect((await readdir(join(root, 'usr/bin'))).sort()).toEqual(['node', 'singlestate']);
    expect((await readdir(join(root, 'app'))).sort()).toEqual([
      'LICENSE',
      'node_modules',
      'package.json',
      'src',
    ]);
    const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    const dependencies = await readdir(join(root, 'app/node_modules'));
    expect(dependencies.filter((name) => Object.hasOwn(devDependencies, name))).toEqual([]);
  });

  test('H3 has nothing that its user can write, and nothing that runs as another user', async () => {
    const writable = ['-perm', '/o+w', '!', '-type', 'l'];
    const { stdout } = await run('find', [
      root,
      '(',
      ...writable,
      '-o',
      '-perm',
      '/6000',
      '-o',
      '-uid',
      '65532',
      ')',
    ]);
    expect(stdout).toBe('');
  });

  test(`H3 is not larger than ${LARGEST_MIB} MiB`, async () => {
    const { stdout } = await run('du', ['--summarize', '--apparent-size', '--block-size=1', root]);
    expect(parseInt(stdout) / 1024 ** 2).toBeLessThan(LARGEST_MIB);
  });

  test('names the packages that its libraries are from, for scanners', async () => {
    const packages = await readdir(join(root, 'var/lib/dpkg/status.d'));
    expect(packages).toEqual(expect.arrayContaining(['libc6', 'libstdc++6']));
    for (const name of packages) {
      expect(await readFile(join(root, 'var/lib/dpkg/status.d', name), 'utf8')).toMatch(/^Version: /m);
      await expect(stat(join(root, 'usr/share/doc', name, 'copyright'))).resolves.toBeDefined();
    }
  });
});

/** Runs the image's program as Kubernetes would: its user, its files alone, and nowhere to write. */
function runImage(...args: readonly string[]): ChildProcess {
  const script = [
    `mount --bind "${root}" "${root}"`,
    `mount --bind "${folder}" "${root}/etc/singlestate"`,
    `mount -o remount,ro,bind "${root}"`,
    `mount -o remount,ro,bind "${root}/etc/singlestate"`,
    `exec chroot --userspec=65532:65532 "${root}" /usr/bin/singlestate "$@"`,
  ].join(' && ');
  return spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt' },
  });
}

async function outputOf(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, output };
}

describe('on a read-only root file system, as its user', () => {
  test('H3 the program serves, is ready, and ends when it is told to', async () => {
    await mkdir(join(root, 'etc/singlestate'), { recursive: true });
    const ops = await freePort();
    await run(join(ROOT, 'bin/singlestate'), ['keys', 'generate', '--dir', join(folder, 'keys')]);
    await run('chmod', ['-R', 'a+rX', folder]);
    await writeFile(
      join(folder, 'singlestate.yaml'),
      `store: { url: 'memory:' }
token: { issuer: https://sessions.example.com, keysDir: keys }
check: { drainDelay: 0s }
listen: { check: 127.0.0.1:0, api: 127.0.0.1:0, ops: '127.0.0.1:${ops}' }
`,
    );
    const server = runImage('serve', '--config', '/etc/singlestate/singlestate.yaml');
    const ended = outputOf(server);
    try {
      const ready = async () =>
        fetch(`http://127.0.0.1:${ops}/readyz`).then(
          ({ status }) => status === 200,
          () => false,
        );
      await waitUntil(ready, { what: 'the image being ready', timeoutMs: 20_000 });
    } finally {
      server.kill('SIGTERM');
    }
    const { code, output } = await ended;
    expect(output).toContain('"stopped"');
    expect(code).toBe(0);
  });
});
