/** Knows which processes of a stack run: so that one that ends by itself is noticed, and a killed stack leaves none. */
import { lastLines } from './part.ts';
import type { Part } from './part.ts';
import { startReaper } from './reaper.ts';

/** A part that ended by itself. */
export interface Loss {
  readonly name: string;
  readonly how: string;
  /** The end of its log. */
  readonly log: string;
}

type RunningProcess = Pick<Part, 'pid' | 'ended'>;

export interface Watch {
  /** A part whose end is a loss, unless the stack is stopping. */
  part(part: Part): void;
  /** A process whose end is nothing special. */
  process(process: RunningProcess): void;
  /** From now on parts end because they are told to. */
  stopping(): void;
  /** Resolves at the first loss. */
  readonly loss: Promise<Loss>;
}

/** Should this process be killed, what it watches is killed too, and the folder is removed. */
export function watchParts(folder: string, undo: AsyncDisposableStack): Watch {
  const reaper = startReaper(folder);
  undo.defer(() => reaper.dismiss());
  const groups = new Set<number>();
  const { promise: loss, resolve } = Promise.withResolvers<Loss>();
  let isStopping = false;

  const watchProcess = ({ pid, ended }: RunningProcess) => {
    reaper.watch([...groups.add(-pid)]);
    void ended.then(() => {
      groups.delete(-pid);
      reaper.watch([...groups]);
    });
  };
  const watchPart = (part: Part) => {
    watchProcess(part);
    void part.ended.then(async (how) => {
      if (!isStopping) resolve({ name: part.name, how, log: await lastLines(part.logFile) });
    });
  };
  return { part: watchPart, process: watchProcess, loss, stopping: () => void (isStopping = true) };
}
