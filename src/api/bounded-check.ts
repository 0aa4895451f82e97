/**
 * Checks that may take no longer than a bound: everything else in the process waits meanwhile, checks of requests included
 * (C4). Hides how running code is cut short.
 */
import { constants, createContext, Script } from 'node:vm';

export interface CheckBounds {
  readonly longestMs: number;
  /** For so long nothing is checked after a check that was cut short, so that its next ones can't fill the time either. */
  readonly restMs: number;
}

export type BoundedOutcome<T> =
  | { readonly outcome: 'done'; readonly value: T }
  | { readonly outcome: 'cut_short' }
  /** Another one was cut short not long ago. */
  | { readonly outcome: 'resting' };

/** One that was written for other values: a pattern that backtracks, items that are all compared with each other. */
export type BoundedCheck = <T>(check: () => T) => BoundedOutcome<T>;

/** Node cuts short what runs in a context of its own alone, but all of that, wherever it was defined. */
const context = createContext(constants.DONT_CONTEXTIFY) as { check?: () => unknown };
const script = new Script('check()');

/** What the check throws passes. */
export function createBoundedCheck({ longestMs, restMs }: CheckBounds): BoundedCheck {
  let restsUntilMs = -Infinity;
  return <T>(check: () => T): BoundedOutcome<T> => {
    if (performance.now() < restsUntilMs) return { outcome: 'resting' };
    context.check = check;
    try {
      return { outcome: 'done', value: script.runInContext(context, { timeout: longestMs }) as T };
    } catch (error) {
      if (!isTimeout(error)) throw error;
      restsUntilMs = performance.now() + restMs;
      return { outcome: 'cut_short' };
    } finally {
      delete context.check;
    }
  };
}

/** It is an error of the other context, so no instance of this one's Error. */
function isTimeout(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
