/**
 * One check from request to answer, for every transport: one deadline over all of it, a bound on how many are under
 * way, and every fault turned into an answer. Hides the store's errors, the race against the deadline (E3, D5), and
 * that the tokens of browsers are renewed on the way.
 */
import { randomUUID } from 'node:crypto';
import { StoreError } from '../session/store.ts';
import type { ValidSession } from '../session/validity.ts';
import { sessionCookies } from '../token/session-cookie.ts';
import type { TokenRenewals } from '../token/renewal.ts';
import { answerFor, refusalAnswer, withCookies, type Answer } from './answer.ts';
import { authorize, type DecisionStore } from './authorize.ts';
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
  /** The HTTP status of a refusal. */
  readonly status: number | undefined;
  readonly durationMs: number;
  /** Of the span that this check is; undefined where it is none. */
  readonly traceId: string | undefined;
}

/** A check that is a span of a trace. Its store is the checker's own, with a span inside this one for each call. */
export interface CheckTrace extends DecisionStore {
  readonly traceId: string;
  /** Called once, when the check is over. */
  readonly end: (report: CheckReport) => void;
}

export interface CheckerParts extends DecisionStore {
  /** The policy and the limits of now; a check keeps those that it began with. */
  readonly policy: () => Policy;
  readonly limits: () => CheckLimits;
  readonly renewals: TokenRenewals;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Called once for each check that was answered. */
  readonly report: (report: CheckReport) => void;
  /** Called as each check begins; undefined where it is no span: tracing is off, or this trace is not sampled. */
  readonly beginTrace?: (request: AuthzRequest) => CheckTrace | undefined;
  /** Called with each valid session of an allowed request, to slide its idle timeout. */
  readonly used: (session: ValidSession, nowMs: number, idleTimeoutMs: number) => void;
}

/** How long an allowed check waits for a fresh session token; to sign one takes a tenth of a millisecond. */
const RENEWAL_PATIENCE_MS = 20;

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
    const trace = parts.beginTrace?.(request);
    const { deadlineMs, maxInFlight } = parts.limits();
    const over = (decision: Decision, answer: Answer) => {
      const status = answer.allowed ? undefined : answer.status;
      const durationMs = performance.now() - startedAt;
      const report = { decision, decisionId, request, status, durationMs, traceId: trace?.traceId };
      parts.report(report);
      trace?.end(report);
      return answer;
    };
    const failed = (failure: Failure) => over(failure, refusalAnswer(failure, decisionId, request));

    if (inFlight >= maxInFlight) return failed(fail('overloaded', undefined));
    inFlight += 1;
    const budgetMs = Math.min(deadlineMs, timeoutMs);
    try {
      const outcome = await within(budgetMs, decide(request, decisionId, trace ?? parts));
      if (outcome === LATE) return failed(fail('deadline_exceeded', undefined));
      const { decision, nowMs, policy } = outcome;
      if (decision.decision === 'allow' && decision.session)
        parts.used(decision.session, nowMs, policy.idleTimeoutMs);
      const answer = withRenewal(outcome, startedAt + budgetMs);
      return over(decision, answer instanceof Promise ? await answer : answer);
    } catch (error) {
      return failed(failureOf(error));
    } finally {
      inFlight -= 1;
    }
  }

  async function decide(request: AuthzRequest, decisionId: string, store: DecisionStore): Promise<Outcome> {
    const policy = parts.policy();
    const nowMs = parts.now();
    const decision = await authorize(request, policy, store, nowMs);
    const assertion = decision.decision === 'allow' ? await assertionFor(decision, policy, nowMs) : undefined;
    const answer = answerFor(decision, decisionId, request, policy, assertion);
    return { decision, answer, nowMs, policy };
  }

  /**
   * The answer, with a fresh cookie where the browser's token is due for it. A token that can't be had soon holds up
   * nothing: one of the next checks will bring it. `endsAtMs` is on the clock of `performance.now`.
   */
  function withRenewal(outcome: Outcome, endsAtMs: number): Answer | Promise<Answer> {
    const { decision, answer, nowMs, policy } = outcome;
    if (decision.decision !== 'allow' || !decision.session || !decision.cookieToken) return answer;
    const { csrfToken, expiresAtMs } = decision.session.document;
    const renewed = parts.renewals.renew(decision.cookieToken, expiresAtMs, nowMs);
    if (renewed === undefined || !answer.allowed) return answer;
    const renew = (token: string) =>
      withCookies(answer, sessionCookies({ config: policy.cookies, token, csrfToken }));
    if (typeof renewed === 'string') return renew(renewed);
    const leftMs = Math.max(0, endsAtMs - performance.now());
    const patienceMs = Math.min(RENEWAL_PATIENCE_MS, leftMs);
    return within(patienceMs, renewed).then((token) => (typeof token === 'string' ? renew(token) : answer));
  }

  return {
    check,
    get inFlight() {
      return inFlight;
    },
  };
}

interface Outcome {
  readonly decision: Decision;
  readonly answer: Answer;
  readonly nowMs: number;
  /** The one that decided. */
  readonly policy: Policy;
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
