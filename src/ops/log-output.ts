/**
 * Where log lines go: a file descriptor that does not block, written in batches. Hides batching, partial writes, and
 * what happens when nobody reads: lines wait, then further ones are dropped and counted, and the server goes on.
 */
import { writeSync } from 'node:fs';
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
const MAX_RETRIES_AT_END = 50;
const NOTHING = new Uint8Array();

/**
 * Lines are written once 16 KiB are waiting, after 250 ms, or when the process exits, whatever comes first. Written on
 * the event loop: to a descriptor that does not block that takes microseconds, and no write is under way at an exit.
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
  /** What the reader had no room for yet of the batch that is being written. */
  #rest: Uint8Array = NOTHING;
  #restLines = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

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
    if (this.#pendingChars >= BATCH_CHARS && this.#rest.length === 0) this.#send();
    else this.#sendAfter(MAX_DELAY_MS);
  }

  async flush(): Promise<void> {
    this.#send();
    for (let retries = 0; this.#isWaiting() && retries < MAX_RETRIES_AT_END; retries++) {
      await delay(RETRY_MS);
      this.#send();
    }
  }

  flushAtExit(): void {
    this.#send();
    for (let retries = 0; this.#isWaiting() && retries < MAX_RETRIES_AT_END; retries++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      this.#send();
    }
  }

  #isWaiting(): boolean {
    return this.#rest.length > 0 || this.#lines.length > 0;
  }

  #sendAfter(ms: number): void {
    this.#timer ??= setTimeout(() => this.#send(), ms).unref();
  }

  /** Writes until nothing is left or the reader has no more room. */
  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#isWaiting()) {
      if (this.#rest.length === 0) this.#takeBatch();
      try {
        this.#rest = this.#rest.subarray(writeSync(this.#fd, this.#rest));
        if (this.#rest.length === 0) this.#reportDropped();
      } catch (error) {
        if (isBusy(error)) {
          this.#sendAfter(RETRY_MS);
          return;
        }
        this.#dropBatch();
      }
    }
  }

  #takeBatch(): void {
    let count = 0;
    for (let chars = 0; chars < BATCH_CHARS && count < this.#lines.length; count++) {
      chars += this.#lines[count]?.length ?? 0;
    }
    const batch = this.#lines.splice(0, count).join('');
    this.#pendingChars -= batch.length;
    this.#rest = Buffer.from(batch);
    this.#restLines = count;
  }

  /** The reader is gone, or the disk is full, perhaps for a while: a server that can't log still serves. */
  #dropBatch(): void {
    this.#rest = NOTHING;
    this.#dropped += this.#restLines;
  }

  #reportDropped(): void {
    const count = this.#dropped;
    this.#dropped = 0;
    if (count > 0) this.#onDropped(count);
  }
}

/** The reader of a non-blocking pipe is behind. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
