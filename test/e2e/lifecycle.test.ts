/** Start, outage, reload and end of a server behind a real Envoy, while requests go on. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { startPart, untilReady } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk, waitUntil } from '../../quickstart/wait.ts';
import { formatAddress } from '../../src/net/address.ts';
import { rotateKeys } from '../../src/token/key-files.ts';
import { createFaults } from '../fakes/faulty-store.ts';
import { changeConfig, createBed, EXT_AUTHZ, type Bed } from './bed.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'singlestate');
const CLUSTER = ['static_resources', 'clusters', 0] as const;

/** Asks again and again over some connections, and keeps every status that was answered. */
function startLoad(bed: Bed, token: string, connections = 8) {
  const statuses: number[] = [];
  let on = true;
  const loops = Array.from({ length: connections }, async () => {
    while (on) statuses.push((await bed.ask('/me', { token })).status);
  });
  return {
    statuses,
    async stop() {
      on = false;
      await Promise.all(loops);
    },
  };
}

test('B5 SIGTERM of one of two replicas under load fails no check, and ends with exit code 0', async () => {
  const ports = { check: await freePort(), api: await freePort(), ops: await freePort() };
  await using bed = await createBed({
    envoy: (document) => {
      const endpoints = [...CLUSTER, 'load_assignment', 'endpoints', 0, 'lb_endpoints'];
      const address = { socket_address: { address: '127.0.0.1', port_value: ports.check } };
      document.addIn(endpoints, { endpoint: { address } });
      document.setIn([...CLUSTER, 'health_checks', 0, 'interval'], '0.1s');
      document.setIn([...CLUSTER, 'health_checks', 0, 'unhealthy_threshold'], 1);
    },
  });
  const config = parseDocument(await readFile(bed.configFile, 'utf8'));
  for (const [name, port] of Object.entries(ports)) config.setIn(['listen', name], `127.0.0.1:${port}`);
  config.setIn(['check', 'drainDelay'], '1s');
  const configFile = join(bed.configFile, '..', 'replica.yaml');
  await writeFile(configFile, config.toString());
  const replica = await startPart({
    name: 'the replica',
    command: BIN,
    args: ['serve', '--config', configFile],
    logFile: join(bed.configFile, '..', 'replica.log'),
  });
  await untilReady(replica, () => answersOk(`http://127.0.0.1:${ports.ops}/readyz`), { timeoutMs: 20_000 });

  const { token } = await bed.open();
  const load = startLoad(bed, token);
  const replicaChecks = async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${ports.ops}/metrics`)).text();
    return Number(/^singlestate_checks_total\{.*decision="allow".* (\d+)$/m.exec(metrics)?.[1] ?? 0);
  };
  await waitUntil(async () => (await replicaChecks()) > 50, {
    what: 'load on the replica',
    timeoutMs: 20_000,
  });
  process.kill(replica.pid, 'SIGTERM');
  await waitUntil(() => answersOk(`http://127.0.0.1:${ports.ops}/readyz`).then((ok) => !ok), {
    what: 'the replica to turn unready',
    timeoutMs: 5_000,
  });
  expect(await replica.ended).toBe('exit code 0');
  const sofar = load.statuses.length;
  await waitUntil(() => Promise.resolve(load.statuses.length > sofar + 50), {
    what: 'more load',
    timeoutMs: 10_000,
  });
  await load.stop();
  expect(new Set(load.statuses)).toEqual(new Set([200]));
  const log = await readFile(replica.logFile, 'utf8');
  expect(log).toContain('"msg":"stopped"');
});

test('a connection that has come of age moves under load, and no check is lost', async () => {
  await using bed = await createBed({ config: { check: { maxConnectionAge: '1s' } } });
  const { token } = await bed.open();
  const load = startLoad(bed, token);
  const connections = async () => {
    const stats = await (
      await fetch(`${bed.admin}/stats?filter=^cluster.singlestate.upstream_cx_total$`)
    ).text();
    return Number(stats.split(' ').at(-1));
  };
  const before = await connections();
  await waitUntil(async () => (await connections()) >= before + 3, {
    what: 'three moves',
    timeoutMs: 20_000,
  });
  await load.stop();
  expect(new Set(load.statuses)).toEqual(new Set([200]));
});

test('D2 while Valkey is gone every protected request is 503 with the cookie kept, and sessions live on', async () => {
  await using bed = await createBed({ config: { store: { deadline: '100ms' } } });
  const { token } = await bed.open();
  const cookie = { cookie: `__Host-session=${token}` };
  expect((await bed.ask('/me', { headers: cookie })).status).toBe(200);
  bed.valkey.pause();
  const outage = await Promise.all(Array.from({ length: 40 }, () => bed.ask('/me', { headers: cookie })));
  for (const answer of outage) {
    expect(answer.status).toBe(503);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.headers['location']).toBeUndefined();
  }
  expect((await bed.ask('/public/a')).status).toBe(200);
  bed.valkey.resume();
  const isBack = async () => (await bed.ask('/me', { headers: cookie })).status === 200;
  await waitUntil(isBack, { what: 'the session after the outage', timeoutMs: 5_000 });
});

test('a changed configuration is taken up, and a bad one changes nothing and is told', async () => {
  await using bed = await createBed();
  expect((await bed.ask('/new')).status).toBe(403);
  const route = '  - match: { path: /new }\n    require: { public: true }\n';
  await changeConfig(bed, (text) => text.replace('routes:\n', `routes:\n${route}`));
  const isOpen = async () => (await bed.ask('/new')).status === 200;
  await waitUntil(isOpen, { what: 'the new route', timeoutMs: 10_000 });

  await changeConfig(bed, (text) => `${text}unheardOf: 1\n`);
  await waitUntil(async () => (await bed.metrics()).includes('config_reloads_total{outcome="refused"} 1'), {
    what: 'the refusal',
    timeoutMs: 10_000,
  });
  expect((await bed.ask('/new')).status).toBe(200);
  expect(await bed.metrics()).toContain('singlestate_config_last_reload_successful 0');
  expect(bed.lines.join('')).toContain('unheardOf');
});

test('E9 keys overlap: once a new one is in the folder both are published, and tokens of the old one stay valid', async () => {
  await using bed = await createBed();
  const before = await bed.open();
  await rotateKeys({ dir: join(bed.configFile, '..', 'keys'), nowMs: Date.now(), activateInMs: 0 });
  const published = async () => {
    const jwks = await fetch(`http://${formatAddress(bed.server.addresses.api)}/.well-known/jwks.json`);
    return ((await jwks.json()) as { readonly keys: readonly unknown[] }).keys.length;
  };
  await waitUntil(async () => (await published()) === 2, { what: 'the new key', timeoutMs: 10_000 });
  expect((await bed.ask('/me', { token: before.token })).status).toBe(200);
});

test('D5 a client that leaves takes its check with it', async () => {
  const { faults, wrapStore } = createFaults();
  await using bed = await createBed({ seams: { wrapStore } });
  const { token } = await bed.open();
  const { promise: asked, resolve } = Promise.withResolvers<undefined>();
  faults.read = () => {
    resolve(undefined);
    return new Promise(() => undefined);
  };
  const left = new AbortController();
  const request = fetch(`${bed.url}/me`, {
    headers: { authorization: `Bearer ${token}` },
    signal: left.signal,
  });
  await asked;
  left.abort();
  await expect(request).rejects.toThrow();
  faults.read = undefined;
  expect((await bed.ask('/me', { token })).status).toBe(200);
});

test('D5 a shorter deadline of the caller is kept', async () => {
  const { faults, wrapStore } = createFaults();
  await using bed = await createBed({
    config: { check: { deadline: '30s' } },
    seams: { wrapStore },
    envoy: (document) => document.setIn([...EXT_AUTHZ, 'grpc_service', 'timeout'], '0.3s'),
  });
  const { token } = await bed.open();
  faults.read = () => new Promise(() => undefined);
  expect((await bed.ask('/me', { token })).status).toBe(503);
  const isLogged = () => Promise.resolve(bed.lines.some((line) => line.includes('"deadline_exceeded"')));
  await waitUntil(isLogged, { what: 'the deadline in the log', timeoutMs: 5_000 });
});
