// Runs a script on the project's own pinned Node after bringing node_modules in step with package-lock.json.
// It hides npm ci, its lock, and which Node the machine has: any Node from 20 on can start it.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODULES = join(ROOT, 'node_modules');
const NODE_PACKAGE = `node-${process.platform}-${process.arch}`;
const NODE_FOLDER = join(MODULES, NODE_PACKAGE, 'bin');
const LOCK = join(ROOT, '.cache', 'npm-ci.lock');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Ends with one line on stderr. */
function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

/** The packages of a lock file by place, or undefined where there is none that can be read. */
function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * True where node_modules holds what package-lock.json names, by npm's own record of what it installed (written
 * last, so an interrupted install has none). Optional packages may be absent: they are other platforms'.
 */
function inStep() {
  const wanted = packagesIn(join(ROOT, 'package-lock.json'));
  const installed = packagesIn(join(MODULES, '.package-lock.json'));
  if (!wanted || !installed || !existsSync(join(NODE_FOLDER, 'node'))) return false;
  const absentOrSame = ([place, { version, integrity, optional }]) => {
    const found = installed[place];
    return found ? found.version === version && found.integrity === integrity : optional === true;
  };
  const required = Object.entries(wanted).filter(([place]) => place !== '');
  return required.every(absentOrSame) && Object.keys(installed).every((place) => wanted[place]);
}

/**
 * Runs a command with this process' terminal; resolves to the exit code, 128 + N after signal N.
 * Each kind of signal is passed on once: Ctrl-C and npm both send their own, and a second SIGINT means "by force" to
 * many a program. Where npm, or the shell between, is gone without having passed one on, that counts as SIGTERM.
 */
function run(command, args, { env, stdio }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio });
    const sent = new Set();
    const send = (signal) => {
      if (!sent.has(signal)) child.kill(signal);
      sent.add(signal);
    };
    for (const signal of SIGNALS) process.on(signal, send);
    const starter = process.ppid;
    const checkStarter = () => process.env.npm_lifecycle_event && process.ppid !== starter && send('SIGTERM');
    const watch = setInterval(checkStarter, 500);
    const settle = (done) => (value, signal) => {
      clearInterval(watch);
      for (const name of SIGNALS) process.off(name, send);
      done(signal ? 128 + constants.signals[signal] : value);
    };
    child.on('error', settle(reject)).on('exit', settle(resolve));
  });
}

/** True where the process that made the lock is known to have ended; a lock that is gone or half written is not. */
function ownerEnded() {
  try {
    process.kill(Number(readFileSync(LOCK, 'utf8')) || process.pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Two npm ci at once would break each other's tree: the second one waits here until the first one is done. */
async function lock() {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  for (let told = false; ; told = true) {
    try {
      const file = openSync(LOCK, 'wx');
      writeSync(file, String(process.pid));
      closeSync(file);
      process.on('exit', () => rmSync(LOCK, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`${LOCK} can't be written (${error.code}): make it writable.`);
    }
    if (!told) process.stderr.write('Waiting for another npm ci in this folder to end.\n');
    if (ownerEnded()) rmSync(LOCK, { force: true });
    else await delay(200);
  }
}

/** The environment without this project's own bin folders: npm must not run on a Node that it is about to remove. */
function environmentForNpm() {
  const foreign = (folder) => !folder.startsWith(MODULES);
  return { ...process.env, PATH: (process.env.PATH ?? '').split(delimiter).filter(foreign).join(delimiter) };
}

async function install() {
  await lock();
  if (!inStep()) {
    process.stderr.write('node_modules is not in step with package-lock.json: running npm ci, once.\n');
    const args = ['ci', '--include=dev', '--include=optional', '--ignore-scripts', '--loglevel=error'];
    const options = { env: environmentForNpm(), stdio: ['ignore', 2, 2] };
    const code = await run('npm', args, options).catch((error) =>
      fail(
        error.code === 'ENOENT'
          ? 'npm was not found: install Node 20 or later with npm.'
          : `npm can't be run: ${error.message}`,
      ),
    );
    if (code > 128) process.exit(code);
    if (code !== 0) fail(`npm ci failed (exit ${code}, its message is above): mend that and run this again.`);
    if (!inStep()) fail('npm ci left packages out: is the registry reachable, and does no .npmrc omit any?');
  }
  rmSync(LOCK, { force: true });
}

async function main([script, ...args]) {
  if (!script) fail('Usage: node scripts/with-deps.mjs SCRIPT [ARGS]');
  if (Number(process.versions.node.split('.')[0]) < 20)
    fail(`Node 20 or later is needed, this is ${process.version}.`);
  if (!packagesIn(join(ROOT, 'package-lock.json'))?.[`node_modules/${NODE_PACKAGE}`])
    fail(`Linux on x64 or arm64 is needed, this is ${process.platform} on ${process.arch}.`);
  if (!inStep()) await install();
  const path = [NODE_FOLDER, join(MODULES, '.bin'), process.env.PATH].join(delimiter);
  const node = join(NODE_FOLDER, 'node');
  process.exitCode = await run(node, [script, ...args], {
    env: { ...process.env, PATH: path },
    stdio: 'inherit',
  }).catch((error) => fail(`The pinned Node can't be run (${error.code}): ${node} needs glibc.`));
}

await main(process.argv.slice(2));
