/** Cleans up after a quickstart that was killed: a small shell that notices its end, whatever caused it. */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Standard input ends when the quickstart does; the lines before that say whose process groups then have to go: `+ 42`
 * adds a leader, `- 42` takes it out again. Signals from the terminal are for the quickstart.
 */
const SCRIPT = `trap '' INT TERM HUP
leaders=
while read -r sign leader; do
  others=
  for known in $leaders; do [ "$known" = "$leader" ] || others="$others $known"; done
  leaders=$others
  if [ "$sign" = + ]; then leaders="$leaders $leader"; fi
done
for leader in $leaders; do kill -s KILL -- "-$leader"; done
if [ -n "$leaders" ]; then sleep 0.2; fi
rm -rf "$1"`;

/** Tells the reaper of itself, and is then what its arguments say; the reaper's socket ends here. */
const ADD_MYSELF = 'echo "+ $$" >&3 && exec "$@" 3>&-';

/** What `spawn` takes, with a process group of its own. */
export interface Guarded {
  readonly command: string;
  readonly args: readonly string[];
  /** Its file descriptors from 3 on. */
  readonly inherited: readonly Socket[];
}

export interface Reaper {
  /**
   * As a command that the reaper knows of before it runs: there is no moment at which nobody does. Where the reaper is
   * gone, the command itself: better that nobody cleans up after it than that it can't be started.
   */
  guard(command: string, args: readonly string[]): Guarded;
  /** The leader of a group has ended: its id may soon be somebody else's. */
  forget(leader: number): void;
  /** Ends as the process would end it: what is known and still runs is killed. */
  end(): void;
}

/** Starts watching this process; the folder is removed after its end in any case. */
export function startReaper(folder: string): Reaper {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  const socket = child.stdin as unknown as Socket;
  socket.unref();
  // It breaks when the shell is gone.
  socket.on('error', () => undefined);
  return {
    guard: (command, args) =>
      socket.destroyed
        ? { command, args, inherited: [] }
        : { command: '/bin/sh', args: ['-c', ADD_MYSELF, 'sh', command, ...args], inherited: [socket] },
    forget: (leader) => void socket.write(`- ${leader}\n`),
    end: () => void socket.end(),
  };
}
