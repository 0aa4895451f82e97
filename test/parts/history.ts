/**
 * Takes down what parallel clients did, in files that survive the death of who writes them, and reads it as operations.
 * Knows nothing of what the operations are.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Operation } from './linearizability.ts';

/** What was done to one thing, independent of all others. */
export interface Recorded<Input, Output> extends Operation<Input, Output> {
  /** Which thing. */
  readonly subject: number;
}

export interface HistoryWriter<Input, Output> {
  /**
   * Performs an operation, and takes down its invocation before and its return after. What it throws is an outcome that
   * nobody knows; resolves to undefined then.
   */
  record(
    client: string,
    subject: number,
    input: Input,
    perform: () => Promise<Output>,
  ): Promise<Output | undefined>;
  close(): void;
}

type Line<Input, Output> =
  | {
      readonly id: number;
      readonly at: number;
      readonly client: string;
      readonly subject: number;
      readonly input: Input;
    }
  | { readonly id: number; readonly at: number; readonly output: Output };

/**
 * Each line is with the operating system before the operation goes on, so that SIGKILL loses none. Times are from
 * the monotonic clock, which all processes of a machine share.
 */
export function openHistory<Input, Output>(file: string): HistoryWriter<Input, Output> {
  const descriptor = openSync(file, 'a');
  let lastId = 0;

  function write(line: Line<Input, Output>): void {
    writeSync(descriptor, `${JSON.stringify(line)}\n`);
  }

  return {
    async record(client, subject, input, perform) {
      lastId += 1;
      const id = lastId;
      write({ id, at: nowNs(), client, subject, input });
      let output: Output;
      try {
        output = await perform();
      } catch {
        return undefined;
      }
      write({ id, at: nowNs(), output });
      return output;
    },
    close: () => closeSync(descriptor),
  };
}

/** Nanoseconds since the machine started: exact in a number for a hundred days. */
function nowNs(): number {
  return Number(process.hrtime.bigint());
}

/** The operations of a file whose writer may have been killed: a line that was cut off was never written. */
export async function readHistory<Input, Output>(file: string): Promise<Recorded<Input, Output>[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  const operations = new Map<number, Recorded<Input, Output>>();
  for (const text of lines) {
    const line = JSON.parse(text) as Line<Input, Output>;
    if ('input' in line) {
      const { id, at, client, subject, input } = line;
      operations.set(id, { client, subject, input, invokedAt: at });
    } else {
      const invoked = operations.get(line.id);
      if (invoked === undefined) throw new Error(`${file}: a return without an invocation`);
      operations.set(line.id, { ...invoked, returned: { at: line.at, output: line.output } });
    }
  }
  return [...operations.values()];
}

/** How many operations a file tells of so far; 0 where there is no file yet. */
export async function countInvocations(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('"input"').length - 1;
}
