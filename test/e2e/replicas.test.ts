/** Several replicas behind a real Envoy, over both transports, some of which end while requests go on. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { parseDocument, type Document } from 'yaml';
import { startPart, untilReady, type Part } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk, waitUntil } from '../../quickstart/wait.ts';
import { envoyOverGrpc, envoyOverHttp } from '../parts/gateways.ts';
import { createBed, EXT_AUTHZ, type Bed, type BedGateway } from './bed.ts';
import { startLoad, type Load } from './load.ts';

// Whole programs are started, and a thousand requests made, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'singlestate');
const CLUSTER = ['static_resources', 'clusters', 0] as const;

/** Ports on 127.0.0.1. */
interface Listeners {
  readonly check: number;
  readonly http: number;
  readonly api: number;
  readonly ops: number;
}

const freeListeners = async (): Promise<Listeners> => ({
  check: await freePort(),
  http: await freePort(),
  api: await freePort(),
  ops: await freePort(),
});

interface Transport {
  readonly transport: string;
  readonly gatewayWith: typeof envoyOverGrpc;
  readonly endpointOf: (listeners: Listeners) => object;
}

const GRPC: Transport = {
  transport: 'gRPC',
  gatewayWith: envoyOverGrpc,
  endpointOf: ({ check }: Listeners) => ({
    address: { socket_address: { address: '127.0.0.1', port_value: check } },
  }),
};

const HTTP: Transport = {
  transport: 'HTTP',
  gatewayWith: envoyOverHttp,
  endpointOf: ({ http, ops }: Listeners) => ({
    address: { socket_address: { address: '127.0.0.1', port_value: http } },
    health_check_config: { port_value: ops },
  }),
};

/** The shipped Envoy, which knows more replicas than the bed's own. */
function gatewayOf(
  { gatewayWith, endpointOf }: Transport,
  more: readonly Listeners[],
  change: (document: Document) => void = () => undefined,
): BedGateway {
  return gatewayWith((text) => {
    const document = parseDocument(text);
    const endpoints = [...CLUSTER, 'load_assignment', 'endpoints', 0, 'lb_endpoints'];
    for (const listeners of more) document.addIn(endpoints, { endpoint: endpointOf(listeners) });
    change(document);
    return document.toString({ lineWidth: 0 });
  });
}

type Replica = Part & AsyncDisposable;

async function startReplica(bed: Bed, listeners: Listeners, check: object = {}): Promise<Replica> {
  const folder = dirname(bed.configFile);
  const config = parseDocument(await readFile(bed.configFile, 'utf8'));
  const { listen } = config.toJS() as { readonly listen: Partial<Listeners> };
  for (const name of Object.keys(listen) as (keyof Listeners)[])
    config.setIn(['listen', name], `127.0.0.1:${listeners[name]}`);
  for (const [name, value] of Object.entries(check)) config.setIn(['check', name], value);
  const configFile = join(folder, `replica-${listeners.ops}.yaml`);
  await writeFile(configFile, config.toString());
  const replica = await startPart({
    name: 'the replica',
    command: BIN,
    args: ['serve', '--config', configFile],
    logFile: join(folder, `replica-${listeners.ops}.log`),
  });
  const isReady = () => answersOk(`http://127.0.0.1:${listeners.ops}/readyz`);
  await untilReady(replica, isReady, { timeoutMs: 60_000 }).catch(async (error: unknown) => {
    await replica.stop(0);
    throw error;
  });
  return { ...replica, [Symbol.asyncDispose]: () => replica.stop(0) };
}

/** Until Envoy sends some of the load there. */
async function untilLoaded({ ops }: Listeners): Promise<void> {
  const isLoaded = async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${ops}/metrics`)).text();
    return Number(/^singlestate_checks_total\{.*decision="allow".* (\d+)$/m.exec(metrics)?.[1] ?? 0) > 50;
  };
  await waitUntil(isLoaded, { what: 'load on the replica', timeoutMs: 20_000 });
}

/**
 * Eight checks are under way at a time. Until it is known to all of Envoy that nobody is there, some more may go the same
 * way; without outlier detection it would be hundreds.
 */
async function expectHardlyMissed(load: Load): Promise<void> {
  await load.more(300);
  const begunLater = load.statuses.length;
  await load.more(500);
  await load.stop();
  const failed = load.statuses.filter((status) => status !== 200);
  expect(new Set(failed)).toEqual(new Set([503]));
  expect(failed.length).toBeLessThan(50);
  expect(new Set(load.statuses.slice(begunLater))).toEqual(new Set([200]));
}

describe.each([GRPC, HTTP])('replicas that are asked over $transport', (transport) => {
  test('B5 SIGTERM of one of two under load fails no check, and ends with exit code 0', async () => {
    const listeners = await freeListeners();
    const sooner = (document: Document) => {
      document.setIn([...CLUSTER, 'health_checks', 0, 'interval'], '0.1s');
      document.setIn([...CLUSTER, 'health_checks', 0, 'unhealthy_threshold'], 1);
    };
    await using bed = await createBed({ gateway: gatewayOf(transport, [listeners], sooner) });
    await using replica = await startReplica(bed, listeners, { drainDelay: '1s' });
    const load = startLoad(bed, (await bed.open()).token);
    await untilLoaded(listeners);
    process.kill(replica.pid, 'SIGTERM');
    expect(await replica.ended).toBe('exit code 0');
    await load.more(50);
    await load.stop();
    expect(new Set(load.statuses)).toEqual(new Set([200]));
    expect(await readFile(replica.logFile, 'utf8')).toContain('"msg":"stopped"');
  });

  test('B5 SIGKILL of two of three fails the checks that are on their way there, and hardly another', async () => {
    const two = [await freeListeners(), await freeListeners()];
    await using bed = await createBed({ gateway: gatewayOf(transport, two) });
    await using replicas = new AsyncDisposableStack();
    const victims = [];
    for (const listeners of two) victims.push(replicas.use(await startReplica(bed, listeners)));
    const load = startLoad(bed, (await bed.open()).token);
    for (const listeners of two) await untilLoaded(listeners);
    for (const { pid } of victims) process.kill(pid, 'SIGKILL');
    await expectHardlyMissed(load);
  });
});

test('B5 one of two that hangs fails the checks that it has, and hardly another', async () => {
  const listeners = await freeListeners();
  const byChecksAlone = (document: Document) => {
    document.setIn([...EXT_AUTHZ, 'grpc_service', 'timeout'], '2s');
    document.setIn([...CLUSTER, 'health_checks', 0, 'timeout'], '300s');
    document.setIn([...CLUSTER, 'outlier_detection', 'base_ejection_time'], '300s');
  };
  await using bed = await createBed({ gateway: gatewayOf(GRPC, [listeners], byChecksAlone) });
  await using replica = await startReplica(bed, listeners);
  const load = startLoad(bed, (await bed.open()).token);
  await untilLoaded(listeners);
  process.kill(replica.pid, 'SIGSTOP');
  await expectHardlyMissed(load);
});
