import { expect, test } from 'vitest';
import { createIdleTouch } from '../../../src/session/idle-touch.ts';
import { createMemoryStore } from '../../../src/session/memory-store.ts';
import { StoreError, type Touch } from '../../../src/session/store.ts';
import { validate, type ValidSession } from '../../../src/session/validity.ts';
import { newDocument, newRef, newSession } from '../../contract/sessions.ts';

const NOW = 1_700_000_000_000;
const IDLE_MS = 80_000;

function sessionSeenAt(lastSeenAtMs: number, ref = newRef()): ValidSession {
  const session = { ref, version: 1, lastSeenAtMs, document: newDocument(NOW) };
  const validity = validate({ state: 'live', session }, lastSeenAtMs, IDLE_MS);
  if (!validity.valid) throw new Error('not a valid session');
  return validity.session;
}

/** Records touches, and settles each when it is told to. */
function slowStore() {
  const touches: { touch: Touch; succeed: () => void; fail: (error: Error) => void }[] = [];
  const touch = (given: Touch) =>
    new Promise<void>((succeed, fail) => touches.push({ touch: given, succeed, fail }));
  return { touches, touch };
}

/** Returns once everything that was settled has been heard of. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('A5 a session is touched once an eighth of the idle timeout has passed, and not before', () => {
  const store = slowStore();
  const touch = createIdleTouch(store, () => undefined);
  const session = sessionSeenAt(NOW);
  touch(session, NOW, IDLE_MS);
  touch(session, NOW + IDLE_MS / 8 - 1, IDLE_MS);
  expect(store.touches).toHaveLength(0);
  touch(session, NOW + IDLE_MS / 8, IDLE_MS);
  expect(store.touches.map(({ touch: given }) => given)).toEqual([
    { ref: session.ref, seenAtMs: NOW + IDLE_MS / 8, idleTimeoutMs: IDLE_MS, document: session.document },
  ]);
});

test('A5 a session has one touch under way, however often it is used; another session has its own', async () => {
  const store = slowStore();
  const touch = createIdleTouch(store, () => undefined);
  const [alice, bob] = [sessionSeenAt(NOW), sessionSeenAt(NOW)];
  const later = NOW + IDLE_MS / 2;
  for (let use = 0; use < 100; use += 1) touch(alice, later, IDLE_MS);
  touch(bob, later, IDLE_MS);
  expect(store.touches.map(({ touch: { ref } }) => ref)).toEqual([alice.ref, bob.ref]);
  store.touches[0]?.succeed();
  await settled();
  touch(alice, later, IDLE_MS);
  expect(store.touches).toHaveLength(3);
});

test('D9 the touches under way are bounded', async () => {
  const store = slowStore();
  const touch = createIdleTouch(store, () => undefined);
  for (let count = 0; count < 1_500; count += 1) touch(sessionSeenAt(NOW), NOW + IDLE_MS / 2, IDLE_MS);
  expect(store.touches).toHaveLength(1_000);
  store.touches.forEach(({ succeed }) => succeed());
  await settled();
  touch(sessionSeenAt(NOW), NOW + IDLE_MS / 2, IDLE_MS);
  expect(store.touches).toHaveLength(1_001);
});

test('D2 a failed touch is told and not thrown, and is tried again after a pause', async () => {
  const store = slowStore();
  const failures: unknown[] = [];
  const touch = createIdleTouch(store, (error) => failures.push(error));
  const session = sessionSeenAt(NOW);
  const later = NOW + IDLE_MS / 2;
  touch(session, later, IDLE_MS);
  const error = new StoreError('ERR_STORE_TIMEOUT', 'no answer');
  store.touches[0]?.fail(error);
  await settled();
  expect(failures).toEqual([error]);
  touch(session, later + 999, IDLE_MS);
  touch(sessionSeenAt(NOW), later + 999, IDLE_MS);
  expect(store.touches).toHaveLength(1);
  touch(session, later + 1_000, IDLE_MS);
  expect(store.touches).toHaveLength(2);
});

test('A5 a session in use outlives many idle timeouts, and ends at most an eighth of one early', async () => {
  let nowMs = NOW;
  const store = createMemoryStore({ now: () => nowMs });
  const failures: unknown[] = [];
  const touch = createIdleTouch(store, (error) => failures.push(error));
  const created = newSession(NOW, { idleTimeoutMs: IDLE_MS });
  await store.create(created);
  const use = async () => {
    const validity = validate(await store.read(created.ref), nowMs, IDLE_MS);
    if (validity.valid) touch(validity.session, nowMs, IDLE_MS);
    await settled();
    return validity.valid;
  };
  let lastUseMs = NOW;
  for (; nowMs < NOW + 20 * IDLE_MS; nowMs += 3_001) {
    expect(await use()).toBe(true);
    lastUseMs = nowMs;
  }
  const endOf = async () => {
    for (nowMs = lastUseMs; nowMs <= lastUseMs + IDLE_MS; nowMs += 100) {
      if (!validate(await store.read(created.ref), nowMs, IDLE_MS).valid) break;
    }
    return nowMs;
  };
  const end = await endOf();
  expect(end).toBeGreaterThan(lastUseMs + IDLE_MS - IDLE_MS / 8);
  expect(end).toBeLessThanOrEqual(lastUseMs + IDLE_MS);
  expect(failures).toEqual([]);
});
