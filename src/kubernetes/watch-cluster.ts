/** The resources of the cluster as they are now, kept up to date. Hides lists, watches, and starting them again. */
import { createBackoff } from '../session/backoff.ts';
import type { Cluster, Informer, ResourceKind } from './cluster.ts';
import type { Namespace, SessionRoute, SessionRoutePolicy, Snapshot } from './resources.ts';

export interface ClusterWatchOptions {
  readonly cluster: Pick<Cluster, 'informer'>;
  /**
   * Something may have changed. Never before the first list of every kind has come, nor while one of them is not watched: a
   * route must not be held against policies from before.
   */
  readonly onChange: () => void;
  /** A watch answers, or `problem` says why it does not. Told at each change. */
  readonly onWatch: (kind: ResourceKind, problem: string | undefined) => void;
}

export interface ClusterWatch {
  snapshot(): Snapshot;
  /** Whether every kind is watched, so that the snapshot is of one time. */
  isCurrent(): boolean;
  stop(): Promise<void>;
}

const KINDS = ['sessionroutes', 'sessionroutepolicies', 'namespaces'] as const;

/** How long after a failure a watch is started again. */
const RESTART = { firstMs: 1_000, longestMs: 30_000 };

/** While the API server is away, the snapshot stays what it was. */
export function watchCluster({ cluster, onChange, onWatch }: ClusterWatchOptions): ClusterWatch {
  const unlisted = new Set<ResourceKind>(KINDS);
  const down = new Set<ResourceKind>(KINDS);
  const isCurrent = () => unlisted.size === 0 && down.size === 0;
  const tell = () => {
    if (isCurrent()) onChange();
  };
  const watches = KINDS.map((kind) =>
    keepWatching(cluster, kind, {
      onChange: () => {
        unlisted.delete(kind);
        tell();
      },
      onWatch: (problem) => {
        if (problem === undefined) down.delete(kind);
        else down.add(kind);
        onWatch(kind, problem);
        tell();
      },
    }),
  );
  const [routes, policies, namespaces] = watches.map(({ informer }) => informer);
  return {
    isCurrent,
    snapshot: () => ({
      routes: (routes?.list() ?? []) as readonly SessionRoute[],
      policies: (policies?.list() ?? []) as readonly SessionRoutePolicy[],
      namespaces: (namespaces?.list() ?? []) as readonly Namespace[],
    }),
    async stop() {
      await Promise.all(watches.map((watch) => watch.stop()));
    },
  };
}

interface Listeners {
  readonly onChange: () => void;
  readonly onWatch: (problem: string | undefined) => void;
}

function keepWatching(
  cluster: Pick<Cluster, 'informer'>,
  kind: ResourceKind,
  { onChange, onWatch }: Listeners,
): { readonly informer: Informer; stop(): Promise<void> } {
  const backoff = createBackoff(RESTART);
  let timer: NodeJS.Timeout | undefined;
  let [isStopped, isUp] = [false, undefined as boolean | undefined];
  const tell = (problem: string | undefined) => {
    if (isUp === (problem === undefined)) return;
    isUp = problem === undefined;
    onWatch(problem);
  };
  const informer = cluster.informer(kind, {
    onChange,
    onUp() {
      backoff.reset();
      tell(undefined);
    },
    onDown(problem) {
      if (isStopped) return;
      tell(problem);
      clearTimeout(timer);
      timer = setTimeout(() => void informer.start(), backoff.nextMs()).unref();
    },
  });
  void informer.start();
  return {
    informer,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await informer.stop();
    },
  };
}
