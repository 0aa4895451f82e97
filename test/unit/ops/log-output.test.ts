import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';

// Each test starts a process, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const LOG = new URL('../../../src/ops/log.ts', import.meta.url).href;
const children: ChildProcessWithoutNullStreams[] = [];

/** A process that logs to its standard output, as the server does: `log` is at hand in `script`. */
function logging(script: string): ChildProcessWithoutNullStreams {
  const prelude = `import { createLog } from ${JSON.stringify(LOG)};
    const log = createLog({ level: 'info', decisions: 'all' });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', prelude + script]);
  children.push(child);
  return child;
}

async function linesOf(child: ChildProcessWithoutNullStreams): Promise<Record<string, unknown>[]> {
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk as string;
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Every line has its place in the order, none is missing and none comes twice. */
function expectInOrder(lines: readonly Record<string, unknown>[], count: number): void {
  expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: count }, (_, n) => n));
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('lines on standard output', () => {
  it.each([1, 5_000])('are all there when the process exits at once after %i', async (count) => {
    const child = logging(`for (let n = 0; n < ${count}; n++) log.info('x', { n }); process.exit(0);`);
    expectInOrder(await linesOf(child), count);
  });

  it('are all there when the process exits while its reader is behind', async () => {
    const child = logging(`
      for (let n = 0; n < 5_000; n++) log.info('x', { n });
      setTimeout(() => {
        process.stderr.write('exiting');
        process.exit(0);
      }, 100);
    `);
    await once(child.stderr, 'data');
    expectInOrder(await linesOf(child), 5_000);
  });

  it('are all there when the process dies of an exception', async () => {
    const child = logging(
      `for (let n = 0; n < 500; n++) log.info('x', { n }); throw new Error('on purpose');`,
    );
    expectInOrder(await linesOf(child), 500);
  });

  it('are all there, in order, once flushed', async () => {
    const child = logging(`
      let n = 0;
      const burst = (lines) => { for (let i = 0; i < lines; i++) log.info('x', { n: n++ }); };
      for (let turn = 0; turn < 100; turn++) { burst(37); await new Promise(setImmediate); }
      burst(5_000);
      await log.flush();
      process.kill(process.pid, 'SIGKILL');
    `);
    expectInOrder(await linesOf(child), 8_700);
  });

  it('are shown while the process goes on, although they are few', async () => {
    const child = logging(`log.info('started'); setInterval(() => {}, 1_000);`);
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    expect(first.toString()).toContain('started');
  });

  it('D9 are dropped and counted when nobody reads, and the process goes on', async () => {
    const child = logging(`
      const filler = 'x'.repeat(10_000);
      for (let n = 0; n < 2_000; n++) { log.info('x', { n, filler }); await new Promise(setImmediate); }
      process.stderr.write('done');
      await log.flush();
    `);
    await once(child.stderr, 'data');
    const lines = await linesOf(child);
    const notices = lines.filter(({ level }) => level === 'warn');
    const dropped = notices.reduce((sum, { count }) => sum + Number(count), 0);
    expect(notices[0]?.['msg']).toBe('log lines were dropped: standard output is read too slowly');
    expect(lines.length - notices.length + dropped).toBe(2_000);
  });

  it('C4 are given up when the reader is gone, and the process goes on', async () => {
    const child = logging(`
      await new Promise((resolve) => process.stdin.once('data', resolve));
      for (let n = 0; n < 1_000; n++) { log.info('x', { n }); await new Promise(setImmediate); }
      await log.flush();
      log.info('x');
      process.stderr.write('still here');
      process.exit(0);
    `);
    child.stdout.destroy();
    child.stdin.write('go');
    const [said] = (await once(child.stderr, 'data')) as [Buffer];
    expect(said.toString()).toBe('still here');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  });

  it('D5 hold up neither a flush nor the exit of the process for long when nobody reads', async () => {
    const child = logging(`
      for (let n = 0; n < 5_000; n++) log.info('x', { n });
      await new Promise((resolve) => setTimeout(resolve, 50));
      await log.flush();
      process.exit(0);
    `);
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  });
});
