/** The program and an API server that comes, goes, and forgets; test/cluster/session-routes.test.ts has a real one. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { createSessionId, partitionOf, sessionRef } from '../../src/session/ref.ts';
import { createStandInApiServer, type StandInApiServer } from '../parts/api-server-stand-in.ts';
import { startProgram, type Program } from '../parts/program.ts';
import { createIssuerKey, startTestIssuer } from '../parts/test-issuer.ts';
import { snapshotOf } from '../unit/kubernetes/resources.ts';

// A whole program is started: a minute for a machine that is busy.
vi.setConfig({ testTimeout: 90_000 });

const BROUGHT = {
  title: 'shop/cart',
  spec: { routes: [{ match: { host: 'shop.test', path: '/cart' }, require: { public: true } }] },
};
const WITH_AN_APP = {
  title: 'shop/other',
  spec: {
    app: { serviceAccounts: ['default'] },
    routes: [{ match: { host: 'shop.test', path: '/other' }, require: { public: true } }],
  },
};
const GRANT = { namespaces: ['shop'], hosts: ['shop.test'], openRoutes: ['public'] };
const granted = snapshotOf({ routes: [BROUGHT], policies: [GRANT], namespaces: { shop: {} } });
const withdrawn = snapshotOf({ routes: [BROUGHT], policies: [], namespaces: { shop: {} } });

const OWN_ROUTE = { match: { host: 'own.test', path: '/' }, require: { public: true } };

const start = (
  { kubeconfig }: StandInApiServer,
  { apps = {}, kubernetes = {} }: { readonly apps?: object; readonly kubernetes?: object } = {},
) =>
  startProgram({
    config: {
      apps,
      routes: [OWN_ROUTE],
      kubernetes: { sessionRoutes: true, kubeconfigFile: 'kubeconfig', ...kubernetes },
    },
    files: { kubeconfig, 'cart.json': '{}' },
    startedAt: '/livez',
  });

const TIMEOUT_MS = 45_000;

async function readiness({ ops }: Program) {
  const answer = await fetch(`${ops}/readyz`);
  return { status: answer.status, text: await answer.text() };
}

async function untilMetrics({ ops }: Program, line: RegExp): Promise<void> {
  const isThere = async () => line.test(await (await fetch(`${ops}/metrics`)).text());
  await waitUntil(isThere, { what: line.source, timeoutMs: TIMEOUT_MS });
}

async function untilAnswers(program: Program, host: string, path: string, status = 200): Promise<void> {
  const answers = async () => (await program.check(host, path)) === status;
  await waitUntil(answers, { what: `${host}${path} being answered ${status}`, timeoutMs: TIMEOUT_MS });
}

/** Of the route that the SessionRoute brings. */
const untilCart = (program: Program, status: number) => untilAnswers(program, 'shop.test', '/cart', status);

test('E3 started without an API server it is not ready and denies what it does not know, until the API server is there', async () => {
  await using apiServer = await createStandInApiServer(granted);
  await using program = await start(apiServer);
  await untilMetrics(program, /^singlestate_kubernetes_watch_up\{resource="sessionroutes"\} 0$/m);
  const { status, text } = await readiness(program);
  expect([status, text]).toEqual([503, expect.stringMatching(/session-routes failed: .*can't be watched/)]);
  expect(await program.check('own.test', '/')).toBe(200);
  expect(await program.check('shop.test', '/cart')).toBe(403);
  await apiServer.start();
  await untilCart(program, 200);
  expect(await readiness(program)).toMatchObject({ status: 200 });
  await untilMetrics(program, /^singlestate_kubernetes_watch_up\{resource="sessionroutes"\} 1$/m);
  await untilMetrics(program, /^singlestate_session_routes\{verdict="accepted"\} 1$/m);
});

test('H2 an API server that goes takes nothing along: it stays ready, and its routes decide', async () => {
  const apiServer = await createStandInApiServer(granted);
  await apiServer.start();
  await using program = await start(apiServer);
  await untilCart(program, 200);
  await apiServer[Symbol.asyncDispose]();
  await untilMetrics(program, /^singlestate_kubernetes_watch_up\{resource="namespaces"\} 0$/m);
  expect(await program.check('shop.test', '/cart')).toBe(200);
  expect(await readiness(program)).toMatchObject({ status: 200 });
});

test('E3 an API server that has forgotten what happened since (410) is asked for everything again', async () => {
  await using apiServer = await createStandInApiServer(granted);
  await apiServer.start();
  await using program = await start(apiServer);
  await untilCart(program, 200);
  apiServer.snapshot = withdrawn;
  apiServer.expireWatches();
  await untilCart(program, 403);
  expect(await program.check('own.test', '/')).toBe(200);
});

test('D1 while the platform that vouches for apps is down, one that was known stays known: through a SessionRoute that brings another, and a reload', async () => {
  const key = await createIssuerKey('ES256', 'platform');
  await using platform = await startTestIssuer(key);
  platform.metadata = { id_token_signing_alg_values_supported: ['ES256'] };
  const { issuer } = platform;
  await using apiServer = await createStandInApiServer(granted);
  await apiServer.start();
  const identity = { issuer, subject: 'billing', audience: 'singlestate' };
  const apps = { billing: { identities: [identity], writes: { cart: 'cart.json' } } };
  await using program = await start(apiServer, { apps, kubernetes: { serviceAccounts: { issuer } } });
  await untilCart(program, 200);

  const ref = sessionRef(createSessionId(partitionOf('https://idp.test', 'nobody')));
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: issuer, sub: 'billing', aud: 'singlestate', iat: now, exp: now + 300 };
  const bearer = await key.sign(claims);
  const write = async () => {
    const { status } = await fetch(`${program.api}/singlestate.session.v1.SessionService/UpdateSession`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
      body: JSON.stringify({
        ref,
        expected_version: 1,
        reason: 'test',
        changes: [{ slice: 'cart', value: {} }],
      }),
    });
    return status;
  };
  expect(await write()).toBe(404);
  await platform.stop();

  apiServer.snapshot = snapshotOf({
    routes: [BROUGHT, WITH_AN_APP],
    policies: [GRANT],
    namespaces: { shop: {} },
  });
  apiServer.expireWatches();
  await untilMetrics(program, /^singlestate_session_routes\{verdict="accepted"\} 2$/m);
  expect(await write()).toBe(404);

  const file = join(program.folder, 'singlestate.yaml');
  const config = JSON.parse(await readFile(file, 'utf8')) as { readonly routes: readonly object[] };
  const more = { match: { host: 'own.test', path: '/new' }, require: { public: true } };
  await writeFile(file, JSON.stringify({ ...config, routes: [...config.routes, more] }));
  await untilAnswers(program, 'own.test', '/new');
  expect(await write()).toBe(404);
  expect(platform.requests).toEqual(['/.well-known/openid-configuration', '/jwks']);
});
