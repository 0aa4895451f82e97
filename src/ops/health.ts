/** Whether the server is ready, and why not: the one state behind `/readyz` and the gRPC health service. */

export interface HealthCheck {
  readonly name: string;
  /** Why it is not ready, a sentence without secrets; absent while it is. */
  readonly problem?: string;
}

export interface Health {
  /** True while every named check passes and the server is not draining. */
  readonly ready: boolean;
  /** The same, but that these checks count as passed for good once they have passed. A name that there is not changes nothing. */
  readyBut(names: readonly string[]): boolean;
  readonly draining: boolean;
  /** The named checks in the order of their names as given to `createHealth`. */
  readonly checks: readonly HealthCheck[];
  pass(name: string): void;
  /** `problem` is shown on `/readyz` and logged: a sentence without secrets. */
  fail(name: string, problem: string): void;
  /** The server is on its way out: not ready from now on, whatever the checks say. */
  drain(): void;
  /** Calls `listener` after each change, of `ready` or of a check's problem. Returns how to end that. */
  subscribe(listener: () => void): () => void;
}

/** A health state in which no check has passed yet, so that the server is not ready before each was seen to be. */
export function createHealth(names: readonly string[]): Health {
  const problems = new Map<string, string | undefined>(names.map((name) => [name, 'not checked yet']));
  const passedOnce = new Set<string>();
  const listeners = new Set<() => void>();
  let draining = false;

  const set = (name: string, problem: string | undefined) => {
    if (!problems.has(name)) throw new TypeError(`There is no health check named "${name}"`);
    if (problem === undefined) passedOnce.add(name);
    if (problems.get(name) === problem) return;
    problems.set(name, problem);
    tell();
  };
  const tell = () => listeners.forEach((listener) => listener());

  return {
    get ready() {
      return !draining && [...problems.values()].every((problem) => problem === undefined);
    },
    readyBut(names) {
      const isExcused = (name: string) => names.includes(name) && passedOnce.has(name);
      return !draining && [...problems].every(([name, problem]) => problem === undefined || isExcused(name));
    },
    get draining() {
      return draining;
    },
    get checks() {
      return [...problems].map(([name, problem]) => (problem === undefined ? { name } : { name, problem }));
    },
    pass: (name) => set(name, undefined),
    fail: (name, problem) => set(name, problem),
    drain() {
      if (draining) return;
      draining = true;
      tell();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export interface ProbeOptions {
  readonly health: Health;
  /** Which check of `health` the probe decides. */
  readonly name: string;
  /** Resolves when the dependency answers, rejects when it does not. It has to settle by itself some day. */
  readonly probe: () => Promise<void>;
  /** Turns what `probe` rejected with into a sentence without secrets. */
  readonly explain: (error: unknown) => string;
  /** From the end of one probe to the start of the next. Default 500 ms. */
  readonly intervalMs?: number;
  /** A probe that took so long counts as failed; the next one still waits for it to settle. Default 500 ms. */
  readonly timeoutMs?: number;
}

/** Probes a dependency at once and then again and again, never two at a time. */
export function startProbe(options: ProbeOptions): { stop(): void } {
  const { intervalMs = 500 } = options;
  let stopped = false;
  let next: NodeJS.Timeout | undefined;
  const run = async () => {
    await probeOnce(options);
    if (!stopped) next = setTimeout(() => void run(), intervalMs).unref();
  };
  void run();
  return {
    stop() {
      stopped = true;
      clearTimeout(next);
    },
  };
}

async function probeOnce({ health, name, probe, explain, timeoutMs = 500 }: ProbeOptions): Promise<void> {
  const outcome = { late: false };
  const deadline = setTimeout(() => {
    outcome.late = true;
    health.fail(name, `no answer within ${timeoutMs} ms`);
  }, timeoutMs).unref();
  try {
    await probe();
    if (!outcome.late) health.pass(name);
  } catch (error) {
    health.fail(name, explain(error));
  } finally {
    clearTimeout(deadline);
  }
}
