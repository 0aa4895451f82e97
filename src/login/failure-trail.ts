/** Tells log and audit trail of logins that failed. Hides that strangers can't fill the trail. */
import { createMinuteBudget } from '../ops/minute-budget.ts';
import type { Subject } from '../session/ref.ts';
import type { LoginDependencies } from './dependencies.ts';
import type { LoginFailure } from './login-outcome.ts';

export interface FailedLogin {
  readonly failure: Exclude<LoginFailure, 'no_attempt'>;
  readonly provider: string;
  /** A reason code of its own, where the failure has several. */
  readonly reason?: string;
  /** What was wrong; no secret. */
  readonly problem?: string;
  /** Whom the provider vouched for, where it vouched for anybody. */
  readonly subject?: Subject | undefined;
}

export interface FailureTrail {
  /** Never rejects: what the user is told does not hang on the trail. */
  record(failed: FailedLogin): Promise<void>;
}

type Dependencies = Pick<LoginDependencies, 'store' | 'log' | 'nowMs'>;

/**
 * Anybody can begin logins and let them fail. So many failures in which no user was vouched for are audited a minute by a
 * replica, and all further ones are logged alone; or they would drive older records out of the trail.
 */
export const ANONYMOUS_RECORDS_PER_MINUTE = 60;

export function createFailureTrail(deps: Dependencies): FailureTrail {
  const takeAnonymous = createMinuteBudget(ANONYMOUS_RECORDS_PER_MINUTE, () => deps.nowMs());

  return {
    async record({ failure, provider, reason = failure, problem, subject }) {
      const isOutage = failure === 'provider_unavailable';
      deps.log[isOutage ? 'error' : 'info']('login', { outcome: failure, provider, reason, problem });
      // The fault of the provider, and no login of anybody's.
      if (isOutage) return;
      if (subject === undefined && !takeAnonymous()) return;
      const actor = { kind: 'provider', name: provider } as const;
      const about =
        subject === undefined ? {} : { subject: { issuer: subject.issuer, subject: subject.subject } };
      try {
        const detail = problem === undefined ? provider : `${provider}: ${problem}`;
        await deps.store.record({ action: 'login_failed', actor, reason, detail }, about);
      } catch (err) {
        deps.log.error('a failed login could not be audited', { err });
      }
    },
  };
}
