/** The program and an API server that comes, goes, and forgets; test/cluster/session-routes.test.ts has a real one. */
import { expect, test, vi } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { createStandInApiServer, type StandInApiServer } from '../parts/api-server-stand-in.ts';
import { startProgram, type Program } from '../parts/program.ts';
import { snapshotOf } from '../unit/kubernetes/resources.ts';

// A whole program is started: a minute for a machine that is busy.
vi.setConfig({ testTimeout: 90_000 });

const BROUGHT = {
  title: 'shop/cart',
  spec: { routes: [{ match: { host: 'shop.test', path: '/cart' }, require: { public: true } }] },
};
const GRANT = { namespaces: ['shop'], hosts: ['shop.test'], openRoutes: ['public'] };
const granted = snapshotOf({ routes: [BROUGHT], policies: [GRANT], namespaces: { shop: {} } });
const withdrawn = snapshotOf({ routes: [BROUGHT], policies: [], namespaces: { shop: {} } });

const start = ({ kubeconfig }: StandInApiServer) =>
  startProgram({
    config: {
      routes: [{ match: { host: 'own.test', path: '/' }, require: { public: true } }],
      kubernetes: { sessionRoutes: true, kubeconfigFile: 'kubeconfig' },
    },
    files: { kubeconfig },
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

/** Of the route that the SessionRoute brings. */
async function untilCart(program: Program, status: number): Promise<void> {
  const answers = async () => (await program.check('shop.test', '/cart')) === status;
  await waitUntil(answers, { what: `the cart being answered ${status}`, timeoutMs: TIMEOUT_MS });
}

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
