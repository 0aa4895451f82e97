import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHealth, startProbe, type Health } from '../../../src/ops/health.ts';

describe('health', () => {
  it('is not ready before each check has passed', () => {
    const health = createHealth(['store', 'keys']);
    expect(health.checks).toEqual([
      { name: 'store', problem: 'not checked yet' },
      { name: 'keys', problem: 'not checked yet' },
    ]);
    health.pass('store');
    expect(health.ready).toBe(false);
    health.pass('keys');
    expect(health.ready).toBe(true);
    expect(health.checks).toEqual([{ name: 'store' }, { name: 'keys' }]);
  });

  it('is not ready while one check fails, and says why', () => {
    const health = createHealth(['store', 'keys']);
    health.pass('store');
    health.pass('keys');
    health.fail('store', 'no answer within 500 ms');
    expect(health.ready).toBe(false);
    expect(health.checks).toEqual([{ name: 'store', problem: 'no answer within 500 ms' }, { name: 'keys' }]);
  });

  it('is not ready from the start of a drain on, whatever the checks say', () => {
    const health = createHealth(['store']);
    health.drain();
    health.pass('store');
    expect(health).toMatchObject({ ready: false, draining: true });
  });

  it('tells each subscriber of each change once, until it unsubscribes', () => {
    const health = createHealth(['store']);
    const seen: boolean[] = [];
    const unsubscribe = health.subscribe(() => void seen.push(health.ready));
    health.pass('store');
    health.pass('store');
    health.fail('store', 'gone');
    health.fail('store', 'gone');
    health.pass('store');
    health.drain();
    health.drain();
    unsubscribe();
    health.fail('store', 'gone');
    expect(seen).toEqual([true, false, true, false]);
  });

  it('refuses a check that it was not made with', () => {
    expect(() => createHealth(['store']).pass('stoer')).toThrow('There is no health check named "stoer"');
  });
});

describe('a probe', () => {
  let health: Health;
  let running: ReturnType<typeof startProbe> | undefined;

  beforeEach(() => {
    vi.useFakeTimers();
    health = createHealth(['store']);
  });
  afterEach(() => {
    running?.stop();
    vi.useRealTimers();
  });

  const start = (probe: () => Promise<void>) => {
    running = startProbe({
      health,
      name: 'store',
      probe,
      explain: (error) => (error as Error).message,
      intervalMs: 400,
      timeoutMs: 300,
    });
  };
  const problem = () => health.checks[0]?.problem;

  it('D2 makes the server ready, unready with the reason, and ready again within a second', async () => {
    let reachable = true;
    start(() => (reachable ? Promise.resolve() : Promise.reject(new Error('the store is unreachable'))));
    await vi.advanceTimersByTimeAsync(0);
    expect(health.ready).toBe(true);
    await vi.advanceTimersByTimeAsync(399);
    expect(health.ready).toBe(true);
    reachable = false;
    await vi.advanceTimersByTimeAsync(1);
    expect(problem()).toBe('the store is unreachable');
    reachable = true;
    await vi.advanceTimersByTimeAsync(400);
    expect(health.ready).toBe(true);
  });

  it('D5 counts as failed once it takes too long, and is never sent twice at a time', async () => {
    const answers: (() => void)[] = [];
    start(() => new Promise((resolve) => answers.push(resolve)));
    await vi.advanceTimersByTimeAsync(300);
    expect(problem()).toBe('no answer within 300 ms');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(answers).toHaveLength(1);
    answers[0]?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(problem()).toBe('no answer within 300 ms');
    await vi.advanceTimersByTimeAsync(400);
    expect(answers).toHaveLength(2);
    answers[1]?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(health.ready).toBe(true);
  });

  it('that throws counts as failed', async () => {
    start(() => {
      throw new Error('the store is closed');
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(problem()).toBe('the store is closed');
  });

  it('is not repeated once stopped', async () => {
    start(() => Promise.resolve());
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(1);
    running?.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not repeated once stopped while it runs', async () => {
    let probes = 0;
    let answer: (() => void) | undefined;
    start(() => {
      probes += 1;
      return new Promise((resolve) => (answer = resolve));
    });
    running?.stop();
    answer?.();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(probes).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
