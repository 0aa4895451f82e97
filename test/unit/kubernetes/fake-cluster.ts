/** An API server in memory, with as many clients as wanted, and what can go wrong with a real one. */
import type { Cluster, InformerListeners, ResourceKind } from '../../../src/kubernetes/cluster.ts';
import {
  titleOf,
  type Condition,
  type SessionRoute,
  type Snapshot,
} from '../../../src/kubernetes/resources.ts';

export interface FakeCluster {
  /** What there is; another one is told to every client. */
  snapshot: Snapshot;
  /** Another client of the same API server. */
  connect(): Cluster;
  /** Changes SessionRoutes and tells every client. */
  change(edit: (route: SessionRoute) => SessionRoute): void;
  /** No list comes, and watches end, until it is back. */
  setAway(isAway: boolean): void;
  readonly writes: string[];
  readonly events: string[];
  failWrites: boolean;
}

export function createFakeCluster(first: Snapshot): FakeCluster {
  const clients = new Map<object, InformerListeners>();
  let [snapshot, isAway, version] = [first, false, 1];
  const listOf = (kind: ResourceKind, from: Snapshot): readonly unknown[] =>
    ({ sessionroutes: from.routes, sessionroutepolicies: from.policies, namespaces: from.namespaces })[kind];
  const tellAll = () => {
    if (!isAway) clients.forEach((listeners) => setImmediate(() => listeners.onChange()));
  };
  const fake: FakeCluster = {
    get snapshot() {
      return snapshot;
    },
    set snapshot(next) {
      snapshot = next;
      tellAll();
    },
    writes: [],
    events: [],
    failWrites: false,
    change(edit) {
      version += 1;
      const edited = snapshot.routes.map((route) => {
        const next = edit(route);
        return next === route
          ? route
          : { ...next, metadata: { ...next.metadata, resourceVersion: String(version) } };
      });
      fake.snapshot = { ...snapshot, routes: edited };
    },
    setAway(next) {
      isAway = next;
      if (isAway) clients.forEach((listeners) => listeners.onDown('the API server is away'));
    },
    connect: () => ({
      informer(kind, listeners) {
        const key = {};
        let known: readonly unknown[] = [];
        const refresh = () => {
          if (!isAway) known = listOf(kind, snapshot);
          listeners.onChange();
        };
        return {
          start() {
            if (isAway) {
              listeners.onDown('the API server is away');
              return Promise.resolve();
            }
            clients.set(key, { ...listeners, onChange: refresh });
            listeners.onUp();
            setImmediate(refresh);
            return Promise.resolve();
          },
          stop: () => Promise.resolve(void clients.delete(key)),
          list: () => known,
        };
      },
      writeConditions(route, conditions) {
        const title = titleOf(route);
        if (fake.failWrites) return Promise.reject(new Error('refused'));
        const now = snapshot.routes.find((each) => titleOf(each) === title);
        if (now?.metadata.resourceVersion !== route.metadata.resourceVersion)
          return Promise.resolve('superseded');
        fake.writes.push(`${title} ${conditions.find(({ type }) => type === 'Accepted')?.reason ?? ''}`);
        fake.change((each) => (each === now ? withConditions(each, conditions) : each));
        return Promise.resolve('written');
      },
      createEvent(_, event) {
        if (fake.events.includes(event.name)) return Promise.resolve('superseded');
        fake.events.push(event.name);
        return Promise.resolve('written');
      },
    }),
  };
  return fake;
}

function withConditions(route: SessionRoute, conditions: readonly Condition[]): SessionRoute {
  return { ...route, status: { conditions } };
}
