import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  BreakerOpenError,
  createCircuitBreaker,
  type BreakerChange,
  type CallRole,
  type CircuitBreaker,
} from '../../../src/breaker/circuit-breaker.ts';

class Outage extends Error {}

const FAILURES = 3;
const FAILING_FOR_MS = 100;

let nowMs: number;
let changes: string[];
let pausesMs: readonly number[];
let breaker: CircuitBreaker;
beforeEach(() => {
  nowMs = 1_000;
  changes = [];
  pausesMs = [200];
  breaker = createCircuitBreaker({
    isOutage: (error) => error instanceof Outage,
    failures: FAILURES,
    failingForMs: FAILING_FOR_MS,
    openForMs: (attempt) => pausesMs[attempt - 1] ?? pausesMs.at(-1) ?? 0,
    nowMs: () => nowMs,
    onChange: (change: BreakerChange) =>
      changes.push(change.state === 'open' ? `open ${(change.cause as Error).message}` : change.state),
  });
});

const answered = (role: CallRole = 'call') => breaker.run(role, () => Promise.resolve('answer'));
const failed = (role: CallRole = 'call') =>
  breaker
    .run(role, () => Promise.reject(new Outage('down')))
    .then(
      () => undefined,
      (error: unknown) => error,
    );

/** Lets it open, at the time `nowMs` of the last failure. */
async function open(): Promise<void> {
  for (let count = 1; count < FAILURES; count += 1) await failed();
  nowMs += FAILING_FOR_MS;
  await failed();
  expect(breaker.state).toBe('open');
}

/** A call that the test ends. */
function underWay(role: CallRole) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const call = vi.fn(() => promise);
  const settled = breaker.run(role, call).catch((error: unknown) => error);
  return { call, settled, answer: () => resolve('answer'), fail: () => reject(new Outage('down')) };
}

describe('a closed breaker', () => {
  it('D8 passes on what a call answers and what it fails with, as it is', async () => {
    expect(await answered()).toBe('answer');
    const error = new Outage('down');
    await expect(breaker.run('call', () => Promise.reject(error))).rejects.toBe(error);
    const fault = new TypeError('fault');
    await expect(breaker.run('call', () => Promise.reject(fault))).rejects.toBe(fault);
    expect(breaker.state).toBe('closed');
  });

  it('D8 makes the call before it returns, so that nothing is read before it was asked for', () => {
    const { call } = underWay('call');
    expect(call).toHaveBeenCalledOnce();
  });

  it('D8 opens after enough outages in a row that took long enough, and says so once', async () => {
    await open();
    expect(changes).toEqual(['open down']);
    expect(breaker.lastOutage).toMatchObject({ message: 'down' });
  });

  it('D8 stays closed while they are too few', async () => {
    await failed();
    nowMs += 10 * FAILING_FOR_MS;
    await failed();
    expect(breaker.state).toBe('closed');
  });

  it('D8 stays closed while all of them fall into one moment, however many: that may be a stall of ours', async () => {
    await Promise.all(Array.from({ length: 1_000 }, () => failed()));
    nowMs += FAILING_FOR_MS - 1;
    await failed();
    expect(breaker.state).toBe('closed');
  });

  it('D8 stays closed as long as one call is answered now and then', async () => {
    for (let round = 0; round < 20; round += 1) {
      for (let count = 0; count < 5 * FAILURES; count += 1) await failed();
      await answered();
      nowMs += FAILING_FOR_MS;
    }
    expect(breaker.state).toBe('closed');
  });

  it('D8 does not take a fault for an outage', async () => {
    for (let count = 0; count < 10 * FAILURES; count += 1) {
      await breaker.run('call', () => Promise.reject(new TypeError('fault'))).catch(() => undefined);
      nowMs += FAILING_FOR_MS;
    }
    expect(breaker.state).toBe('closed');
  });
});

describe('an open breaker', () => {
  beforeEach(open);

  it('D8 refuses at once, and makes no call', async () => {
    const call = vi.fn(() => Promise.resolve('answer'));
    for (const role of ['call', 'trial'] as const) {
      expect(breaker.admits(role)).toBe(false);
      await expect(breaker.run(role, call)).rejects.toBeInstanceOf(BreakerOpenError);
    }
    expect(call).not.toHaveBeenCalled();
  });

  it('D8 is half-open with the first trial after the pause, and closed once that is answered', async () => {
    nowMs += 199;
    expect(breaker.admits('trial')).toBe(false);
    nowMs += 1;
    expect(breaker.admits('call'), 'what is no trial goes on waiting').toBe(false);
    const trial = underWay('trial');
    expect(breaker.state).toBe('half_open');
    trial.answer();
    await trial.settled;
    expect(breaker.state).toBe('closed');
    expect(changes).toEqual(['open down', 'closed']);
    expect(await answered()).toBe('answer');
  });

  it('D8 makes one trial at a time, and nobody waits for it', async () => {
    nowMs += 200;
    const trial = underWay('trial');
    const others = Array.from({ length: 50 }, () => underWay('trial'));
    for (const { call, settled } of others) {
      expect(await settled).toBeInstanceOf(BreakerOpenError);
      expect(call).not.toHaveBeenCalled();
    }
    expect(breaker.state).toBe('half_open');
    trial.answer();
    await trial.settled;
  });

  it('D8 pauses again after a trial that failed, and longer where it is told to', async () => {
    pausesMs = [200, 400, 800];
    for (const pauseMs of [200, 400, 800, 800]) {
      nowMs += pauseMs - 1;
      expect(breaker.admits('trial')).toBe(false);
      nowMs += 1;
      expect(await failed('trial')).toBeInstanceOf(Outage);
      expect(breaker.state).toBe('open');
    }
    expect(changes, 'no word of the trials').toEqual(['open down']);
    nowMs += 800;
    await answered('trial');
    nowMs += 10_000;
    await open();
    nowMs += 200;
    expect(breaker.admits('trial'), 'the next outage begins with the first pause').toBe(true);
  });

  it('D8 takes an answer that is a refusal for an answer', async () => {
    nowMs += 200;
    await breaker.run('trial', () => Promise.reject(new TypeError('fault'))).catch(() => undefined);
    expect(breaker.state).toBe('closed');
  });

  it('D8 closes with a probe that is answered, whatever the pause', async () => {
    expect(await answered('probe')).toBe('answer');
    expect(breaker.state).toBe('closed');
  });

  it('D8 stays open with a probe that fails, and pauses from then on', async () => {
    nowMs += 150;
    expect(await failed('probe')).toBeInstanceOf(Outage);
    expect(breaker.state).toBe('open');
    nowMs += 199;
    expect(breaker.admits('trial')).toBe(false);
    nowMs += 1;
    expect(breaker.admits('trial')).toBe(true);
  });

  it('D8 makes a probe beside a trial, which decides nothing', async () => {
    nowMs += 200;
    const trial = underWay('trial');
    expect(await answered('probe')).toBe('answer');
    expect(breaker.state).toBe('half_open');
    trial.fail();
    await trial.settled;
    expect(breaker.state).toBe('open');
  });

  it('D8 is not moved by the wall clock', async () => {
    vi.useFakeTimers({ now: 0, toFake: ['Date'] });
    try {
      vi.setSystemTime(-3_600_000);
      expect(breaker.admits('trial')).toBe(false);
      nowMs += 200;
      expect(await answered('trial')).toBe('answer');
      expect(breaker.state).toBe('closed');
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('calls that were under way when it opened', () => {
  it('D8 are passed on, and failing they say nothing about the trial', async () => {
    const [late, good] = [underWay('call'), underWay('call')];
    await open();
    nowMs += 200;
    const trial = underWay('trial');
    for (let count = 0; count < FAILURES; count += 1) late.fail();
    good.answer();
    expect(await late.settled).toBeInstanceOf(Outage);
    expect(await good.settled).toBe('answer');
    expect(breaker.state).toBe('half_open');
    trial.answer();
    await trial.settled;
    expect(breaker.state).toBe('closed');
  });
});
