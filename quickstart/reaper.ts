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

/** The first argument names what then takes this shell's place, with its id; the reaper's socket ends here. */
const ADD_MYSELF = 'echo "+ $$" >&3 && exec "$@" 3>&-';

export interface Reaper {
  /**
   * A command that tells the reaper of itself before it is what it was meant to be, so that there is no moment at which
   * nobody knows of it. It needs `socket` as its file descriptor 3, and a process group of its own.
   */
  known(command: string, args: readonly string[]): readonly [command: string, args: readonly string[]];
  readonly socket: Socket;
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
  // It can only break when the shell is gone, and then there is nobody to tell.
  socket.on('error', () => undefined);
  return {
    known: (command, args) => ['/bin/sh', ['-c', ADD_MYSELF, 'sh', command, ...args]],
    socket,
    forget: (leader) => void socket.write(`- ${leader}\n`),
    end: () => void socket.end(),
  };
}
