/**
 * What the circuit breaker costs a read that the store answers: the processor time of each, with it and without, in
 * turns. docs/decisions/0015-circuit-breaker.md rests on it.
 */
import { createStoreBreaker, guardStore } from '../../src/session/guarded-store.ts';
import { createMemoryStore } from '../../src/session/memory-store.ts';
import { createSessionId, partitionOf, sessionRef } from '../../src/session/ref.ts';
import type { SessionLookup, SessionStore } from '../../src/session/store.ts';

const ROUNDS = 7;
const READS = 200_000;
/** How many are under way at a time, as under load. */
const TOGETHER = 32;

const answer: SessionLookup = { state: 'absent' };
const ref = sessionRef(createSessionId(partitionOf('https://idp.test', 'alice')));
/** As little of a store as there can be, so that the difference is seen. */
const bare: SessionStore = { ...createMemoryStore(), read: () => Promise.resolve(answer) };
const breaker = createStoreBreaker({ failures: 10, failingForMs: 500, openForMs: () => 250 });
const stores = { bare, guarded: guardStore(bare, breaker) };

async function microsPerRead(store: SessionStore): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < READS; done += TOGETHER) {
    await Promise.all(Array.from({ length: TOGETHER }, () => store.read(ref)));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / READS;
}

for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, store] of Object.entries(stores)) {
    const micros = await microsPerRead(store);
    // The first round is for V8 to get warm.
    if (round > 0) console.log(`${name.padEnd(8)} ${micros.toFixed(3)} µs/read`);
  }
}
