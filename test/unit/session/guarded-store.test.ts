import { beforeEach, describe, expect, it } from 'vitest';
import type { CircuitBreaker } from '../../../src/breaker/circuit-breaker.ts';
import { createStoreBreaker, guardStore } from '../../../src/session/guarded-store.ts';
import { createMemoryStore } from '../../../src/session/memory-store.ts';
import { observeStore } from '../../../src/session/observed-store.ts';
import { StoreError, type SessionStore } from '../../../src/session/store.ts';
import { everyOperation } from '../../contract/life.ts';
import { newDocument, newRef, newSession, writeOf } from '../../contract/sessions.ts';

const NOW = 1_700_000_000_000;
const OPEN_FOR_MS = 250;
const DOWN = new StoreError('ERR_STORE_TIMEOUT', 'no answer to read within 50 ms');

let nowMs: number;
let failure: Error | undefined;
/** The operations that reached the store below the breaker. */
let asked: string[];
let breaker: CircuitBreaker;
let store: SessionStore;
beforeEach(() => {
  nowMs = 0;
  failure = undefined;
  asked = [];
  breaker = createStoreBreaker({
    failures: 1,
    failingForMs: 0,
    openForMs: () => OPEN_FOR_MS,
    nowMs: () => nowMs,
  });
  store = guardStore(below(), breaker);
});

/** A store that fails with `failure` where there is one. */
function below(): SessionStore {
  const memory = createMemoryStore({ now: () => NOW });
  const entries = Object.entries(memory) as [string, (...given: unknown[]) => Promise<unknown>][];
  const faulty = entries.map(([operation, answer]) => [
    operation,
    (...given: unknown[]) => {
      asked.push(operation);
      return failure === undefined ? answer(...given) : Promise.reject(failure);
    },
  ]);
  return Object.fromEntries(faulty) as SessionStore;
}

async function open(): Promise<void> {
  failure = DOWN;
  await expect(store.read(newRef())).rejects.toBe(DOWN);
  expect(breaker.state).toBe('open');
  asked = [];
}

describe('a guarded store', () => {
  it('answers as the store does, each operation with its own', async () => {
    for (const [operation, call] of everyOperation(store, newDocument(NOW))) {
      asked = [];
      await call();
      expect(asked).toEqual([operation]);
    }
    const session = newSession(NOW);
    await store.create(session);
    expect(await store.read(session.ref)).toMatchObject({ state: 'live' });
    expect(await store.write(writeOf(session, 7))).toEqual({ outcome: 'conflict', currentVersion: 1 });
  });

  it('D8 D2 while the breaker is open fails each operation at once, and sends none but the ping', async () => {
    await open();
    for (const [operation, call] of everyOperation(store, newDocument(NOW))) {
      const error = await call().catch((thrown: unknown) => thrown);
      if (operation === 'ping') {
        expect(error).toBe(DOWN);
        continue;
      }
      expect(error, operation).toBeInstanceOf(StoreError);
      expect(error, operation).toMatchObject({
        code: 'ERR_STORE_NOT_ASKED',
        message: `the store is not asked for ${operation}: its circuit breaker is open; last: ${DOWN.message}`,
      });
    }
    expect(asked).toEqual(['ping']);
  });

  it('D8 is tried again by a read, and by nothing that changes something', async () => {
    await open();
    failure = undefined;
    nowMs += OPEN_FOR_MS;
    for (const [operation, call] of everyOperation(store, newDocument(NOW))) {
      if (operation === 'ping' || operation === 'read') continue;
      await expect(call(), operation).rejects.toMatchObject({ code: 'ERR_STORE_NOT_ASKED' });
    }
    expect(asked).toEqual([]);
    expect(await store.read(newRef())).toEqual({ state: 'absent' });
    expect(breaker.state).toBe('closed');
  });

  it('D8 is well again with the first ping that is answered', async () => {
    await open();
    failure = undefined;
    await store.ping();
    expect(breaker.state).toBe('closed');
    expect(await store.create(newSession(NOW))).toMatchObject({ outcome: 'created' });
  });

  it.each([
    ['was refused for want of memory', 'ERR_STORE_UNAVAILABLE', { answered: true }, 'closed'],
    ['could not be sent', 'ERR_STORE_UNAVAILABLE', {}, 'open'],
    ['was not answered', 'ERR_STORE_TIMEOUT', {}, 'open'],
  ] as const)('D8 with an operation that %s (%s, %o) it is %s', async (_, code, options, state) => {
    failure = new StoreError(code, 'no', options);
    await expect(store.create(newSession(NOW))).rejects.toBe(failure);
    expect(breaker.state).toBe(state);
  });

  it("D8 a caller's mistake opens nothing", async () => {
    failure = new TypeError('no session document');
    for (let count = 0; count < 10; count += 1) await store.create(newSession(NOW)).catch(() => undefined);
    expect(breaker.state).toBe('closed');
  });

  it('H4 what is not asked is counted as breaker_open, and not as an outage', async () => {
    const seen: string[] = [];
    const observed = observeStore(store, (operation, outcome) => seen.push(`${operation} ${outcome}`));
    await open();
    await observed.read(newRef()).catch(() => undefined);
    await observed.create(newSession(NOW)).catch(() => undefined);
    await observed.ping().catch(() => undefined);
    expect(seen).toEqual(['read breaker_open', 'create breaker_open', 'ping timeout']);
  });

  it('closes the store below it', async () => {
    await open();
    failure = undefined;
    await store.close();
    expect(asked).toEqual(['close']);
  });
});
