/** Checks as spans: the one place where the check's terms and tracing's meet. */
import type { DecisionStore } from '../authz/authorize.ts';
import type { CheckTrace } from '../authz/checker.ts';
import type { AuthzRequest } from '../authz/request.ts';
import {
  outcomeOfFailure,
  outcomeOfRead,
  outcomeOfTake,
  type StoreOutcome,
} from '../session/observed-store.ts';
import type { CheckSpan, StoreCallFacts, Tracer } from '../tracing/tracer.ts';
import { outcomeOf } from './check-outcome.ts';

export interface CheckTracerParts extends DecisionStore {
  /** That of now; undefined while tracing is off. */
  readonly tracer: () => Tracer | undefined;
  /** Tracing failed by a mistake of its own. */
  readonly onFault: (error: unknown) => void;
}

/** For the checker's `beginTrace`. Whatever tracing does, the check goes on. */
export function createCheckTracer(
  parts: CheckTracerParts,
): (request: AuthzRequest) => CheckTrace | undefined {
  const { tracer, onFault } = parts;
  return (request) => {
    // The common case, kept free of all that follows.
    const current = tracer();
    if (current === undefined) return undefined;
    const span = attempt(() => current.startCheck(request.transport, request), onFault);
    return span && traceOf(span, parts);
  };
}

function traceOf(span: CheckSpan, { sessions, rates, onFault }: CheckTracerParts): CheckTrace {
  async function inside<T>(operation: 'read' | 'take', answering: () => Promise<T>, outcome: Outcome<T>) {
    const call = attempt(() => span.startStoreCall(operation), onFault);
    const end = (facts: StoreCallFacts) => attempt(() => call?.end(facts), onFault);
    try {
      const answer = await answering();
      end({ outcome: outcome(answer), failed: false });
      return answer;
    } catch (error) {
      end({ outcome: outcomeOfFailure(error), failed: true });
      throw error;
    }
  }
  return {
    traceId: span.traceId,
    sessions: { read: (ref) => inside('read', () => sessions.read(ref), outcomeOfRead) },
    rates: { take: (takes) => inside('take', () => rates.take(takes), outcomeOfTake) },
    end: ({ decision, decisionId }) =>
      attempt(() => span.end({ ...outcomeOf(decision), decisionId }), onFault),
  };
}

type Outcome<T> = (answer: T) => StoreOutcome;

function attempt<T>(work: () => T, onFault: (error: unknown) => void): T | undefined {
  try {
    return work();
  } catch (error) {
    onFault(error);
    return undefined;
  }
}
