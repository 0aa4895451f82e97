/** Cleans up after a quickstart that was killed: a small shell that notices its end, whatever caused it. */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Standard input ends when the quickstart does. The last line that it sent names what then has to go. Signals from the
 * terminal are for the quickstart.
 */
const SCRIPT = `trap '' INT TERM HUP
while read -r line; do pids=$line; done
if [ -n "$pids" ]; then kill -s KILL -- $pids; sleep 0.2; fi
rm -rf "$1"`;

export interface Reaper {
  /** What is to be killed if the quickstart ends now; a process group is its leader's id, negated. */
  watch(ids: readonly number[]): void;
  /** Nothing is left to kill. */
  dismiss(): void;
}

/** Starts watching this process; the folder is removed after its end in any case. */
export function startReaper(folder: string): Reaper {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  (child.stdin as unknown as Socket).unref();
  // It can only break when the shell is gone, and then there is nobody to tell.
  child.stdin.on('error', () => undefined);
  const watch = (ids: readonly number[]) => child.stdin.write(`${ids.join(' ')}\n`);
  return {
    watch,
    dismiss: () => {
      watch([]);
      child.stdin.end();
    },
  };
}
