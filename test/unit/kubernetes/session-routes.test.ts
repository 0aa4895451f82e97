import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Verdict } from '../../../src/kubernetes/reasons.ts';
import { startSessionRoutes, type SessionRoutes } from '../../../src/kubernetes/session-routes.ts';
import { titleOf, type Snapshot } from '../../../src/kubernetes/resources.ts';
import { createFakeCluster, type FakeCluster } from './fake-cluster.ts';
import { sessionAt, snapshotOf } from './resources.ts';

const MINUTE = 60_000;
const FIRST = snapshotOf({
  routes: [
    { title: 'shop/good', spec: { routes: sessionAt('shop.test/') } },
    { title: 'shop/bad', spec: { routes: sessionAt('bank.test/') } },
  ],
  policies: [],
});

let cluster: FakeCluster;
let replicas: Replica[];
beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2030, 0, 1) });
  cluster = createFakeCluster(FIRST);
  replicas = [];
});
afterEach(async () => {
  await Promise.all(replicas.map(({ routes }) => routes.stop()));
  vi.useRealTimers();
});

interface Replica {
  readonly routes: SessionRoutes;
  readonly applied: Snapshot[];
  readonly watches: string[];
  readonly failures: unknown[];
}

type Judge = (title: string) => Pick<Verdict, 'reason' | 'message'>;

const OPINION: Judge = (title) =>
  title.endsWith('bad')
    ? { reason: 'HostNotGranted', message: 'no' }
    : { reason: 'Accepted', message: 'its routes decide about requests' };

function startReplica(judge: Judge = OPINION, fail: () => boolean = () => false): Replica {
  const [applied, watches, failures]: [Snapshot[], string[], unknown[]] = [[], [], []];
  const routes: SessionRoutes = startSessionRoutes({
    cluster: cluster.connect(),
    instance: `replica-${replicas.length}`,
    now: Date.now,
    onWrite: () => undefined,
    onFailure: (title) => failures.push(title),
    onFault: (error) => failures.push(error),
    onWatch: (kind, problem) => watches.push(`${kind} ${problem ?? 'up'}`),
    apply(snapshot) {
      if (fail()) return Promise.reject(new Error('not now'));
      applied.push(snapshot);
      const verdicts = snapshot.routes.map((route): [string, Verdict] => {
        const { uid, generation } = route.metadata;
        return [titleOf(route), { uid, generation, ...judge(titleOf(route)) }];
      });
      routes.judged(new Map(verdicts));
      return Promise.resolve();
    },
  });
  const replica = { routes, applied, watches, failures };
  replicas.push(replica);
  return replica;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const conditionsOf = (title: string) =>
  cluster.snapshot.routes.find((route) => titleOf(route) === title)?.status?.conditions;
const edit = (title: string, generation: number) =>
  cluster.change((route) =>
    titleOf(route) === title ? { ...route, metadata: { ...route.metadata, generation } } : route,
  );

describe('changes', () => {
  test('are applied once what comes within a moment is there', async () => {
    const { applied } = startReplica();
    await pass(1_000);
    expect(applied).toHaveLength(1);
    edit('shop/good', 2);
    edit('shop/good', 3);
    edit('shop/bad', 2);
    await pass(1_000);
    expect(applied).toHaveLength(2);
    expect(applied[1]?.routes.map(({ metadata }) => metadata.generation)).toEqual([3, 2]);
  });

  test('of statuses are none', async () => {
    const { applied } = startReplica();
    await pass(10_000);
    expect(cluster.writes).toHaveLength(2);
    expect(applied).toHaveLength(1);
  });

  test('of policies and labels are some', async () => {
    const { applied } = startReplica();
    await pass(1_000);
    cluster.snapshot = {
      ...cluster.snapshot,
      namespaces: [{ metadata: { name: 'shop', labels: { a: 'b' } } }],
    };
    await pass(1_000);
    const metadata = { name: 'p', uid: 'p', generation: 1 };
    cluster.snapshot = { ...cluster.snapshot, policies: [{ metadata, spec: {} }] };
    await pass(1_000);
    expect(applied).toHaveLength(3);
  });

  test('that could not be applied are tried again, and what was before stays until then', async () => {
    let isBroken = true;
    const { applied, failures } = startReplica(OPINION, () => isBroken);
    await pass(1_000);
    expect(applied).toEqual([]);
    expect(failures).toEqual([new Error('not now')]);
    isBroken = false;
    await pass(MINUTE);
    expect(applied).toHaveLength(1);
  });
});

describe('while the API server is away', () => {
  test('nothing is applied before it has listed everything, however long that takes', async () => {
    cluster.setAway(true);
    const { applied, watches } = startReplica();
    await pass(10 * MINUTE);
    expect(applied).toEqual([]);
    expect(watches).toEqual(
      ['sessionroutes', 'sessionroutepolicies', 'namespaces'].map((kind) => `${kind} the API server is away`),
    );
    cluster.setAway(false);
    await pass(MINUTE);
    expect(applied).toHaveLength(1);
  });

  test('the last good state stays, and what was missed is caught up with', async () => {
    const { applied, watches } = startReplica();
    await pass(10_000);
    cluster.setAway(true);
    cluster.snapshot = { routes: [], policies: [], namespaces: [] };
    await pass(10 * MINUTE);
    expect(applied).toHaveLength(1);
    cluster.setAway(false);
    await pass(MINUTE);
    expect(applied).toHaveLength(2);
    expect(applied[1]?.routes).toEqual([]);
    const up = ['namespaces up', 'sessionroutepolicies up', 'sessionroutes up'];
    expect(watches.slice(-3).sort()).toEqual(up);
  });
});

describe('verdicts', () => {
  test('are written as conditions, with an event for a refusal', async () => {
    startReplica();
    await pass(10_000);
    expect(conditionsOf('shop/bad')).toEqual([
      {
        type: 'Accepted',
        status: 'False',
        reason: 'HostNotGranted',
        message: 'no',
        observedGeneration: 1,
        lastTransitionTime: expect.stringMatching(/^2030-01-01T00:00:0\dZ$/) as string,
      },
    ]);
    expect(conditionsOf('shop/good')).toMatchObject([{ status: 'True', reason: 'Accepted' }]);
    expect(cluster.events).toEqual([expect.stringMatching(/^bad\.[0-9a-f]{16}$/)]);
  });

  test('are written once by all replicas together, and once again for another generation', async () => {
    Array.from({ length: 3 }, () => startReplica());
    await pass(10 * MINUTE);
    expect(cluster.writes.toSorted()).toEqual(['shop/bad HostNotGranted', 'shop/good Accepted']);
    expect(cluster.events).toHaveLength(1);
    edit('shop/bad', 2);
    await pass(10 * MINUTE);
    expect(cluster.writes.slice(2)).toEqual(['shop/bad HostNotGranted']);
    expect(cluster.events).toHaveLength(2);
  });

  test('are not written by a replica that starts later and finds them there', async () => {
    startReplica();
    await pass(10_000);
    startReplica();
    await pass(10 * MINUTE);
    expect(cluster.writes).toHaveLength(2);
    expect(cluster.events).toHaveLength(1);
  });

  test('leave the conditions of others, and the time where the status stays', async () => {
    const other = { type: 'Audited', status: 'True', reason: 'Ok', message: '' } as const;
    cluster.change((route) => ({ ...route, status: { conditions: [other] } }));
    startReplica();
    await pass(10_000);
    const [kept, before] = conditionsOf('shop/bad') ?? [];
    expect(kept).toEqual(other);
    edit('shop/bad', 2);
    await pass(10_000);
    expect(conditionsOf('shop/bad')?.[1]).toEqual({ ...before, observedGeneration: 2 });
  });

  test('of replicas that do not agree end in no storm', async () => {
    startReplica();
    startReplica(() => ({ reason: 'Invalid', message: 'I beg to differ' }));
    await pass(60 * MINUTE);
    // Each says it again after 30 s, then after twice as long each time, up to ten minutes.
    expect(cluster.writes.length).toBeGreaterThan(4);
    expect(cluster.writes.length).toBeLessThan(2 * 2 * 12);
  });

  test('that can not be written are tried again, less and less often', async () => {
    cluster.failWrites = true;
    const { failures } = startReplica();
    await pass(30 * MINUTE);
    expect(failures.length).toBeGreaterThan(4);
    expect(failures.length).toBeLessThan(2 * 12);
    cluster.failWrites = false;
    await pass(11 * MINUTE);
    expect(cluster.writes).toHaveLength(2);
  });

  test('of a replica that is behind are not written over those of the others', async () => {
    let isBehind = true;
    startReplica(() => ({ reason: 'Conflict', message: 'as it is' }));
    startReplica(() =>
      isBehind ? { reason: 'Accepted', message: 'as it was' } : { reason: 'Conflict', message: 'as it is' },
    );
    await pass(2_500);
    isBehind = false;
    cluster.snapshot = { ...cluster.snapshot, namespaces: [{ metadata: { name: 'shop' } }] };
    await pass(10 * MINUTE);
    expect(conditionsOf('shop/good')).toMatchObject([{ reason: 'Conflict' }]);
    expect(cluster.writes.filter((write) => write === 'shop/good Accepted').length).toBeLessThan(2);
    expect(cluster.writes.length).toBeLessThan(5);
  });

  test('of what was removed are written no more', async () => {
    startReplica();
    await pass(250);
    cluster.snapshot = { ...cluster.snapshot, routes: [] };
    await pass(MINUTE);
    expect(cluster.writes).toEqual([]);
  });
});
