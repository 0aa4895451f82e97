/**
 * Where log lines go: a file descriptor, written in batches off the event loop. Hides batching, partial writes, and
 * what happens when nobody reads: lines are dropped and counted, and the server goes on.
 */
import { write, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface LogOutput {
  /** Takes one line, its newline included. Never throws and never waits. */
  write(line: string): void;
  /** Resolves when every line taken so far was written or dropped, and after a second where nobody reads. */
  flush(): Promise<void>;
}

export interface LogOutputOptions {
  /** How many lines were dropped, told once lines are written again. */
  readonly onDropped: (count: number) => void;
}

/** Large enough that a write costs little per line, small enough for a pipe (64 KiB on Linux) to take it whole. */
const BATCH_CHARS = 16 * 1024;
/** What is kept in memory for a slow reader; lines beyond that are dropped. */
const MAX_PENDING_CHARS = 8 * 1024 * 1024;
const MAX_DELAY_MS = 250;
const RETRY_MS = 20;
const MAX_FLUSH_MS = 1_000;
const NOTHING = new Uint8Array();
const MAX_EXIT_RETRIES = MAX_FLUSH_MS / RETRY_MS;

/**
 * Lines are written once 16 KiB are waiting, after 250 ms, or when the process exits, whatever comes first. `fd` should
 * not block: a write that does holds one of Node's four threads, and the process can't exit while it lasts.
 */
export function createLogOutput(fd: number, options: LogOutputOptions): LogOutput {
  const output = new BatchingOutput(fd, options);
  process.once('exit', () => output.flushAtExit());
  return output;
}

class BatchingOutput implements LogOutput {
  readonly #fd: number;
  readonly #onDropped: LogOutputOptions['onDropped'];
  #lines: string[] = [];
  #pendingChars = 0;
  /** The rest of a batch that the reader had no room for yet. */
  #refused: Uint8Array = NOTHING;
  #dropped = 0;
  #delay: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;

  constructor(fd: number, { onDropped }: LogOutputOptions) {
    this.#fd = fd;
    this.#onDropped = onDropped;
  }

  write(line: string): void {
    if (this.#pendingChars + line.length > MAX_PENDING_CHARS) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#pendingChars += line.length;
    this.#schedule();
  }

  async flush(): Promise<void> {
    const gaveUp = Promise.withResolvers<undefined>();
    const timer = setTimeout(gaveUp.resolve, MAX_FLUSH_MS, undefined);
    await Promise.race([this.#writeEverything(), gaveUp.promise]);
    clearTimeout(timer);
  }

  flushAtExit(): void {
    let bytes: Uint8Array = Buffer.concat([this.#refused, this.#take()]);
    for (let retries = 0; bytes.length > 0 && retries < MAX_EXIT_RETRIES;) {
      try {
        bytes = bytes.subarray(writeSync(this.#fd, bytes));
      } catch (error) {
        if (!isBusy(error)) return;
        retries += 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }

  #schedule(): void {
    if (this.#pendingChars >= BATCH_CHARS) this.#start();
    else if (this.#pendingChars > 0) this.#delay ??= setTimeout(() => this.#start(), MAX_DELAY_MS).unref();
  }

  #start(): void {
    clearTimeout(this.#delay);
    this.#delay = undefined;
    this.#writing ??= this.#writeBatch().finally(() => {
      this.#writing = undefined;
      this.#schedule();
    });
  }

  async #writeEverything(): Promise<void> {
    while (this.#lines.length > 0 || this.#writing !== undefined) {
      this.#start();
      await this.#writing;
    }
  }

  async #writeBatch(): Promise<void> {
    const count = this.#lines.length;
    try {
      await this.#writeBytes(this.#take());
      this.#reportDropped();
    } catch {
      // The reader is gone, or the disk is full, perhaps for a while: a server that can't log still serves.
      this.#dropped += count;
    }
  }

  async #writeBytes(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      const written = await writeSome(this.#fd, rest);
      rest = rest.subarray(written);
      if (written > 0) continue;
      this.#refused = rest;
      await delay(RETRY_MS);
      this.#refused = NOTHING;
    }
  }

  #take(): Buffer {
    const bytes = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#pendingChars = 0;
    return bytes;
  }

  #reportDropped(): void {
    const count = this.#dropped;
    this.#dropped = 0;
    if (count > 0) this.#onDropped(count);
  }
}

/** How many bytes were taken: none where the reader is behind. */
function writeSome(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => {
      if (error === null) resolve(written);
      else if (isBusy(error)) resolve(0);
      else reject(error);
    });
  });
}

/** The reader of a non-blocking pipe is behind. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
