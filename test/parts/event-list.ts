/** The invocations and returns of a history in the order of time, as a list from which operations are taken and put back. */
import type { Operation } from './linearizability.ts';

/** The invocation of an operation, or its return. */
export interface Event<Input, Output> {
  readonly operation: Operation<Input, Output>;
  /** One bit for each operation. */
  readonly bit: bigint;
  readonly at: number;
  readonly isReturn: boolean;
  /** Of an invocation, where its outcome is known. */
  readonly returns: Event<Input, Output> | undefined;
  before: Event<Input, Output> | undefined;
  after: Event<Input, Output> | undefined;
}

export interface EventList<Input, Output> {
  first(): Event<Input, Output> | undefined;
  /** Whether there is an operation of known outcome. */
  hasReturns(): boolean;
  /** Takes out an invocation, and the return that belongs to it. Its own `after` stays as it was. */
  takeOut(invocation: Event<Input, Output>): void;
  /** Undoes `takeOut`: what was taken out last is put back first. */
  putBack(invocation: Event<Input, Output>): void;
}

/** @throws RangeError for an operation that returned before it was invoked. */
export function createEventList<Input, Output>(
  operations: readonly Operation<Input, Output>[],
): EventList<Input, Output> {
  const events = operations.flatMap((operation, index) => eventsOf(operation, 1n << BigInt(index)));
  events.sort((a, b) => a.at - b.at || Number(a.isReturn) - Number(b.isReturn));
  let first = events[0];
  let returns = events.filter(({ isReturn }) => isReturn).length;
  for (const [index, event] of events.entries()) {
    event.before = events[index - 1];
    event.after = events[index + 1];
  }

  function unlink({ before, after }: Event<Input, Output>): void {
    if (before) before.after = after;
    else first = after;
    if (after) after.before = before;
  }

  function relink(event: Event<Input, Output>): void {
    if (event.before) event.before.after = event;
    else first = event;
    if (event.after) event.after.before = event;
  }

  return {
    first: () => first,
    hasReturns: () => returns > 0,
    takeOut(invocation) {
      unlink(invocation);
      if (!invocation.returns) return;
      unlink(invocation.returns);
      returns -= 1;
    },
    putBack(invocation) {
      if (invocation.returns) {
        relink(invocation.returns);
        returns += 1;
      }
      relink(invocation);
    },
  };
}

function eventsOf<Input, Output>(operation: Operation<Input, Output>, bit: bigint): Event<Input, Output>[] {
  const { invokedAt, returned } = operation;
  const unlinked = { operation, bit, before: undefined, after: undefined };
  const invocation = { ...unlinked, at: invokedAt, isReturn: false };
  if (returned === undefined) return [{ ...invocation, returns: undefined }];
  if (!(returned.at >= invokedAt)) throw new RangeError('an operation returned before it was invoked');
  const returns = { ...unlinked, at: returned.at, isReturn: true, returns: undefined };
  return [{ ...invocation, returns }, returns];
}
