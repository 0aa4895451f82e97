import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { ROOT } from '../../quickstart/command.ts';
import { assertPortFree, freePort } from '../../quickstart/ports.ts';
import { waitUntil } from '../../quickstart/wait.ts';

const MARK = 'QUICKSTART_TEST_MARK';

interface Process {
  readonly pid: number;
  readonly command: string;
  readonly environment: string;
  readonly cwd: string;
}

/** From /proc; the dead that wait for their parent are left out. */
async function allProcesses(): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const read = (pid: string, file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
  const found = await Promise.all(
    pids.map(async (pid) => ({
      pid: Number(pid),
      command: (await read(pid, 'cmdline')).replaceAll('\0', ' '),
      environment: await read(pid, 'environ'),
      cwd: await readlink(`/proc/${pid}/cwd`).catch(() => ''),
    })),
  );
  return found.filter(({ command }) => command !== '');
}

/** The command as npm runs it, in a process group of its own as a terminal makes one. */
class Quickstart {
  readonly port: number;
  readonly mark = randomUUID();
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  output = '';
  errors = '';
  #folder: string | undefined;
  readonly exited: Promise<number | string>;

  constructor(port: number) {
    this.port = port;
    this.child = spawn('npm', ['run', '--silent', 'quickstart'], {
      cwd: ROOT,
      env: { ...process.env, PORT: String(port), [MARK]: this.mark },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.child.stderr.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.exited = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve(signal ?? code ?? 0));
    });
  }

  async untilStarted(): Promise<this> {
    await Promise.race([this.until(() => this.output.includes('Ctrl-C stops everything')), this.exited]);
    if (!this.output.includes('Ctrl-C stops everything')) throw new Error(this.errors);
    return this;
  }

  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    await waitUntil(async () => isSo(), { what: 'The quickstart', timeoutMs: 25_000 });
  }

  /** Resolves to the process id. */
  async untilRuns(part: string): Promise<number> {
    let pid: number | undefined;
    await this.until(async () => {
      pid = (await this.processes()).find(({ command }) => command.includes(part))?.pid;
      return pid !== undefined;
    });
    return pid ?? 0;
  }

  /** What Ctrl-C does in a terminal, or its closing. */
  signalGroup(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid !== undefined) process.kill(-pid, signal);
  }

  /** Every process of this run: by its environment, and Valkey, which overwrites that, by its folder. */
  async processes(): Promise<Process[]> {
    const all = await allProcesses();
    const marked = all.filter(({ environment }) => environment.includes(`${MARK}=${this.mark}`));
    for (const { command } of marked) {
      const [, name] = /\/\.run\/(stack-\w+)/.exec(command) ?? [];
      if (name !== undefined) this.#folder ??= join(ROOT, '.run', name);
    }
    const folder = this.#folder;
    return folder === undefined
      ? marked
      : all.filter((one) => marked.includes(one) || one.cwd.startsWith(folder));
  }

  /** Fails unless every process, port and file of this run is gone soon. */
  async expectNothingLeft(): Promise<void> {
    await this.until(async () => (await this.processes()).length === 0).catch(async () => {
      expect(await this.processes()).toEqual([]);
    });
    for (const port of this.ports()) await assertPortFree(port);
    expect(existsSync(this.folder)).toBe(false);
  }

  ports(): Set<number> {
    const printed = [...this.output.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
    return new Set([this.port, ...printed]);
  }

  /** Known once one of its processes was seen. */
  get folder(): string {
    return this.#folder ?? '';
  }
}

const running: Quickstart[] = [];

async function quickstart(port?: number): Promise<Quickstart> {
  const started = new Quickstart(port ?? (await freePort()));
  running.push(started);
  return started;
}

afterEach(async () => {
  for (const one of running.splice(0)) {
    const found = await one.processes();
    // Not the reaper, which cleans up after the others.
    for (const { pid, command } of found) if (!command.includes('rm -rf')) process.kill(pid, 'SIGKILL');
  }
});

describe('the quickstart leaves no process, no port and no file behind', () => {
  test('after Ctrl-C beside a second copy with Valkey stopped by hand, and after the end of a part', async () => {
    const [first, second] = [await quickstart(), await quickstart()];
    await Promise.all([first.untilStarted(), second.untilStarted()]);
    expect((await first.processes()).length).toBeGreaterThan(6);
    expect(first.ports().size).toBeGreaterThan(6);
    expect(existsSync(first.folder)).toBe(true);
    const [, valkey] = /kill -STOP (\d+)/.exec(first.output) ?? [];
    process.kill(Number(valkey), 'SIGSTOP');
    first.signalGroup('SIGINT');
    expect(await first.exited).toBe(0);
    expect(first.errors).toBe('');
    await first.expectNothingLeft();
    const answer = await fetch(`http://127.0.0.1:${second.port}/public/hello`);
    expect(answer.status).toBe(200);
    process.kill(await second.untilRuns('serve --config'), 'SIGKILL');
    expect(await second.exited).toBe(1);
    expect(second.errors).toMatch(
      /^Singlestate ended by itself \(SIGKILL\), so everything is stopped\. .+\n\{/,
    );
    await second.expectNothingLeft();
  });

  test('after the terminal was closed', async () => {
    const one = await (await quickstart()).untilStarted();
    one.child.stdout.destroy();
    one.child.stderr.destroy();
    one.signalGroup('SIGHUP');
    await one.expectNothingLeft();
  });

  test.each([
    ['SIGINT', 'rm -rf'],
    ['SIGINT', 'valkey-server'],
    ['SIGTERM', 'provider.ts'],
    ['SIGHUP', 'serve --config'],
  ] as const)('after %s during its start, when %s has just begun', async (signal, part) => {
    const one = await quickstart();
    await one.untilRuns(part);
    one.signalGroup(signal);
    // npm itself takes no care of SIGHUP.
    expect(await one.exited).toBe(signal === 'SIGHUP' ? 'SIGHUP' : 0);
    expect(one.output).not.toContain('Ctrl-C stops everything');
    await one.expectNothingLeft();
  });

  test.each([
    ['SIGTERM', 'npm'],
    ['SIGKILL', 'npm'],
    ['SIGKILL', 'with-deps.mjs'],
    ['SIGKILL', 'node quickstart/main.ts'],
  ] as const)('after %s to %s alone', async (signal, victim) => {
    const one = await quickstart();
    await one.untilRuns('envoy.yaml');
    process.kill(await one.untilRuns(victim), signal);
    await one.expectNothingLeft();
  });
});

describe('the quickstart says in one line what to do', () => {
  test('when its port is in use', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const one = await quickstart(port);
    expect(await one.exited).toBe(1);
    expect(one.errors).toBe(
      `127.0.0.1:${port} is in use: stop what listens there, or set PORT=N to use another port.\n`,
    );
    server.close();
    expect(await one.processes()).toEqual([]);
  });

  test('when PORT is no port', async () => {
    const one = await quickstart(70_000);
    expect(await one.exited).toBe(1);
    expect(one.errors).toBe('PORT is "70000": it must be a number from 1 to 65535.\n');
  });
});
