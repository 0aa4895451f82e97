/** One program of the stack as a child process: its log file, how it ended, and how to end it. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Reaper } from './reaper.ts';
import { waitUntil } from './wait.ts';

export interface PartOptions {
  /** As a person would call it: `Envoy`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Takes standard output and standard error. */
  readonly logFile: string;
  readonly cwd?: string;
  /** Kills it, should this process be killed. */
  readonly reaper?: Reaper | undefined;
}

export interface Part {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves once it has ended, to how: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL to its whole group where it takes longer than `graceMs` (default 5 s). */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Starts a program in a process group of its own, so that Ctrl-C reaches only who stops the parts in their order.
 * @throws Error where it can't be started. With a reaper, a command that does not exist ends with exit code 127.
 */
export async function startPart(options: PartOptions): Promise<Part> {
  const { reaper } = options;
  const asItIs = { command: options.command, args: options.args, inherited: [] };
  const { command, args, inherited } = reaper?.guard(options.command, options.args) ?? asItIs;
  const log = openSync(options.logFile, 'a');
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', log, log, ...inherited],
    detached: true,
    cwd: options.cwd,
  });
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code ?? 0}`));
  });
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve).once('error', (cause) => {
      reject(new Error(`${options.name} can't be started: ${cause.message}`, { cause }));
    });
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.name} has no process id.`);
  if (reaper) void ended.then(() => reaper.forget(pid));
  const stop = async (graceMs = 5000) => {
    child.kill('SIGTERM');
    const force = setTimeout(() => killGroup(pid), graceMs);
    await ended;
    clearTimeout(force);
    killGroup(pid);
  };
  return { name: options.name, pid, logFile: options.logFile, ended, stop };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

export interface ReadyOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves once the part is ready. @throws Error with the end of its log where it ends before that. */
export async function untilReady(
  part: Part,
  isReady: () => Promise<boolean>,
  { timeoutMs, signal }: ReadyOptions,
): Promise<void> {
  let how: string | undefined;
  void part.ended.then((ended) => (how = ended));
  const what = `${part.name}'s start`;
  await waitUntil(async () => how !== undefined || isReady(), { what, timeoutMs, signal });
  if (how !== undefined) {
    throw new Error(`${part.name} ended at its start (${how}):\n${await lastLines(part.logFile)}`);
  }
}

/** The end of a log, for a message. */
export async function lastLines(file: string, count = 12): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
