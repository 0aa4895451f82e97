import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, createReadStream, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';

// Each test starts a process, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const LOG = new URL('../../../src/ops/log.ts', import.meta.url).href;
const children: ChildProcessWithoutNullStreams[] = [];

/**
 * A process that logs to its standard output, as the server does: `log` is at hand in `script`. `output` is what the
 * shell puts behind its command, where its standard output is not to be the socket that the test reads.
 */
function logging(script: string, output = ''): ChildProcessWithoutNullStreams {
  const prelude = `import { createLog } from ${JSON.stringify(LOG)};
    import { once } from 'node:events';
    const log = createLog({ level: 'info', decisions: 'all' });
    let n = 0;
    const lines = (count, fields) => { while (count-- > 0) log.info('x', { n: n++, ...fields }); };
    const say = (text) => process.stderr.write(text);
    const toldToGoOn = () => once(process.stdin, 'data');`;
  const command = `exec "$0" --input-type=module --eval "$1" ${output}`;
  const child = spawn('/bin/sh', ['-c', command, process.execPath, prelude + script]);
  children.push(child);
  return child;
}

function parse(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function linesOf(stream: Readable): Promise<Record<string, unknown>[]> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk as string;
  return parse(text);
}

/** Every line has its place in the order, none is missing and none comes twice. */
function expectInOrder(lines: readonly Record<string, unknown>[], count: number): void {
  expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: count }, (_, n) => n));
}

async function said(child: ChildProcessWithoutNullStreams): Promise<string> {
  const [chunk] = (await once(child.stderr, 'data')) as [Buffer];
  return chunk.toString();
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('lines on standard output', () => {
  it.each([1, 5_000])('are all there when the process exits at once after %i', async (count) => {
    const child = logging(`lines(${count}); process.exit(0);`);
    expectInOrder(await linesOf(child.stdout), count);
  });

  it('are all there when the process dies of an exception', async () => {
    const child = logging(`lines(500); throw new Error('on purpose');`);
    expectInOrder(await linesOf(child.stdout), 500);
  });

  it('are all there when the process exits while its reader is behind', async () => {
    const child = logging(`lines(5_000); setTimeout(() => { say('exiting'); process.exit(0); }, 100);`);
    await said(child);
    expectInOrder(await linesOf(child.stdout), 5_000);
  });

  it('are all there through a pipe that takes parts of a batch', async () => {
    const child = logging(`lines(5_000); await log.flush(); lines(100);`, '| (sleep 0.2; cat)');
    expectInOrder(await linesOf(child.stdout), 5_100);
  });

  it('are all there, in order, once flushed', async () => {
    const child = logging(`
      for (let turn = 0; turn < 100; turn++) { lines(37); await new Promise(setImmediate); }
      lines(5_000);
      await log.flush();
      process.kill(process.pid, 'SIGKILL');
    `);
    expectInOrder(await linesOf(child.stdout), 8_700);
  });

  it('are all there however much was logged before', async () => {
    const child = logging(`
      const filler = 'x'.repeat(10_000);
      for (let turn = 0; turn < 20; turn++) { lines(50, { filler }); await log.flush(); }
    `);
    expectInOrder(await linesOf(child.stdout), 1_000);
  });

  it('are shown while the process goes on, although they are few', async () => {
    const child = logging(`lines(1); setInterval(() => {}, 1_000);`);
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    expectInOrder(parse(first.toString()), 1);
  });

  it('are shown once their reader catches up, although no more follow', async () => {
    const child = logging(`lines(5_000); say('done'); setInterval(() => {}, 1_000);`);
    await said(child);
    let text = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      text += chunk as string;
      if (text.includes('"n":4999,')) break;
    }
    expectInOrder(parse(text), 5_000);
  });

  it('D9 are dropped and counted when nobody reads, and the process goes on', async () => {
    const child = logging(`
      const filler = 'x'.repeat(10_000);
      for (let turn = 0; turn < 2_000; turn++) { lines(1, { filler }); await new Promise(setImmediate); }
      say('done');
      await log.flush();
    `);
    await said(child);
    const found = await linesOf(child.stdout);
    const notices = found.filter(({ level }) => level === 'warn');
    const dropped = notices.reduce((sum, { count }) => sum + Number(count), 0);
    expect(notices[0]?.['msg']).toBe('log lines were dropped: standard output is read too slowly');
    expect(found.length - notices.length + dropped).toBe(2_000);
  });

  it('C4 are given up when the reader is gone, and the process goes on', async () => {
    const child = logging(`
      await toldToGoOn();
      for (let turn = 0; turn < 1_000; turn++) { lines(1); await new Promise(setImmediate); }
      await log.flush();
      lines(1);
      say('still here');
      process.exit(0);
    `);
    child.stdout.destroy();
    child.stdin.write('go');
    const exited = once(child, 'exit');
    expect(await said(child)).toBe('still here');
    expect(await exited).toEqual([0, null]);
  });

  it('C4 are counted while the reader is gone, and written again once it is back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'log-output-'));
    const fifo = join(folder, 'log');
    execFileSync('mkfifo', [fifo]);
    const first = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const child = logging(
      `say('ready'); await toldToGoOn(); lines(100); await log.flush();
       say('dropped'); await toldToGoOn(); lines(1); await log.flush(); process.exit(0);`,
      `> ${fifo}`,
    );
    await said(child);
    closeSync(first);
    child.stdin.write('go');
    await said(child);
    const second = createReadStream(fifo);
    await once(second, 'open');
    child.stdin.write('go');
    expect(await linesOf(second)).toMatchObject([{ n: 100 }, { level: 'warn', count: 100 }]);
    rmSync(folder, { recursive: true });
  });

  it('D5 hold up neither a flush nor the exit of the process for long when nobody reads', async () => {
    const child = logging(`
      lines(5_000);
      await log.flush();
      process.exit(0);
    `);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
