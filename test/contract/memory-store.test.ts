/** The contract on the store inside the process, with a clock of the test's own. */
import { unsealedText } from '../../src/sealing/sealer.ts';
import { createMemoryStore, type MemoryRecord } from '../../src/session/memory-store.ts';
import { sessionStoreContract } from './session-store.ts';

sessionStoreContract('memory', () => {
  const records = new Map<string, MemoryRecord>();
  let nowMs = Date.now();
  let sealer = unsealedText;
  let bounds = { maxEntries: 1_000_000, maxAgeMs: 86_400_000 };
  const store = createMemoryStore({
    now: () => nowMs,
    records,
    sealer: () => sealer,
    audit: () => bounds,
  });
  const keyOf = (ref: string) => `${ref.slice(0, 2)}:session:${ref.slice(3)}`;
  return {
    store,
    replica: store,
    nowMs: () => nowMs,
    passTime: (ms) => {
      nowMs += ms;
    },
    inject: (ref, raw) => {
      const text = Object.entries(raw).map(([name, value]): [string, string] => [name, value.toString()]);
      const fields = { ...records.get(keyOf(ref))?.fields, ...Object.fromEntries(text) };
      records.set(keyOf(ref), { fields, forgetAtMs: nowMs + 3_600_000 });
    },
    fields: (ref) => structuredClone(records.get(keyOf(ref))?.fields),
    forgottenAtMs: (ref) => records.get(keyOf(ref))?.forgetAtMs,
    countRecords: () => records.size,
    sealWith: (next) => void (sealer = next),
    boundAudit: (next) => void (bounds = next),
    dispose: () => store.close(),
  };
});
