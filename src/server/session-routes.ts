/** Puts the cluster's SessionRoutes to work: readiness, metrics and log lines of them. */
import { hostname } from 'node:os';
import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/schema.ts';
import { ClusterError, connectCluster, type ResourceKind } from '../kubernetes/cluster.ts';
import type { Judgement } from '../kubernetes/judge.ts';
import { isAccepted, type Verdict } from '../kubernetes/reasons.ts';
import { startSessionRoutes, type SessionRoutes } from '../kubernetes/session-routes.ts';
import type { Health } from '../ops/health.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import { createMinuteBudget } from '../ops/minute-budget.ts';
import type { RuntimeHolder } from './runtime-holder.ts';
import { showSessionRoutes } from './runtime-metrics.ts';
import { StartError } from './start-error.ts';

/** The name of the check on `/readyz`. */
export const SESSION_ROUTES_CHECK = 'session-routes';

export interface SessionRoutesParts {
  readonly env: Environment;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly now: () => number;
  readonly holder: Pick<RuntimeHolder, 'setResources' | 'onJudged'>;
}

/** Each replica has a thousand things to say while the API server is away. */
const FAILURES_LOGGED_PER_MINUTE = 20;

/** Asks the API server in the background: until it has answered once, the server is not ready. Rejects with `StartError`. */
export async function startClusterRoutes(
  { kubeconfigFile }: NonNullable<Config['kubernetes']>,
  parts: SessionRoutesParts,
): Promise<Pick<SessionRoutes, 'stop'>> {
  const { holder, env, health, metrics, log, now } = parts;
  const cluster = await connectCluster({ kubeconfigFile, env }).catch((error: unknown) => {
    if (error instanceof ClusterError) throw new StartError(error.message, { cause: error });
    throw error;
  });
  showSessionRoutes(metrics);
  const problems = new Map<ResourceKind, string>();
  let isApplied = false;
  const mayLog = createMinuteBudget(FAILURES_LOGGED_PER_MINUTE, now);
  const tell = createVerdictLog(log);
  const tellPolicies = createPolicyLog(log);
  const sayWaiting = () => {
    const [problem = 'the first list of the cluster has not come yet'] = problems.values();
    if (!isApplied) health.fail(SESSION_ROUTES_CHECK, problem);
  };
  sayWaiting();
  const routes = startSessionRoutes({
    cluster,
    instance: hostname(),
    now,
    async apply(snapshot) {
      await holder.setResources(snapshot);
      metrics.sessionRoutesApplied('applied');
      isApplied = true;
      health.pass(SESSION_ROUTES_CHECK);
    },
    onWatch(resource, problem) {
      metrics.kubernetesWatched(resource, problem === undefined);
      if (problem === undefined) {
        problems.delete(resource);
        log.info('the API server is watched', { resource });
      } else {
        problems.set(resource, problem);
        log.warn('the API server is out of reach, the last good state stays', { resource, problem });
      }
      sayWaiting();
    },
    onWrite: (object, outcome) => metrics.kubernetesWritten(object, outcome),
    onFailure(route, error) {
      if (mayLog()) log.warn('what became of a SessionRoute could not be written', { route, err: error });
    },
    onFault(error) {
      metrics.sessionRoutesApplied('failed');
      log.error('the SessionRoutes could not be applied, the last ones stay', { err: error });
    },
  });
  holder.onJudged(({ verdicts, policies }) => {
    const all = [...verdicts.values()];
    const accepted = all.filter(isAccepted).length;
    metrics.sessionRoutesJudged(accepted, all.length - accepted);
    metrics.sessionRoutePoliciesRead(policies.read, policies.unreadable.size);
    tell(verdicts);
    tellPolicies(policies.unreadable);
    routes.judged(verdicts);
  });
  return routes;
}

/** A line for each verdict that is a new one. */
function createVerdictLog(log: Log): (verdicts: Judgement['verdicts']) => void {
  let before: ReadonlyMap<string, Verdict> = new Map();
  return (verdicts) => {
    for (const [route, verdict] of verdicts) {
      const old = before.get(route);
      if (old?.reason === verdict.reason && old.message === verdict.message && old.uid === verdict.uid)
        continue;
      const { reason, message } = verdict;
      if (isAccepted(verdict)) log.info('a SessionRoute was accepted', { route });
      else log.warn('a SessionRoute was refused', { route, reason, problem: message });
    }
    for (const route of before.keys()) {
      if (!verdicts.has(route)) log.info('a SessionRoute was removed', { route });
    }
    before = verdicts;
  };
}

/** A line for each policy that can't be read, once for what is wrong with it. */
function createPolicyLog(log: Log): (unreadable: Judgement['policies']['unreadable']) => void {
  let before: ReadonlyMap<string, string> = new Map();
  return (unreadable) => {
    const now = new Map([...unreadable].map(([policy, problems]) => [policy, problems.join('; ')]));
    for (const [policy, problem] of now) {
      if (before.get(policy) === problem) continue;
      log.warn('a SessionRoutePolicy grants nothing: it can not be read', { policy, problem });
    }
    before = now;
  };
}
