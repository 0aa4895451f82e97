/**
 * A pipe for a server's log, drained as a container runtime drains it: by a process of its own, whose time is not the
 * server's. Only the last lines are kept.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Run } from './run.ts';

const LINES_KEPT = 1_000;
const END_WITHIN_MS = 5_000;

/**
 * Makes the pipe and returns its path, for one writer. When the writer has ended, its last lines are in `logFile`.
 */
export async function openLogPipe(run: Run, logFile: string): Promise<string> {
  const pipe = `${logFile}.pipe`;
  execFileSync('mkfifo', [pipe]);
  const log = openSync(logFile, 'w');
  const reader = spawn('tail', ['-n', String(LINES_KEPT), pipe], {
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  await once(reader, 'spawn');
  const ended = once(reader, 'exit');
  run.atEnd(async () => {
    const timer = setTimeout(() => reader.kill('SIGKILL'), END_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  });
  return pipe;
}
