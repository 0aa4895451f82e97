/**
 * A circuit breaker around something that may stop answering (D8). Hides cockatiel, and what is added to it: which
 * failures make an outage, a clock that can't step, and that nobody waits for somebody else's trial.
 */
import {
  circuitBreaker,
  CircuitState,
  handleWhen,
  type CircuitBreakerPolicy,
  type IBackoff,
  type IBreaker,
  type IHalfOpenAfterBackoffContext,
} from 'cockatiel';

/** `open`: nobody is asked. `half_open`: one call is under way that decides how it goes on. */
export type BreakerState = 'closed' | 'open' | 'half_open';

/**
 * `call`: made while the breaker is closed. `trial`: also once the pause is over, one at a time; it decides whether the
 * breaker closes, so it should change nothing and end soon. `probe`: always made, and a trial whatever the pause.
 */
export type CallRole = 'call' | 'trial' | 'probe';

export interface BreakerOptions {
  /** Whether what a call rejected with means that there was no answer. Anything else is an answer. */
  readonly isOutage: (error: unknown) => boolean;
  /** It opens after so many outages in a row, ... */
  readonly failures: number;
  /** ... when the last came so long after the first. Calls that fail in one moment may have the cause in ourselves. */
  readonly failingForMs: number;
  /** How long the pause before a trial is, the first time and after each trial that failed (`attempt` counts from 1). */
  readonly openForMs: (attempt: number) => number;
  /** Milliseconds. Default: a clock that only goes forward. */
  readonly nowMs?: (() => number) | undefined;
  /** Told when it opens and when it closes, once each, and not of the trials between. It must not throw. */
  readonly onChange?: ((change: BreakerChange) => void) | undefined;
}

export type BreakerChange =
  /** `cause`: what the last call rejected with. */
  { readonly state: 'open'; readonly cause: unknown } | { readonly state: 'closed' };

export interface CircuitBreaker {
  readonly state: BreakerState;
  /** What the last outage was; undefined where there was none yet. */
  readonly lastOutage: unknown;
  /** Whether `run` would make such a call now. */
  admits(role: CallRole): boolean;
  /** Makes the call at once, and settles as it does. @throws BreakerOpenError at once, and then the call was not made. */
  run<T>(role: CallRole, call: () => Promise<T>): Promise<T>;
}

/** The call was not made. */
export class BreakerOpenError extends Error {
  override readonly name = 'BreakerOpenError';
  readonly code = 'ERR_BREAKER_OPEN';

  constructor() {
    super('the circuit breaker is open');
  }
}

export function createCircuitBreaker(options: BreakerOptions): CircuitBreaker {
  const { nowMs = () => performance.now() } = options;
  const pause = createPause(options.openForMs, nowMs);
  const isClosed = () => policy.state === CircuitState.Closed;
  const policy: CircuitBreakerPolicy = circuitBreaker(handleWhen(options.isOutage), {
    halfOpenAfter: pause.backoff,
    breaker: outagesInARow(options, nowMs, isClosed),
  });
  if (options.onChange) tellChanges(policy, options.onChange);

  const admits = (role: CallRole) => {
    if (isClosed() || role === 'probe') return true;
    return role === 'trial' && policy.state === CircuitState.Open && pause.isOver();
  };
  return {
    admits,
    run(role, call) {
      if (!admits(role)) return Promise.reject(new BreakerOpenError());
      // cockatiel would have it wait for the trial.
      if (policy.state === CircuitState.HalfOpen) return call();
      if (role === 'probe') pause.end();
      return policy.execute(call);
    },
    get state() {
      return STATES[policy.state];
    },
    get lastOutage() {
      const { lastFailure } = policy;
      return lastFailure && 'error' in lastFailure ? lastFailure.error : undefined;
    },
  };
}

const STATES = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
} as const satisfies Record<CircuitState, BreakerState>;

/** cockatiel would measure the pause by the wall clock: here it asks each time, and is told that it is over or is not. */
function createPause(openForMs: BreakerOptions['openForMs'], nowMs: () => number) {
  let untilMs = -Infinity;
  const isOver = () => nowMs() >= untilMs;
  const backoff: IBackoff<IHalfOpenAfterBackoffContext> = {
    get duration() {
      return isOver() ? -Infinity : Infinity;
    },
    next({ attempt }) {
      untilMs = nowMs() + openForMs(attempt);
      return backoff;
    },
  };
  return { backoff, isOver, end: () => (untilMs = -Infinity) };
}

/** A call that began while it was closed may fail when it is so no more: it tells nothing of the trial then. */
function outagesInARow(
  { failures, failingForMs }: BreakerOptions,
  nowMs: () => number,
  isClosed: () => boolean,
): IBreaker {
  let count = 0;
  let firstAtMs = 0;
  return {
    state: undefined,
    success: () => void (count = 0),
    failure() {
      if (!isClosed()) return false;
      if (count === 0) firstAtMs = nowMs();
      count += 1;
      return count >= failures && nowMs() - firstAtMs >= failingForMs;
    },
  };
}

function tellChanges(policy: CircuitBreakerPolicy, onChange: (change: BreakerChange) => void): void {
  let isOpen = false;
  policy.onBreak((reason) => {
    if (isOpen) return;
    isOpen = true;
    onChange({ state: 'open', cause: 'error' in reason ? reason.error : undefined });
  });
  policy.onReset(() => {
    isOpen = false;
    onChange({ state: 'closed' });
  });
}
