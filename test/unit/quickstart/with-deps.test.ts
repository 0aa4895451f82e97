import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

// Each starts several processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 20_000 });

const SCRIPT = join(import.meta.dirname, '..', '..', '..', 'scripts', 'with-deps.mjs');
const NODE_PLACE = `node_modules/node-${process.platform}-${process.arch}`;

type Packages = Record<string, { version: string; integrity: string; optional?: boolean }>;

const A = { version: '1.0.0', integrity: 'sha512-a' };
const INSTALLED: Packages = {
  [NODE_PLACE]: { version: '26.0.0', integrity: 'sha512-n', optional: true },
  'node_modules/a': A,
};
/** Another platform's package is in the lock file, and not installed. */
const LOCKED: Packages = {
  ...INSTALLED,
  'node_modules/elsewhere': { version: '1.0.0', integrity: 'sha512-e', optional: true },
};

let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'with deps-'));
  await mkdir(join(project, 'bin'));
  await mkdir(join(project, 'scripts'));
  await cp(SCRIPT, join(project, 'scripts', 'with-deps.mjs'));
  await writeFile(join(project, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...LOCKED } }));
  await writeFile(join(project, 'installed.json'), JSON.stringify({ packages: INSTALLED }));
  await symlink(process.execPath, join(project, 'bin', 'node'));
  await npmThat(`echo ci >> runs
/bin/mkdir -p ${NODE_PLACE}/bin
/bin/ln -sf '${process.execPath}' ${NODE_PLACE}/bin/node
/bin/cp installed.json node_modules/.package-lock.json`);
});
afterEach(async () => rm(project, { recursive: true, force: true }));

/** Puts an `npm` on the PATH that does what the shell lines say. */
async function npmThat(lines: string): Promise<void> {
  const npm = join(project, 'bin', 'npm');
  await writeFile(npm, `#!/bin/sh\n${lines}\n`);
  await chmod(npm, 0o755);
}

async function install(packages: Packages): Promise<void> {
  await mkdir(join(project, NODE_PLACE, 'bin'), { recursive: true });
  await symlink(process.execPath, join(project, NODE_PLACE, 'bin', 'node'));
  await writeFile(join(project, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
}

/** Writes the script that is to be run. */
async function program(source: string): Promise<void> {
  await writeFile(join(project, 'program.mjs'), source);
}

function start(...args: string[]) {
  const child = spawn(process.execPath, ['scripts/with-deps.mjs', 'program.mjs', ...args], {
    cwd: project,
    env: { PATH: join(project, 'bin') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<{ code: number | null; output: string; errors: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, output, errors }));
  });
  return { child, ended };
}

const npmRuns = async () =>
  (await readFile(join(project, 'runs'), 'utf8').catch(() => '')).split('\n').length - 1;

describe('with node_modules in step', () => {
  beforeEach(async () => install(INSTALLED));

  test('the script runs on the pinned Node, with its arguments, output and exit code', async () => {
    await program('console.log(process.argv0, process.argv.slice(2).join()); process.exitCode = 7;');
    const { code, output, errors } = await start('a b', '--c').ended;
    expect(output).toBe(`${join(project, NODE_PLACE, 'bin', 'node')} a b,--c\n`);
    expect({ code, errors }).toEqual({ code: 7, errors: '' });
    expect(await npmRuns()).toBe(0);
  });

  /** Says each signal that reaches it, and ends at SIGTERM. */
  const LISTENS = `for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'])
    process.on(name, () => { console.log(name); if (name === 'SIGTERM') process.exit(3); });
    setInterval(() => {}, 1000);
    console.log('ready');`;

  test.each(['SIGHUP', 'SIGINT'] as const)(
    '%s is passed on once, and then another signal',
    async (signal) => {
      await program(LISTENS);
      const { child, ended } = start();
      const said = async () => new Promise((resolve) => child.stdout.once('data', resolve));
      await said();
      child.kill(signal);
      await said();
      child.kill(signal);
      child.kill('SIGTERM');
      expect(await ended).toEqual({ code: 3, output: `ready\n${signal}\nSIGTERM\n`, errors: '' });
    },
  );

  test('the death of the script by a signal is told as shells do', async () => {
    await program("process.kill(process.pid, 'SIGKILL');");
    expect((await start().ended).code).toBe(128 + 9);
  });
});

describe('npm ci is run once', () => {
  const withoutA = Object.fromEntries(Object.entries(INSTALLED).filter(([place]) => place === NODE_PLACE));
  test.each<[string, Packages]>([
    ['where a package is missing', withoutA],
    ['where a package has another version', { ...INSTALLED, 'node_modules/a': { ...A, version: '2.0.0' } }],
    ['where a package has another content', { ...INSTALLED, 'node_modules/a': { ...A, integrity: 'x' } }],
    ['where a package is there that no longer should be', { ...INSTALLED, 'node_modules/b': A }],
  ])('%s', async (_title, packages) => {
    await install(packages);
    await program("console.log('ran');");
    expect(await start().ended).toEqual({
      code: 0,
      output: 'ran\n',
      errors: 'node_modules is not in step with package-lock.json: running npm ci, once.\n',
    });
    expect((await start().ended).errors).toBe('');
    expect(await npmRuns()).toBe(1);
  });

  test('by two that start at once', async () => {
    await program("console.log('ran');");
    const ends = await Promise.all([start().ended, start().ended]);
    expect(ends.map(({ code, output }) => [code, output])).toEqual([
      [0, 'ran\n'],
      [0, 'ran\n'],
    ]);
    expect(await npmRuns()).toBe(1);
  });

  test('after an earlier one was killed', async () => {
    const { child, ended } = start();
    await ended;
    await rm(join(project, 'node_modules'), { recursive: true });
    await mkdir(join(project, '.cache'), { recursive: true });
    await writeFile(join(project, '.cache', 'npm-ci.lock'), String(child.pid));
    await program("console.log('ran');");
    expect((await start().ended).output).toBe('ran\n');
  });
});

describe('what is missing is one line that says what to do', () => {
  test('npm', async () => {
    await rm(join(project, 'bin', 'npm'));
    const { code, errors } = await start().ended;
    expect(code).toBe(1);
    expect(errors.split('\n').at(-2)).toBe('npm was not found: install Node 20 or later with npm.');
  });

  test('the registry', async () => {
    await npmThat('echo "npm error network" >&2; exit 1');
    const { code, errors } = await start().ended;
    expect(code).toBe(1);
    expect(errors.split('\n').slice(-3)).toEqual([
      'npm error network',
      'npm ci failed (exit 1, its message is above): mend that and run this again.',
      '',
    ]);
  });

  test('a package that npm left out', async () => {
    await writeFile(join(project, 'installed.json'), JSON.stringify({ packages: {} }));
    const { code, errors } = await start().ended;
    expect(code).toBe(1);
    expect(errors).toContain('npm ci left packages out');
  });

  test('a Node for this machine', async () => {
    await writeFile(join(project, 'package-lock.json'), JSON.stringify({ packages: {} }));
    const { code, errors } = await start().ended;
    expect(code).toBe(1);
    expect(errors).toBe(`Linux on x64 or arm64 is needed, this is ${process.platform} on ${process.arch}.\n`);
  });
});
