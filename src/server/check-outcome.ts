/** How a check ended, in the words that metrics, log and traces share. */
import type { Decision } from '../authz/decision.ts';

export interface CheckOutcome {
  readonly decision: Decision['decision'];
  /** `none` for an allow, or in shadow mode the reason for which it would be a deny. */
  readonly reason: string;
  readonly shadow: boolean;
  readonly route: string | undefined;
  readonly app: string | undefined;
}

/** A shadow route's would-be deny is an `allow` that has a reason. */
export function outcomeOf(decision: Decision): CheckOutcome {
  const { decision: kind, route } = decision;
  const shadow = kind === 'allow' && decision.reason !== undefined && route.mode === 'shadow';
  const reason = kind === 'allow' && !shadow ? 'none' : (decision.reason ?? 'none');
  return { decision: kind, reason, shadow, route: route?.name, app: route?.app };
}
