/** The end of one of two replicas that are asked over HTTP, and connections that move, while requests go on. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { startPart, untilReady } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk, waitUntil } from '../../quickstart/wait.ts';
import { caddy, envoyOverHttp } from '../parts/gateways.ts';
import { createBed, type Bed } from './bed.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'singlestate');
const CLUSTER = ['static_resources', 'clusters', 0] as const;

/** Asks again and again over some connections, and keeps every status that was answered. */
function startLoad(bed: Bed, token: string) {
  const statuses: number[] = [];
  let on = true;
  const loops = Array.from({ length: 8 }, async () => {
    while (on) statuses.push((await bed.ask('/me', { token })).status);
  });
  return {
    statuses,
    more: (count: number) => {
      const wanted = statuses.length + count;
      const isThere = () => Promise.resolve(statuses.length >= wanted);
      return waitUntil(isThere, { what: 'more load', timeoutMs: 20_000 });
    },
    async stop() {
      on = false;
      await Promise.all(loops);
    },
  };
}

async function checksOf(opsPort: number): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
  return Number(/^singlestate_checks_total\{.*decision="allow".* (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

test('B5 SIGTERM of one of two replicas under load fails no check over HTTP', async () => {
  const ports = {
    check: await freePort(),
    http: await freePort(),
    api: await freePort(),
    ops: await freePort(),
  };
  const withReplica = (text: string) => {
    const document = parseDocument(text);
    document.addIn([...CLUSTER, 'load_assignment', 'endpoints', 0, 'lb_endpoints'], {
      endpoint: {
        address: { socket_address: { address: '127.0.0.1', port_value: ports.http } },
        health_check_config: { port_value: ports.ops },
      },
    });
    document.setIn([...CLUSTER, 'health_checks', 0, 'interval'], '0.1s');
    document.setIn([...CLUSTER, 'health_checks', 0, 'unhealthy_threshold'], 1);
    return document.toString({ lineWidth: 0 });
  };
  await using bed = await createBed({ gateway: envoyOverHttp(withReplica) });
  const folder = dirname(bed.configFile);
  const config = parseDocument(await readFile(bed.configFile, 'utf8'));
  for (const [name, port] of Object.entries(ports)) config.setIn(['listen', name], `127.0.0.1:${port}`);
  config.setIn(['check', 'drainDelay'], '1s');
  const configFile = join(folder, 'replica.yaml');
  await writeFile(configFile, config.toString());
  const replica = await startPart({
    name: 'the replica',
    command: BIN,
    args: ['serve', '--config', configFile],
    logFile: join(folder, 'replica.log'),
  });
  await untilReady(replica, () => answersOk(`http://127.0.0.1:${ports.ops}/readyz`), { timeoutMs: 20_000 });

  const { token } = await bed.open();
  const load = startLoad(bed, token);
  const isLoaded = async () => (await checksOf(ports.ops)) > 50;
  await waitUntil(isLoaded, { what: 'load on the replica', timeoutMs: 20_000 });
  process.kill(replica.pid, 'SIGTERM');
  expect(await replica.ended).toBe('exit code 0');
  await load.more(50);
  await load.stop();
  expect(new Set(load.statuses)).toEqual(new Set([200]));
});

test.each([
  ['Envoy', envoyOverHttp()],
  ['Caddy', caddy()],
])('a connection from %s that has come of age moves under load, and no check is lost', async (_, gateway) => {
  await using bed = await createBed({ gateway, config: { check: { maxConnectionAge: '1s' } } });
  const { token } = await bed.open();
  const load = startLoad(bed, token);
  const begun = performance.now();
  // Long enough for each connection to have moved twice.
  await waitUntil(() => Promise.resolve(performance.now() > begun + 2_500), {
    what: 'two ages',
    timeoutMs: 5_000,
  });
  await load.more(10);
  await load.stop();
  expect(new Set(load.statuses)).toEqual(new Set([200]));
  expect(load.statuses.length).toBeGreaterThan(100);
});
