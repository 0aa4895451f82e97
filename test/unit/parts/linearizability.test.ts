import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkLinearizability, type Operation } from '../../parts/linearizability.ts';
import { sessionModel, type SessionInput, type SessionOutput } from '../../parts/session-history.ts';

type SessionOperation = Operation<SessionInput, SessionOutput>;

/** An operation from one time to another. */
function done(from: number, to: number, input: SessionInput, output: SessionOutput): SessionOperation {
  return { client: 'a', input, invokedAt: from, returned: { at: to, output } };
}

/** An operation that was begun, and of which no more is known. */
function lost(from: number, input: SessionInput): SessionOperation {
  return { client: 'b', input, invokedAt: from };
}

const create = { kind: 'create', value: 'one' } as const;
const read = { kind: 'read' } as const;
const revoke = { kind: 'revoke' } as const;
const write = (expectedVersion: number, value: string) =>
  ({ kind: 'write', expectedVersion, value }) as const;
const touch = (seenAtMs: number) => ({ kind: 'touch', seenAtMs }) as const;

const written = (version: number) => ({ outcome: 'written', version }) as const;
const conflict = (version: number) => ({ outcome: 'conflict', version }) as const;
const live = (version: number, value: string, lastSeenAtMs = 0) =>
  ({ outcome: 'live', version, value, lastSeenAtMs }) as const;
const created = done(0, 1, create, { outcome: 'created' });

const GOOD: Record<string, SessionOperation[]> = {
  'nothing at all': [],
  'one after the other': [
    created,
    done(2, 3, read, live(1, 'one')),
    done(4, 5, write(1, 'two'), written(2)),
    done(6, 7, read, live(2, 'two')),
    done(8, 9, write(1, 'three'), conflict(2)),
    done(10, 11, revoke, { outcome: 'revoked' }),
    done(12, 13, read, { outcome: 'revoked' }),
    done(14, 15, revoke, { outcome: 'already_revoked' }),
    done(16, 17, write(2, 'four'), { outcome: 'revoked' }),
    done(18, 19, create, { outcome: 'replayed' }),
  ],
  'a read during a write that sees it, and one that does not': [
    created,
    done(2, 9, write(1, 'two'), written(2)),
    done(3, 4, read, live(1, 'one')),
    done(5, 6, read, live(2, 'two')),
  ],
  'racing writers of which one wins': [
    created,
    done(2, 9, write(1, 'a'), conflict(2)),
    done(2, 9, write(1, 'b'), written(2)),
    done(2, 9, write(1, 'c'), conflict(2)),
    done(10, 11, read, live(2, 'b')),
  ],
  'a write in the instant in which a read ends': [
    created,
    done(2, 3, write(1, 'two'), written(2)),
    done(3, 4, read, live(2, 'two')),
  ],
  'a lost write that took effect, long after': [
    created,
    lost(2, write(1, 'two')),
    done(3, 4, read, live(1, 'one')),
    done(50, 51, read, live(2, 'two')),
  ],
  'a lost write that never took effect': [
    created,
    lost(2, write(1, 'two')),
    done(3, 4, write(1, 'three'), written(2)),
    done(50, 51, read, live(2, 'three')),
  ],
  'a lost revocation that took effect between two reads': [
    created,
    lost(2, revoke),
    done(3, 4, read, live(1, 'one')),
    done(5, 6, read, { outcome: 'revoked' }),
    done(7, 8, revoke, { outcome: 'already_revoked' }),
  ],
  'a lost creation that took effect': [lost(0, create), done(5, 6, read, live(1, 'one'))],
  'touches of which the latest time stays': [
    created,
    done(2, 9, touch(500), { outcome: 'touched' }),
    done(2, 9, touch(300), { outcome: 'touched' }),
    done(10, 11, read, live(1, 'one', 500)),
  ],
};

const BAD: Record<string, SessionOperation[]> = {
  'a stale read: an acknowledged write is not seen': [
    created,
    done(2, 3, write(1, 'two'), written(2)),
    done(4, 5, read, live(1, 'one')),
  ],
  'a read that goes back behind an earlier one': [
    created,
    done(2, 20, write(1, 'two'), written(2)),
    done(3, 4, read, live(2, 'two')),
    done(5, 6, read, live(1, 'one')),
  ],
  'a lost update: the version grew, and the value is the other one’s': [
    created,
    done(2, 3, write(1, 'two'), written(2)),
    done(4, 5, read, live(2, 'one')),
  ],
  'two winners at one version': [
    created,
    done(2, 9, write(1, 'a'), written(2)),
    done(2, 9, write(1, 'b'), written(2)),
  ],
  'two winners at one version, as versions that follow each other': [
    created,
    done(2, 9, write(1, 'a'), written(2)),
    done(2, 9, write(1, 'b'), written(3)),
  ],
  'racing writers of which none wins': [
    created,
    done(2, 9, write(1, 'a'), conflict(2)),
    done(2, 9, write(1, 'b'), conflict(2)),
  ],
  'a revived session': [
    created,
    done(2, 3, revoke, { outcome: 'revoked' }),
    done(4, 5, read, live(1, 'one')),
  ],
  'a session that a write revived': [
    created,
    done(2, 9, revoke, { outcome: 'revoked' }),
    done(2, 9, write(1, 'two'), written(2)),
    done(10, 11, read, live(2, 'two')),
  ],
  'a session that is revoked twice': [
    created,
    done(2, 3, revoke, { outcome: 'revoked' }),
    done(4, 5, revoke, { outcome: 'revoked' }),
  ],
  'a session that a creation revived': [
    created,
    done(2, 3, revoke, { outcome: 'revoked' }),
    done(4, 5, create, { outcome: 'created' }),
  ],
  'a read of what nobody wrote': [created, done(2, 3, read, live(1, 'mine'))],
  'a lost write that took effect before it was invoked': [
    created,
    done(2, 3, read, live(2, 'two')),
    lost(4, write(1, 'two')),
  ],
  'a lost write that took effect and then had not': [
    created,
    lost(2, write(1, 'two')),
    done(3, 4, read, live(2, 'two')),
    done(5, 6, read, live(1, 'one')),
  ],
  'a lost write that took effect twice': [
    created,
    lost(2, write(1, 'two')),
    done(3, 4, read, live(2, 'two')),
    done(5, 6, write(2, 'three'), written(3)),
    done(7, 8, read, live(4, 'two')),
  ],
  'an acknowledged session that the store forgot': [created, done(2, 3, read, { outcome: 'absent' })],
  'a touch that moved the time back': [
    created,
    done(2, 3, touch(500), { outcome: 'touched' }),
    done(4, 5, touch(300), { outcome: 'touched' }),
    done(6, 7, read, live(1, 'one', 300)),
  ],
  'a corrupt session': [created, done(2, 3, read, { outcome: 'corrupt', problem: 'not JSON' })],
};

describe('histories of one session', () => {
  test.each(Object.entries(GOOD))('%s is linearizable', (_, operations) => {
    expect(checkLinearizability(sessionModel, operations)).toEqual({ linearizable: true });
  });

  test.each(Object.entries(BAD))('%s is not', (_, operations) => {
    expect(checkLinearizability(sessionModel, operations)).toMatchObject({ linearizable: false });
  });

  test('a verdict says how far an order came, and what could not be the next', () => {
    const operations = BAD['a revived session'] ?? [];
    const verdict = checkLinearizability(sessionModel, operations);
    const problem = verdict.linearizable ? '' : verdict.problem;
    expect(problem).toContain('put 2 operations in order');
    expect(problem).toContain('the state was {"outcome":"revoked"}');
    expect(problem).toContain('a [4, 5] {"kind":"read"} -> {"outcome":"live"');
  });
});

const anyWrite = fc.record({
  kind: fc.constant('write' as const),
  expectedVersion: fc.integer({ min: 1, max: 4 }),
  value: fc.constantFrom('x', 'y'),
});
const anyTouch = fc.record({ kind: fc.constant('touch' as const), seenAtMs: fc.integer({ min: 1, max: 9 }) });
const anyInput: fc.Arbitrary<SessionInput> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(create) },
  { weight: 6, arbitrary: fc.constant(read) },
  { weight: 9, arbitrary: anyWrite },
  { weight: 4, arbitrary: anyTouch },
  { weight: 1, arbitrary: fc.constant(revoke) },
);

/** Inputs that are applied one after the other, each within an interval about its instant; some are lost. */
function historyOf(
  inputs: readonly (readonly [SessionInput, before: number, after: number, isLost: boolean])[],
): SessionOperation[] {
  let state = sessionModel.initial;
  return inputs.map(([input, before, after, isLost], index) => {
    const instant = index * 10;
    const applied = sessionModel.apply(state, input);
    ({ state } = applied);
    if (isLost) return lost(instant - before, input);
    return done(instant - before, instant + after, input, applied.output);
  });
}

function overlapping(
  length: { readonly minLength?: number; readonly maxLength: number },
  reach: number,
  lostOneIn = 10,
) {
  const interval = fc.nat(reach);
  return fc.array(
    fc.tuple(
      anyInput,
      interval,
      interval,
      fc.nat(lostOneIn - 1).map((n) => n === 0),
    ),
    { ...length, size: 'max' },
  );
}

test('every history that was made one operation after the other is linearizable, however they overlap', () => {
  fc.assert(
    fc.property(overlapping({ maxLength: 60 }, 60), (inputs) => {
      expect(checkLinearizability(sessionModel, historyOf(inputs))).toEqual({ linearizable: true });
    }),
    { numRuns: 200 },
  );
});

test('it finds what trying every order finds, on small histories whose answers were mixed up', () => {
  const mixed = fc.tuple(
    overlapping({ minLength: 4, maxLength: 6 }, 20),
    fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { minLength: 1, maxLength: 3 }),
  );
  const verdicts = { true: 0, false: 0 };
  fc.assert(
    fc.property(mixed, ([inputs, swaps]) => {
      const operations = swapAnswers(historyOf(inputs), swaps);
      const expected = hasOrder(sessionModel.initial, operations);
      expect(checkLinearizability(sessionModel, operations).linearizable).toBe(expected);
      verdicts[`${expected}`] += 1;
    }),
    { numRuns: 1_000 },
  );
  expect(Math.min(verdicts.true, verdicts.false)).toBeGreaterThan(100);
});

test('a long history with much overlap is decided, whatever the verdict', () => {
  const long = overlapping({ minLength: 250, maxLength: 300 }, 40, 50);
  for (const inputs of fc.sample(long, { numRuns: 3, seed: 7 })) {
    const operations = historyOf(inputs);
    expect(checkLinearizability(sessionModel, operations)).toEqual({ linearizable: true });
    const corrupted = [...operations, done(1e6, 1e6 + 1, read, live(99, 'x'))];
    expect(checkLinearizability(sessionModel, corrupted)).toMatchObject({ linearizable: false });
  }
});

function swapAnswers(
  operations: readonly SessionOperation[],
  swaps: readonly (readonly [number, number])[],
): SessionOperation[] {
  const swapped = [...operations];
  for (const [from, to] of swaps) {
    const [a, b] = [swapped[from], swapped[to]];
    if (!a?.returned || !b?.returned) continue;
    swapped[from] = { ...a, returned: { ...a.returned, output: b.returned.output } };
    swapped[to] = { ...b, returned: { ...b.returned, output: a.returned.output } };
  }
  return swapped;
}

/** The definition itself: some order of all that returned, with some of those that were lost, that respects time. */
function hasOrder(state: typeof sessionModel.initial, rest: readonly SessionOperation[]): boolean {
  const firstReturn = Math.min(...rest.map(({ returned }) => returned?.at ?? Infinity));
  if (firstReturn === Infinity) return true;
  return rest.some((next) => {
    if (next.invokedAt > firstReturn) return false;
    const { state: after, output } = sessionModel.apply(state, next.input);
    const fits =
      next.returned === undefined || JSON.stringify(output) === JSON.stringify(next.returned.output);
    return (
      fits &&
      hasOrder(
        after,
        rest.filter((other) => other !== next),
      )
    );
  });
}
