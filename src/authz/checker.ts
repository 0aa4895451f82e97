/**
 * One check from request to answer, for every transport: one deadline over all of it, a bound on how many are under
 * way, and every fault turned into an answer. Hides the store's errors and the race against the deadline (E3, D5).
 */
import { randomUUID } from 'node:crypto';
import { StoreError } from '../session/store.ts';
import type { ValidSession } from '../session/validity.ts';
import { answerFor, refusalAnswer, type Answer } from './answer.ts';
import { authorize, type SessionReader } from './authorize.ts';
import { fail, type Decision, type Failure } from './decision.ts';
import { assertionFor } from './mutations.ts';
import type { Policy } from './policy.ts';
import type { AuthzRequest } from './request.ts';

export interface CheckLimits {
  readonly deadlineMs: number;
  readonly maxInFlight: number;
}

/** What there is to say about one check when it is over. */
export interface CheckReport {
  readonly decision: Decision;
  readonly decisionId: string;
  readonly request: AuthzRequest;
  readonly durationMs: number;
}

export interface CheckerParts {
  /** The policy and the limits of now; a check keeps those that it began with. */
  readonly policy: () => Policy;
  readonly limits: () => CheckLimits;
  readonly sessions: SessionReader;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Called once for each check that was answered. */
  readonly report: (report: CheckReport) => void;
  /** Called with each valid session of an allowed request, to slide its idle timeout. */
  readonly used: (session: ValidSession, nowMs: number, idleTimeoutMs: number) => void;
}

export interface Checker {
  /**
   * Settles within the deadline: the configured one, or `timeoutMs` where the caller will not wait that long (gRPC's
   * `grpc-timeout`). Rejects only with what `report` throws: every other fault is an answer.
   */
  check(request: AuthzRequest, timeoutMs?: number): Promise<Answer>;
  readonly inFlight: number;
}

export function createChecker(parts: CheckerParts): Checker {
  let inFlight = 0;

  async function check(request: AuthzRequest, timeoutMs = Infinity): Promise<Answer> {
    const startedAt = performance.now();
    const decisionId = randomUUID();
    const { deadlineMs, maxInFlight } = parts.limits();
    const over = (decision: Decision, answer: Answer) => {
      parts.report({ decision, decisionId, request, durationMs: performance.now() - startedAt });
      return answer;
    };
    const failed = (failure: Failure) => over(failure, refusalAnswer(failure, decisionId, request));

    if (inFlight >= maxInFlight) return failed(fail('overloaded', undefined));
    inFlight += 1;
    try {
      const outcome = await within(Math.min(deadlineMs, timeoutMs), decide(request, decisionId));
      if (outcome === LATE) return failed(fail('deadline_exceeded', undefined));
      const { decision, answer, nowMs, idleTimeoutMs } = outcome;
      if (decision.decision === 'allow' && decision.session)
        parts.used(decision.session, nowMs, idleTimeoutMs);
      return over(decision, answer);
    } catch (error) {
      return failed(failureOf(error));
    } finally {
      inFlight -= 1;
    }
  }

  async function decide(request: AuthzRequest, decisionId: string) {
    const policy = parts.policy();
    const nowMs = parts.now();
    const decision = await authorize(request, policy, parts.sessions, nowMs);
    const assertion = decision.decision === 'allow' ? await assertionFor(decision, policy, nowMs) : undefined;
    const answer = answerFor(decision, decisionId, request, policy, assertion);
    return { decision, answer, nowMs, idleTimeoutMs: policy.idleTimeoutMs };
  }

  return {
    check,
    get inFlight() {
      return inFlight;
    },
  };
}

const LATE = Symbol('late');

/** Settles with `work`, or with `LATE` once `ms` have passed; what `work` does after that is no longer waited for. */
function within<T>(ms: number, work: Promise<T>): Promise<T | typeof LATE> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms, LATE);
    const settled = () => clearTimeout(timer);
    work.then(settled, settled);
    work.then(resolve, reject);
  });
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof StoreError)) return fail('internal', error);
  return fail(error.code === 'ERR_STORE_TIMEOUT' ? 'store_timeout' : 'store_unavailable', error);
}
