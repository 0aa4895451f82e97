import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { startForwarder, type Forwarder } from '../parts/forwarder.ts';
import { startReplicas, type Opened, type Replicas } from '../parts/replicas.ts';
import { createNamespace, type Namespace } from './kubernetes.ts';
import {
  acceptedOf,
  applyCrds,
  createProgramAccount,
  removeProgramAccount,
  sessionRoute,
  sessionRoutePolicy,
  type Accepted,
} from './session-route-objects.ts';

const MINUTE = 60_000;
const SUFFIX = randomBytes(3).toString('hex');
const POLICY = `shop-${SUFFIX}`;
/** What the replicas of the tests are asked for. */
const HOST = 'app.test';

let shop: Namespace;
let bank: Namespace;
let folder: string;
let forwarder: Forwarder;
let server: URL;
let replicas: Replicas;
let session: Opened;

beforeAll(async () => {
  shop = await createNamespace(`shop-${SUFFIX}`);
  bank = await createNamespace(`bank-${SUFFIX}`);
  await applyCrds(shop);
  folder = await mkdtemp(join(tmpdir(), 'session-routes-'));
  forwarder = await startForwarder();
  server = new URL(
    (
      await shop.kubectl(['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}'])
    ).trim(),
  );
  connect();
  replicas = await startReplicas(2, {
    config: { kubernetes: await kubernetesConfig() },
    readyWithinMs: 2 * MINUTE,
  });
  session = await replicas.open('alice');
}, 4 * MINUTE);

afterAll(async () => {
  await (replicas as Replicas | undefined)?.[Symbol.asyncDispose]();
  await forwarder[Symbol.asyncDispose]();
  await shop.kubectl(['delete', 'sessionroutepolicy', POLICY, '--ignore-not-found']);
  await removeProgramAccount(shop);
  await Promise.all([shop.remove(), bank.remove()]);
  await rm(folder, { recursive: true });
}, 4 * MINUTE);

const connect = () => forwarder.leadTo(Number(server.port || 443), server.hostname);

/** The replicas reach the API server through the forwarder, as an account that may do what the chart's may, and no more. */
async function kubernetesConfig(): Promise<object> {
  const token = await createProgramAccount(shop);
  const ca = await shop.kubectl(['get', 'configmap', 'kube-root-ca.crt', '-o', 'jsonpath={.data.ca\\.crt}']);
  const file = (name: string) => join(folder, name);
  await writeFile(file('ca.crt'), ca);
  await writeFile(file('token'), token);
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'c',
        cluster: {
          server: forwarder.url.replace('http:', 'https:'),
          'tls-server-name': 'kubernetes.default.svc',
          'certificate-authority': file('ca.crt'),
        },
      },
    ],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(file('kubeconfig'), JSON.stringify(kubeconfig));
  const discovery = await shop.kubectl(['get', '--raw', '/.well-known/openid-configuration']);
  const { issuer } = JSON.parse(discovery) as { readonly issuer: string };
  const jwksUrl = new URL('/openid/v1/jwks', server).href;
  return {
    sessionRoutes: true,
    kubeconfigFile: file('kubeconfig'),
    serviceAccounts: { issuer, jwksUrl, caFile: file('ca.crt'), tokenFile: file('token') },
  };
}

const at = (path: string, more: object = {}) => ({
  match: { host: HOST, path },
  require: { session: true },
  ...more,
});
const BASKET = { type: 'object', properties: { items: { type: 'integer' } }, required: ['items'] };

const routes = (...paths: readonly string[]) => ({ routes: paths.map((path) => at(path)) });

const grant = (more: object = {}) =>
  shop.apply(sessionRoutePolicy(POLICY, { namespaces: [shop.name], hosts: [HOST], ...more }));

async function untilJudged(namespace: Namespace, name: string, is: (accepted: Accepted) => boolean) {
  let accepted: Accepted | undefined;
  const judged = async () => {
    accepted = await acceptedOf(namespace, name);
    return accepted !== undefined && is(accepted);
  };
  await waitUntil(judged, { what: `a verdict on ${name} as it is wanted`, timeoutMs: MINUTE });
  return accepted;
}

/** On every replica. */
async function untilAnswered(path: string, reason: string | undefined): Promise<void> {
  const answered = async () => {
    const answers = await Promise.all(replicas.replicas.map((replica) => replica.check(session.token, path)));
    return answers.every((answer) => answer.reason === reason && answer.allowed === (reason === undefined));
  };
  await waitUntil(answered, { what: `${reason ?? 'an allow'} for ${path}`, timeoutMs: MINUTE });
}

const logged = async (line: string) => {
  const logs = await Promise.all(
    replicas.replicas.map((_, index) => readFile(join(replicas.folder, `replica-${index}.log`), 'utf8')),
  );
  return logs.every((log) => log.includes(line));
};

describe('the API server refuses at once', () => {
  test.each([
    [
      'two requirements',
      at('/', { require: { session: true, public: true } }),
      'must have exactly one of all, any',
    ],
    ['no requirement', at('/', { require: {} }), 'must have exactly one of all, any'],
    ['a rest that is not the end', at('/{rest*}/a'), 'must be the last segment'],
    ['an empty segment', at('/a//b'), 'must have no empty segment'],
    ['every host', { ...at('/'), match: { host: '*', path: '/' } }, 'spec.routes[0].match.host'],
    ['no host', { ...at('/'), match: { path: '/' } }, 'spec.routes[0].match.host'],
    [
      'a duration without a unit',
      at('/', { authentication: { maxAge: '300' } }),
      'spec.routes[0].authentication.maxAge',
    ],
    ['a mode that there is not', at('/', { mode: 'off' }), 'spec.routes[0].mode'],
  ])('E3 a SessionRoute with %s', async (_, route, says) => {
    await expect(shop.apply(sessionRoute('wrong', { routes: [route] }))).rejects.toThrow(says);
  });

  test('C2 a name of a slice that can be no header', async () => {
    const app = { writes: { 'Cart!': { type: 'object' } } };
    await expect(shop.apply(sessionRoute('wrong', { app, ...routes('/') }))).rejects.toThrow(
      'each name must be',
    );
  });

  test.each([
    ['no namespaces', {}, 'exactly one of namespaces'],
    ['two ways to name them', { namespaces: ['a'], namespaceSelector: {} }, 'exactly one of namespaces'],
    [
      'an expression without values',
      { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      'values are for In and NotIn',
    ],
  ])('E3 a SessionRoutePolicy with %s', async (_, who, says) => {
    await expect(shop.apply(sessionRoutePolicy(POLICY, { hosts: [HOST], ...who }))).rejects.toThrow(says);
  });
});

describe('a SessionRoute', () => {
  test('E3 that no policy grants is refused, and one event says so, whatever the number of replicas', async () => {
    await bank.apply(sessionRoute('vault', routes('/vault')));
    const accepted = await untilJudged(bank, 'vault', ({ status }) => status === 'False');
    expect(accepted).toMatchObject({
      reason: 'HostNotGranted',
      message: `spec.routes[0].match.host: no SessionRoutePolicy grants ${HOST} to this namespace`,
    });
    await untilAnswered('/vault', 'no_route');
    const events = async () => {
      const listed = await bank.kubectl(['get', 'events.events.k8s.io', '-o', 'json']);
      return (JSON.parse(listed) as { readonly items: readonly { readonly reason: string }[] }).items;
    };
    await waitUntil(async () => (await events()).length > 0, { what: 'the event', timeoutMs: MINUTE });
    expect((await events()).map(({ reason }) => reason)).toEqual(['HostNotGranted']);
    expect(await bank.kubectl(['get', 'sessionroutes'])).toMatch(/vault +False +HostNotGranted/);
  });

  test('H2 that a policy grants decides about requests, on every replica', async () => {
    await grant();
    await shop.apply(sessionRoute('cart', routes('/cart/{id}')));
    await untilJudged(shop, 'cart', ({ status }) => status === 'True');
    await untilAnswered('/cart/7', undefined);
    await untilAnswered('/other', 'no_route');
    expect(await shop.kubectl(['get', 'sessionroutes'])).toMatch(/cart +True +Accepted/);
  });

  test('E3 with a key that is not known is refused, and loses the routes that it had', async () => {
    await shop.apply(sessionRoute('typo', routes('/typo')));
    await untilAnswered('/typo', undefined);
    await shop.apply(sessionRoute('typo', { routes: [at('/typo', { autentication: { amr: ['otp'] } })] }));
    const accepted = await untilJudged(shop, 'typo', ({ reason }) => reason === 'Invalid');
    expect(accepted?.message).toContain(
      'spec.routes[0].autentication: is not a known key; did you mean "authentication"?',
    );
    await untilAnswered('/typo', 'no_route');
  });

  test('E3 that is open needs a policy that says so', async () => {
    await shop.apply(sessionRoute('open', { routes: [at('/open', { require: { public: true } })] }));
    await untilJudged(shop, 'open', ({ reason }) => reason === 'OpenRouteNotGranted');
    await grant({ openRoutes: ['public'] });
    await untilJudged(shop, 'open', ({ status }) => status === 'True');
    await untilAnswered('/open', undefined);
  });

  test('E3 that wants what an older one has is refused, until that one goes', async () => {
    await shop.apply(sessionRoute('same', routes('/cart/{number}')));
    const accepted = await untilJudged(shop, 'same', ({ reason }) => reason === 'Conflict');
    expect(accepted?.message).toContain(`ties with routes[0] of SessionRoute ${shop.name}/cart`);
    await shop.kubectl(['delete', 'sessionroute', 'cart']);
    await untilJudged(shop, 'same', ({ status }) => status === 'True');
  });

  test('C2 B1 lets a service account of its namespace write what a policy grants, by its own JSON Schema', async () => {
    await grant({ openRoutes: ['public'], writes: ['basket'] });
    const app = { serviceAccounts: ['default'], writes: { basket: BASKET } };
    await shop.apply(sessionRoute('basket', { app, ...routes('/basket') }));
    await untilJudged(shop, 'basket', ({ status }) => status === 'True');
    await untilAnswered('/basket', undefined);
    const account = ['create', 'token', 'default', '--audience', 'singlestate'];
    const write = async (namespace: Namespace, value: object) => {
      const body = {
        ref: session.ref,
        expected_version: 1,
        reason: 'test',
        changes: [{ slice: 'basket', value }],
      };
      const url = `${replicas.replicas[0]?.api ?? ''}/singlestate.session.v1.SessionService/UpdateSession`;
      const authorization = `Bearer ${(await namespace.kubectl(account)).trim()}`;
      const headers = { 'content-type': 'application/json', authorization };
      return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status;
    };
    expect(await write(bank, { items: 1 })).toBe(401);
    expect(await write(shop, { things: 1 })).toBe(400);
    expect(await write(shop, { items: 1 })).toBe(200);
  });
});

describe('a policy that is withdrawn', () => {
  test('E3 takes the routes with it, and those of others stay', async () => {
    await grant({ hosts: ['elsewhere.test'] });
    await untilJudged(shop, 'same', ({ reason }) => reason === 'HostNotGranted');
    await untilAnswered('/cart/7', 'no_route');
    await untilAnswered('/me', undefined);
  });
});

describe('without the API server', () => {
  test(
    'the last good state decides, and what was missed is caught up with',
    async () => {
      await grant();
      await untilAnswered('/cart/7', undefined);
      forwarder.leadTo(undefined);
      const away = () => logged('the API server is out of reach, the last good state stays');
      await waitUntil(away, { what: 'replicas that notice', timeoutMs: MINUTE });
      await shop.kubectl(['delete', 'sessionroute', 'same']);
      await shop.apply(sessionRoute('new', routes('/new')));
      await untilAnswered('/cart/7', undefined);
      await untilAnswered('/new', 'no_route');
      connect();
      await untilAnswered('/new', undefined);
      await untilAnswered('/cart/7', 'no_route');
      await untilJudged(shop, 'new', ({ status }) => status === 'True');
    },
    3 * MINUTE,
  );
});
