import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { createTestCa } from '../parts/certificates.ts';
import { expectHardlyMissed } from './kill.ts';
import { createNamespace, type Namespace } from './kubernetes.ts';
import { appPod, clientPod, envoyPod, envoyService, IMAGES, providerPod } from './pods.ts';
import { acceptedOf, applyCrds, sessionRoute, sessionRoutePolicy } from './session-route-objects.ts';
import {
  ask,
  callApi,
  createIssuer,
  openSession,
  operatorToken,
  refusedOf,
  startLoad,
  type Issuer,
  type OpenSession,
} from './sessions.ts';
import { chartValues, splitImage } from './values.ts';

const CHART = join(import.meta.dirname, '..', '..', 'helm', 'singlestate');
const MINUTE = 60_000;
const NAME = `singlestate-${randomBytes(3).toString('hex')}`;

let namespace: Namespace;
let issuer: Issuer;
let session: OpenSession;
let values: ReturnType<typeof chartValues> & { readonly sessionRoutes: object };
let folder: string;

const INVOICES = 'http://envoy/invoices';
const withToken = (url: string, { token } = session, headers: Readonly<Record<string, string>> = {}) =>
  ask(namespace, url, { headers: { authorization: `Bearer ${token}`, ...headers } });
const statusOf = async (url: string, from = session) => (await withToken(url, from)).status;

async function release(verb: 'install' | 'upgrade', change: object = {}): Promise<void> {
  const file = join(folder, 'values.json');
  await writeFile(file, JSON.stringify({ ...values, ...change }));
  await namespace.helm([verb, 'singlestate', CHART, '--values', file, '--wait', '--timeout', '240s']);
}

const REPLICAS = ['pods', '-l', 'app.kubernetes.io/component=server'] as const;

interface Replica {
  readonly name: string;
  readonly image: string | undefined;
}

/** Those that stay: one that is ending serves nobody any more. */
async function replicas(): Promise<readonly Replica[]> {
  const { items } = JSON.parse(await namespace.kubectl(['get', ...REPLICAS, '-o', 'json'])) as {
    readonly items: readonly {
      readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
      readonly spec: { readonly containers: readonly { readonly image: string }[] };
    }[];
  };
  const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return staying.map(({ metadata: { name }, spec }) => ({ name, image: spec.containers[0]?.image }));
}

const names = async () => (await replicas()).map(({ name }) => name).sort();
const images = async () => new Set((await replicas()).map(({ image }) => image));

/** Of those that stay: waiting for one that goes meanwhile would fail. */
async function replicasReady(): Promise<void> {
  const pods = (await names()).map((name) => `pod/${name}`);
  await namespace.kubectl(['wait', ...pods, '--for=condition=Ready', '--timeout=60s']);
}

/** Until nobody sees the state from before: the kubelet brings files to pods within a minute or two. */
const FILES_ARRIVE = 3 * MINUTE;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cluster-'));
  namespace = await createNamespace(NAME);
  issuer = await createIssuer('https://provider');
  const ca = createTestCa('provider');
  const discovery = await namespace.kubectl(['get', '--raw', '/.well-known/openid-configuration']);
  const { issuer: clusterIssuer } = JSON.parse(discovery) as { readonly issuer: string };
  values = {
    ...chartValues({ namespace: NAME, issuer, ca: ca.certificate, clusterIssuer }),
    sessionRoutes: { enabled: true, installCrds: false },
  };
  // They are the cluster's, and would outlive the release that brings them.
  await applyCrds(namespace);
  const suffix = `${NAME}.svc.cluster.local`;
  await namespace.apply(
    ...providerPod(issuer.url, { keys: [issuer.key.publicJwk] }, ca.issue({ dns: ['provider'] })),
    ...appPod('billing', 'singlestate'),
    clientPod(),
    ...(await envoyPod({
      singlestate: [`singlestate-check.${suffix}`, 9001],
      'singlestate-api': [`singlestate.${suffix}`, 9003],
      billing: [`billing.${suffix}`, 8081],
    })),
  );
  await namespace.kubectl(['wait', 'pod', '--all', '--for=condition=Ready', '--timeout=120s']);
}, 4 * MINUTE);

afterAll(async () => {
  await namespace.remove();
  await rm(folder, { recursive: true });
}, 3 * MINUTE);

describe('the chart on a cluster that enforces Pod Security "restricted"', () => {
  test(
    'H3 helm install --wait ends when it serves, and helm test passes',
    async () => {
      await release('install');
      expect(await namespace.helm(['test', 'singlestate', '--timeout', '60s'])).toContain('Succeeded');
    },
    5 * MINUTE,
  );

  test(
    'E3 Envoy lets nobody through without a session',
    async () => {
      await waitUntil(async () => (await ask(namespace, INVOICES)).status === 401, {
        what: 'Envoy knowing the replicas',
        timeoutMs: MINUTE,
      });
    },
    2 * MINUTE,
  );

  test('B3 E8 with a session the app is told who it is, whatever the client claims', async () => {
    session = await openSession(namespace, issuer, 'invoices:read');
    const answer = await withToken(INVOICES, session, { 'x-session-subject': 'mallory' });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({
      'x-session-subject': 'alice',
      'x-session-ref': session.ref,
      'x-session-scopes': 'invoices:read',
    });
    expect(await statusOf('http://envoy/invoices/all')).toBe(403);
  });

  test('C2 an app writes the session as the service account that it is, and no other app can', async () => {
    const token = await namespace.runNode(
      'billing',
      'app',
      `import { readFileSync } from 'node:fs'; process.stdout.write(readFileSync('/identity/token', 'utf8'));`,
    );
    const change = { ref: session.ref, expected_version: session.version, reason: 'cart.item_added' };
    const body = { ...change, changes: [{ slice: 'cart', value: { items: 1 } }] };
    const written = await callApi(namespace, 'UpdateSession', token, body);
    expect(written).toMatchObject({ status: 200 });
    const shown = JSON.parse((await withToken(INVOICES)).body) as Readonly<Record<string, string>>;
    const cart = Buffer.from(shown['x-session-slice-cart'] ?? '', 'base64url').toString();
    expect(JSON.parse(cart)).toEqual({ items: 1 });
    const account = ['create', 'token', 'default', '--audience', 'singlestate'];
    const other = (await namespace.kubectl(account)).trim();
    expect((await callApi(namespace, 'UpdateSession', other, body)).status).toBe(401);
  });

  test('E6 a revocation holds from the next request on', async () => {
    const revoked = await openSession(namespace, issuer, 'invoices:read');
    expect(await statusOf(INVOICES, revoked)).toBe(200);
    await callApi(namespace, 'RevokeSession', await operatorToken(issuer), {
      ref: revoked.ref,
      reason: 'test',
    });
    expect(await statusOf(INVOICES, revoked)).toBe(401);
  });

  test(
    'a change of the configuration is taken up by the pods that run',
    async () => {
      const before = await names();
      const route = { match: { path: '/new' }, app: 'billing', require: { session: true } };
      expect(await statusOf('http://envoy/new')).toBe(403);
      values.config.routes.push(route as never);
      await release('upgrade');
      const taken = async () => (await statusOf('http://envoy/new')) === 200;
      await waitUntil(taken, { what: 'the new route', timeoutMs: FILES_ARRIVE });
      expect(await names()).toEqual(before);
    },
    5 * MINUTE,
  );

  test(
    'H2 a SessionRoute of an app team decides as far as a policy lets it, and what no policy grants is refused',
    async () => {
      const hostOf = (name: string) => `${name}.${NAME}.svc.cluster.local`;
      const routeTo = (name: string) =>
        sessionRoute(name, {
          app: { reads: { scopes: ['invoices:*'] } },
          routes: [{ match: { host: hostOf(name), path: '/brought' }, require: { all: ['invoices:read'] } }],
        });
      const granted = { namespaces: [NAME], hosts: [hostOf('granted')], reads: { scopes: ['invoices:*'] } };
      await namespace.apply(
        envoyService('granted'),
        envoyService('foreign'),
        sessionRoutePolicy(NAME, granted),
        routeTo('granted'),
        routeTo('foreign'),
      );
      const reasonOf = async (name: string) => (await acceptedOf(namespace, name))?.reason;
      const areJudged = async () => (await reasonOf('granted')) !== undefined && reasonOf('foreign');
      await waitUntil(async () => Boolean(await areJudged()), { what: 'the verdicts', timeoutMs: MINUTE });
      expect([await reasonOf('granted'), await reasonOf('foreign')]).toEqual(['Accepted', 'HostNotGranted']);
      const at = (name: string) => withToken(`http://${hostOf(name)}/brought`);
      const isTaken = async () => (await at('granted')).status === 200;
      await waitUntil(isTaken, { what: 'the route at every replica', timeoutMs: MINUTE });
      const shown = JSON.parse((await at('granted')).body) as object;
      expect(shown).toMatchObject({ host: hostOf('granted'), 'x-session-scopes': 'invoices:read' });
      expect((await at('foreign')).status).toBe(403);
      await namespace.kubectl(['delete', `sessionroutepolicy/${NAME}`]);
      const isGone = async () => (await at('granted')).status === 403;
      await waitUntil(isGone, { what: 'the end of what the policy granted', timeoutMs: MINUTE });
    },
    4 * MINUTE,
  );

  test(
    'E9 the CronJob rotates the keys, and what the old ones made stays valid',
    async () => {
      await namespace.kubectl(['create', 'job', '--from=cronjob/singlestate-keys-rotate', 'rotate-now']);
      await namespace.kubectl(['wait', 'job/rotate-now', '--for=condition=Complete', '--timeout=60s']);
      const published = async () => {
        const { body } = await ask(namespace, 'http://singlestate:9003/.well-known/jwks.json');
        return (JSON.parse(body) as { readonly keys: readonly object[] }).keys.length === 2;
      };
      await waitUntil(published, { what: 'the new key', timeoutMs: FILES_ARRIVE });
      expect(await statusOf(INVOICES)).toBe(200);
      await namespace.kubectl(['delete', 'job', 'rotate-now']);
    },
    5 * MINUTE,
  );

  test(
    'B5 an upgrade and a rollback fail no check, and sessions stay',
    async () => {
      const load = await startLoad(namespace, INVOICES, session.token);
      const [repository, tag] = splitImage(IMAGES.next);
      await release('upgrade', { image: { repository, tag } });
      expect(await images()).toEqual(new Set([IMAGES.next]));
      await namespace.helm(['rollback', 'singlestate', '--wait', '--timeout', '240s']);
      expect(await images()).toEqual(new Set([IMAGES.singlestate]));
      const { 200: passed = 0, ...others } = (await load.stop()).before;
      expect(others).toEqual({});
      expect(passed).toBeGreaterThan(1_000);
      expect(await statusOf(INVOICES)).toBe(200);
    },
    8 * MINUTE,
  );

  test(
    'B5 a replica whose container is killed fails the checks that it has, and hardly another',
    async () => {
      const [victim = ''] = await names();
      await expectHardlyMissed(namespace, victim, { url: INVOICES, token: session.token });
    },
    3 * MINUTE,
  );

  test(
    'B5 a replica that is deleted by force is replaced, and hardly missed',
    async () => {
      const [victim = ''] = await names();
      const load = await startLoad(namespace, INVOICES, session.token, 1_000);
      await namespace.kubectl(['delete', 'pod', victim, '--grace-period=0', '--force']);
      const replaced = async () => (await names()).filter((name) => name !== victim).length === 2;
      await waitUntil(replaced, { what: 'another replica', timeoutMs: MINUTE });
      await replicasReady();
      const { before, afterwards } = await load.stop();
      // The kubelet lets its process have two seconds more, and the other one may be there before.
      expect(refusedOf(before) + refusedOf(afterwards)).toBeLessThan(50);
      expect(afterwards[200]).toBeGreaterThan(950);
    },
    3 * MINUTE,
  );

  test(
    'D2 without its store it answers 503, and works again by itself once the store is back',
    async () => {
      await namespace.kubectl(['scale', 'statefulset/singlestate-valkey', '--replicas=0']);
      const answers =
        (status: number, from = session) =>
        async () =>
          (await statusOf(INVOICES, from)) === status;
      await waitUntil(answers(503), { what: 'an outage that shows', timeoutMs: MINUTE });
      await namespace.kubectl(['scale', 'statefulset/singlestate-valkey', '--replicas=1']);
      // Its volume went with the pod, and the sessions with it.
      await waitUntil(answers(401), { what: 'the store being back', timeoutMs: MINUTE });
      await replicasReady();
      const opened = await openSession(namespace, issuer, 'invoices:read');
      expect(await statusOf(INVOICES, opened)).toBe(200);
    },
    3 * MINUTE,
  );

  test(
    'H3 helm uninstall leaves nothing but the keys',
    async () => {
      await namespace.helm(['uninstall', 'singlestate', '--wait']);
      const kinds =
        'deployments,statefulsets,jobs,cronjobs,services,configmaps,secrets,serviceaccounts,roles,rolebindings,' +
        'networkpolicies,poddisruptionbudgets,persistentvolumeclaims';
      const ours = (await namespace.names(kinds)).filter((name) => name.includes('/singlestate'));
      expect(ours).toEqual(['secret/singlestate-sealing-keys', 'secret/singlestate-token-keys']);
      const inTheCluster = await namespace.names('clusterroles,clusterrolebindings');
      expect(inTheCluster.filter((name) => name.includes(NAME))).toEqual([]);
    },
    3 * MINUTE,
  );
});
