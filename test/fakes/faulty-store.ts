/** The real store with injected faults: a test says how the next reads go, and everything else stays as it is. */
import type { SessionStore } from '../../src/session/store.ts';

export interface Faults {
  /** Answers in place of the store; undefined lets the store answer. */
  read: SessionStore['read'] | undefined;
}

export function createFaults(): {
  readonly faults: Faults;
  readonly wrapStore: (store: SessionStore) => SessionStore;
} {
  const faults: Faults = { read: undefined };
  return {
    faults,
    wrapStore: (store) => ({ ...store, read: (ref) => (faults.read ?? store.read)(ref) }),
  };
}
