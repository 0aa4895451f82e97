/** The contract on the store inside the process, with a clock of the test's own. */
import { createMemoryStore, type MemoryRecord } from '../../src/session/memory-store.ts';
import { sessionStoreContract } from './session-store.ts';

sessionStoreContract('memory', () => {
  const records = new Map<string, MemoryRecord>();
  let nowMs = Date.now();
  const store = createMemoryStore({ now: () => nowMs, records });
  const keyOf = (ref: string) => `${ref.slice(0, 2)}:session:${ref.slice(3)}`;
  return {
    store,
    replica: store,
    nowMs: () => nowMs,
    passTime: (ms) => {
      nowMs += ms;
    },
    inject: (ref, fields) => {
      const text = Object.entries(fields).map(([name, value]): [string, string] => [name, value.toString()]);
      records.set(keyOf(ref), { fields: Object.fromEntries(text), forgetAtMs: nowMs + 3_600_000 });
    },
    fields: (ref) => structuredClone(records.get(keyOf(ref))?.fields),
    forgottenAtMs: (ref) => records.get(keyOf(ref))?.forgetAtMs,
    countRecords: () => records.size,
    dispose: () => store.close(),
  };
});
