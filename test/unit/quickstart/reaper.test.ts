import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startPart } from '../../../quickstart/part.ts';
import { startReaper } from '../../../quickstart/reaper.ts';
import { waitUntil } from '../../../quickstart/wait.ts';

// Each starts several processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 20_000 });

const QUICKSTART = join(import.meta.dirname, '..', '..', '..', 'quickstart');

const commandOf = (pid: string | number) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');

/** Also true of one that is dead and waits for its parent. */
const isGone = async (pid: number) => (await commandOf(pid)) === '';

/** The ids of the processes that have this argument. */
async function running(argument: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map(commandOf));
  return pids.filter((_, index) => commands[index]?.split('\0').includes(argument)).map(Number);
}

/** A process with a reaper that starts a part, does what the source says, and then says the part's id. */
async function start(source: string) {
  const folder = await mkdtemp(join(tmpdir(), 'reaper-'));
  const program = `
    import { readFileSync } from 'node:fs';
    import { setTimeout as delay } from 'node:timers/promises';
    const { startPart } = await import('${QUICKSTART}/part.ts');
    const { startReaper } = await import('${QUICKSTART}/reaper.ts');
    const reaper = startReaper('${folder}');
    const part = await startPart({ name: 'x', command: '/bin/sleep', args: ['60'], logFile: '${folder}/log', reaper });
    const isSleeping = () => readFileSync('/proc/' + part.pid + '/cmdline', 'utf8').startsWith('/bin/sleep');
    while (!isSleeping()) await delay(10);
    ${source}
    console.log(part.pid);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const printed = await new Promise<string>((resolve) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
  });
  return { child, folder, pid: Number(printed) };
}

const within = { what: 'The end', timeoutMs: 15_000 };

test('a process that is killed leaves neither its parts nor its folder', async () => {
  const { child, folder, pid } = await start('setInterval(() => {}, 1000);');
  expect(await isGone(pid)).toBe(false);
  expect(existsSync(folder)).toBe(true);
  child.kill('SIGKILL');
  await waitUntil(async () => (await isGone(pid)) && !existsSync(folder), within);
});

test('one that is killed in the very moment in which it starts a part leaves nothing either', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'reaper-'));
  const seconds = `60.${randomInt(1e9)}`;
  // `spawn` has made the process when it returns, and nothing of this program runs after that.
  const program = `
    const { startPart } = await import('${QUICKSTART}/part.ts');
    const { startReaper } = await import('${QUICKSTART}/reaper.ts');
    const reaper = startReaper('${folder}');
    void startPart({ name: 'x', command: '/bin/sleep', args: ['${seconds}'], logFile: '${folder}/log', reaper });
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
  await new Promise((resolve) => child.once('exit', resolve));
  await waitUntil(() => Promise.resolve(!existsSync(folder)), within);
  expect(await running(seconds)).toEqual([]);
});

test("what is forgotten is not killed, as its id may be somebody else's", async () => {
  const { child, folder, pid } = await start('reaper.forget(part.pid); setInterval(() => {}, 1000);');
  child.kill('SIGKILL');
  await waitUntil(() => Promise.resolve(!existsSync(folder)), within);
  expect(await isGone(pid)).toBe(false);
  process.kill(pid, 'SIGKILL');
});

test('a part that has ended is forgotten, and no other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'reaper-'));
  const reaper = startReaper(folder);
  const forget = vi.spyOn(reaper, 'forget');
  const options = { name: 'x', logFile: join(folder, 'log'), reaper };
  const stays = await startPart({ ...options, command: '/bin/sleep', args: ['60'] });
  const ends = await startPart({ ...options, command: '/bin/sh', args: ['-c', 'exit 3'] });
  expect(await ends.ended).toBe('exit code 3');
  const isWhatItWasStartedFor = async () => (await commandOf(stays.pid)).startsWith('/bin/sleep');
  await waitUntil(isWhatItWasStartedFor, within);
  expect(forget.mock.calls).toEqual([[ends.pid]]);
  reaper.end();
  expect(await stays.ended).toBe('SIGKILL');
  await waitUntil(() => Promise.resolve(!existsSync(folder)), within);
});

test('without its reaper, which somebody killed, a part starts all the same', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'reaper-'));
  const reaper = startReaper(folder);
  for (const pid of await running(folder)) process.kill(pid, 'SIGKILL');
  await waitUntil(() => Promise.resolve(reaper.guard('x', []).inherited.length === 0), within);
  const options = { name: 'x', logFile: join(folder, 'log'), reaper };
  const part = await startPart({ ...options, command: '/bin/sh', args: ['-c', 'exit 3'] });
  expect(await part.ended).toBe('exit code 3');
  await rm(folder, { recursive: true });
});
