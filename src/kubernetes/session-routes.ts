/** SessionRoutes of the cluster: watched, handed to the server whenever they change, and told what became of them. */
import type { Cluster, ResourceKind } from './cluster.ts';
import type { Verdict } from './reasons.ts';
import { createReporting, type ReportingOptions } from './report.ts';
import type { Snapshot } from './resources.ts';
import { watchCluster } from './watch-cluster.ts';

export interface SessionRoutesOptions extends ReportingOptions {
  readonly cluster: Cluster;
  /**
   * Takes over what the cluster has; later ones wait. Called for each change that may matter, first when the first list of
   * every kind has come.
   */
  readonly apply: (snapshot: Snapshot) => Promise<void>;
  readonly onWatch: (kind: ResourceKind, problem: string | undefined) => void;
  /** What `apply` rejected with: what was before stays. */
  readonly onFault: (error: unknown) => void;
  /** How long changes are collected before they are applied, at the least. Default 200 ms. */
  readonly collectMs?: number;
}

export interface SessionRoutes {
  /** The verdicts of the last snapshot that was applied, perhaps under another configuration: for their status. */
  judged(verdicts: ReadonlyMap<string, Verdict>): void;
  stop(): Promise<void>;
}

/** Of the time, so much at most goes into applying changes, however many there are. */
const BUSY_SHARE = 0.1;

/** But nothing waits longer than this: it may be a grant that was withdrawn. */
const LONGEST_REST_MS = 10_000;

/** What could not be applied is tried again after this, changed or not. */
const RETRY_MS = 30_000;

export function startSessionRoutes(options: SessionRoutesOptions): SessionRoutes {
  const { apply, onFault, collectMs = 200 } = options;
  const reporting = createReporting(options);
  let verdicts: ReadonlyMap<string, Verdict> = new Map();
  let applied: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let restMs = collectMs;
  let isStopped = false;
  const work = { isUnderWay: false, isStale: false };

  const report = () => {
    if (!isStopped) reporting.report(watch.snapshot().routes, verdicts);
  };
  const takeUp = async () => {
    // A watch has fallen meanwhile; it tells when it is back.
    if (!watch.isCurrent()) return;
    const snapshot = watch.snapshot();
    const print = fingerprint(snapshot);
    if (print === applied) return;
    const begin = performance.now();
    await apply(snapshot);
    applied = print;
    restMs = Math.min(Math.max(collectMs, (performance.now() - begin) / BUSY_SHARE), LONGEST_REST_MS);
  };
  const run = async () => {
    timer = undefined;
    Object.assign(work, { isUnderWay: true, isStale: false });
    const isDone = await takeUp().then(
      () => true,
      (error: unknown) => {
        onFault(error);
        restMs = RETRY_MS;
        return false;
      },
    );
    report();
    work.isUnderWay = false;
    if (work.isStale || !isDone) schedule();
  };
  const schedule = () => {
    if (isStopped) return;
    if (work.isUnderWay) work.isStale = true;
    else timer ??= setTimeout(() => void run(), restMs).unref();
  };
  const watch = watchCluster({ cluster: options.cluster, onChange: schedule, onWatch: options.onWatch });

  return {
    judged(next) {
      verdicts = next;
      report();
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      reporting.stop();
      await watch.stop();
    },
  };
}

/** Of what verdicts depend on: not of statuses, which are written all the time. */
function fingerprint({ routes, policies, namespaces }: Snapshot): string {
  const generations = [...routes, ...policies].map(
    ({ metadata: { uid, generation } }) => `${uid}/${generation}`,
  );
  const labels = namespaces.map(({ metadata }) => JSON.stringify([metadata.name, metadata.labels]));
  return [...generations, ...labels].sort().join('\n');
}
