import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { waitUntil } from '../../../quickstart/wait.ts';

// Each starts several processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 20_000 });

const QUICKSTART = join(import.meta.dirname, '..', '..', '..', 'quickstart');

/** Also true of one that is dead and waits for its parent. */
async function isGone(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) === '';
}

/** A process with a reaper, that says which part it started and then does what the source says. */
async function start(source: string) {
  const folder = await mkdtemp(join(tmpdir(), 'reaper-'));
  const program = `
    const { startPart } = await import('${QUICKSTART}/part.ts');
    const { startReaper } = await import('${QUICKSTART}/reaper.ts');
    const part = await startPart({ name: 'x', command: '/bin/sleep', args: ['60'], logFile: '${folder}/log' });
    const reaper = startReaper('${folder}');
    reaper.watch([-part.pid]);
    console.log(part.pid);
    ${source}`;
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

test('what has been dismissed is not killed', async () => {
  const { child, folder, pid } = await start('reaper.dismiss(); process.exit();');
  await new Promise((resolve) => child.once('exit', resolve));
  await waitUntil(() => Promise.resolve(!existsSync(folder)), within);
  expect(await isGone(pid)).toBe(false);
  process.kill(pid, 'SIGKILL');
});
