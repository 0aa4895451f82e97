/** Knows which parts of a stack run, so that one that ends by itself is noticed. */
import { lastLines } from './part.ts';
import type { Part } from './part.ts';

/** A part that ended by itself. */
export interface Loss {
  readonly name: string;
  readonly how: string;
  /** The end of its log. */
  readonly log: string;
}

export interface Watch {
  /** A part whose end is a loss, unless the stack is stopping. */
  part(part: Part): void;
  /** From now on parts end because they are told to. */
  stopping(): void;
  /** Resolves at the first loss. */
  readonly loss: Promise<Loss>;
}

export function watchParts(): Watch {
  const { promise: loss, resolve } = Promise.withResolvers<Loss>();
  let isStopping = false;
  const part = (watched: Part) => {
    void watched.ended.then(async (how) => {
      if (!isStopping) resolve({ name: watched.name, how, log: await lastLines(watched.logFile) });
    });
  };
  return { part, loss, stopping: () => void (isStopping = true) };
}
