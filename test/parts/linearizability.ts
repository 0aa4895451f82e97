/**
 * Decides whether a history of parallel operations is linearizable: whether each operation can be given one instant
 * between its invocation and its return, so that one after the other, in that order, they answer what they answered.
 * The search is Wing and Gong's with Lowe's memory of where it has been.
 */
import { isDeepStrictEqual } from 'node:util';
import { createEventList, type Event } from './event-list.ts';

export interface Operation<Input, Output> {
  readonly client: string;
  readonly input: Input;
  /** By a clock that all clients share. */
  readonly invokedAt: number;
  /**
   * Undefined where nobody knows what came of it, since its client was killed or got no answer: it takes effect at any
   * time after its invocation, or never.
   */
  readonly returned?: { readonly at: number; readonly output: Output };
}

/** What one operation after the other does. */
export interface SequentialModel<State, Input, Output> {
  readonly initial: State;
  /** Depends on its arguments alone. States are plain values that JSON tells apart. */
  apply(state: State, input: Input): { readonly state: State; readonly output: Output };
  /** True only where an operation that answers so changes no state, whichever it meets: such ones are decided quickly. */
  isPassive(input: Input, output: Output): boolean;
}

export type Verdict =
  | { readonly linearizable: true }
  /** `problem`: how far the best order came, and which operations could not be the next. */
  | { readonly linearizable: false; readonly problem: string };

/** Where a search has come: what was put in order, and the state that led to. */
interface Place<State> {
  readonly state: State;
  /** Operations of known outcome, a bit for each. */
  readonly ordered: bigint;
  /** Operations of unknown outcome that are taken to have happened. */
  readonly supposed: bigint;
}

/** More places than any history has that is decided in reasonable time. */
const MOST_PLACES = 300_000;

/**
 * An operation that returned in the instant of another's invocation may come after it as well as before it.
 * @throws Error where the history is too tangled to be decided, and RangeError where it goes back in time.
 */
export function checkLinearizability<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): Verdict {
  const list = createEventList(operations);
  const order: Operation<Input, Output>[] = [];
  const isNew = createPlaceMemory<State>();
  let farthest = { length: -1, problem: '' };

  /**
   * Puts in order all passive operations that answer as they must: an order that has one later is as good with it here, so
   * this is never a choice.
   */
  function takePassive(place: Place<State>, taken: Event<Input, Output>[]): Place<State> {
    let { ordered } = place;
    for (let event = list.first(); event !== undefined && !event.isReturn;) {
      const isTaken = isPassive(event.operation) && outcomeOf(place, event) !== undefined;
      if (isTaken) {
        ordered |= event.bit;
        take(event);
        taken.push(event);
      }
      // What was taken may have been all that kept later invocations waiting.
      event = isTaken ? list.first() : event.after;
    }
    return { ...place, ordered };
  }

  function isPassive({ input, returned }: Operation<Input, Output>): boolean {
    return returned !== undefined && model.isPassive(input, returned.output);
  }

  /** The state after the operation; undefined where its answer would have been another one. */
  function outcomeOf({ state }: Place<State>, { operation }: Event<Input, Output>): State | undefined {
    const { state: next, output } = model.apply(state, operation.input);
    const fits = operation.returned === undefined || isDeepStrictEqual(output, operation.returned.output);
    return fits ? next : undefined;
  }

  function take(event: Event<Input, Output>): void {
    list.takeOut(event);
    order.push(event.operation);
  }

  function giveBack(event: Event<Input, Output>): void {
    order.pop();
    list.putBack(event);
  }

  /** Whether what is still in the list can be put in order from here. Leaves the list as it was where it can't. */
  function search(from: Place<State>): boolean {
    const taken: Event<Input, Output>[] = [];
    const place = takePassive(from, taken);
    if (!list.hasReturns()) return true;
    if (order.length > farthest.length) {
      farthest = { length: order.length, problem: describe(order, place.state, list.first()) };
    }
    if (isNew(place) && hasChoice(place)) return true;
    for (const event of taken.reverse()) giveBack(event);
    return false;
  }

  function hasChoice(place: Place<State>): boolean {
    for (let event = list.first(); event !== undefined && !event.isReturn; event = event.after) {
      const next = outcomeOf(place, event);
      if (next === undefined) continue;
      // One of unknown outcome that changes nothing is as good as one that never happened.
      if (event.returns === undefined && isDeepStrictEqual(next, place.state)) continue;
      take(event);
      if (search(placeAfter(place, event, next))) return true;
      giveBack(event);
    }
    return false;
  }

  if (search({ state: model.initial, ordered: 0n, supposed: 0n })) return { linearizable: true };
  return { linearizable: false, problem: farthest.problem };
}

function placeAfter<State, Input, Output>(
  { ordered, supposed }: Place<State>,
  { bit, returns }: Event<Input, Output>,
  state: State,
): Place<State> {
  if (returns === undefined) return { state, ordered, supposed: supposed | bit };
  return { state, ordered: ordered | bit, supposed };
}

/**
 * Tells for each place whether it is worth going on from: whoever was in the same state with the same operations in order,
 * and had supposed no others to have happened, came as far as one can.
 */
function createPlaceMemory<State>(): (place: Place<State>) => boolean {
  const visited = new Map<string, bigint[]>();
  let count = 0;
  return ({ state, ordered, supposed }) => {
    const key = `${ordered.toString(36)} ${JSON.stringify(state)}`;
    const before = visited.get(key) ?? [];
    if (before.some((earlier) => (earlier & supposed) === earlier)) return false;
    count += 1;
    if (count > MOST_PLACES) throw new Error('the history is too tangled to be decided');
    visited.set(key, [...before, supposed]);
    return true;
  };
}

const TOLD_STEPS = 8;

function describe<Input, Output>(
  order: readonly Operation<Input, Output>[],
  state: unknown,
  first: Event<Input, Output> | undefined,
): string {
  const candidates: string[] = [];
  for (let event = first; event !== undefined && !event.isReturn; event = event.after) {
    candidates.push(`  ${sentence(event.operation)}`);
  }
  return [
    `No order explains the history. The best one put ${order.length} operations in order, the last of them:`,
    ...order.slice(-TOLD_STEPS).map((operation) => `  ${sentence(operation)}`),
    `Then the state was ${JSON.stringify(state)}, and none of these could be the next:`,
    ...candidates,
  ].join('\n');
}

function sentence<Input, Output>({ client, input, invokedAt, returned }: Operation<Input, Output>): string {
  const outcome = returned ? JSON.stringify(returned.output) : 'unknown';
  return `${client} [${invokedAt}, ${returned?.at ?? 'open'}] ${JSON.stringify(input)} -> ${outcome}`;
}
