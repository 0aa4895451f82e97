import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Listening } from '../../src/net/listener.ts';
import { createHealth, type Health } from '../../src/ops/health.ts';
import { createMetrics, type Metrics } from '../../src/ops/metrics.ts';
import { startOpsServer } from '../../src/ops/ops-server.ts';
import { parseExposition } from '../unit/ops/exposition.ts';

let health: Health;
let metrics: Metrics;
let listening: Listening;

beforeEach(async () => {
  health = createHealth(['store', 'keys']);
  metrics = createMetrics({ version: '1.2.3' });
  const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  listening = await startOpsServer({ address, metrics, health });
});
afterEach(() => listening.close(0));

function port(): number {
  if (listening.address.kind === 'unix') throw new Error('a unix socket has no port');
  return listening.address.port;
}

const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port()}${path}`, { method });

describe('the ops listener', () => {
  it('H4 gives the metrics in the Prometheus text format', async () => {
    metrics.observeCheck('grpc', 'billing', 'deny', 'revoked', 0.001);
    const response = await ask('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const families = parseExposition(await response.text());
    expect(families.get('singlestate_checks_total')?.samples).toEqual([
      {
        name: 'singlestate_checks_total',
        labels: { transport: 'grpc', app: 'billing', decision: 'deny', reason: 'revoked' },
        value: 1,
      },
    ]);
  });

  it('is alive while it is not ready', async () => {
    const response = await ask('/livez');
    expect([response.status, await response.text()]).toEqual([200, 'livez check passed\n']);
  });

  it('D2 is not ready while a check fails, and says which and why', async () => {
    health.fail('store', 'the store is unreachable');
    health.pass('keys');
    const response = await ask('/readyz');
    expect(response.status).toBe(503);
    expect(await response.text()).toBe(
      '[-]store failed: the store is unreachable\n[+]keys ok\nreadyz check failed\n',
    );
  });

  it('is ready while every check passes', async () => {
    health.pass('store');
    health.pass('keys');
    const response = await ask('/readyz');
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toBe('[+]store ok\n[+]keys ok\nreadyz check passed\n');
  });

  it('D2 leaves out of its readiness a check that is excluded, once it has passed', async () => {
    const readyBut = async (query: string) => (await ask(`/readyz?${query}`)).status;
    health.pass('keys');
    expect(await readyBut('exclude=store'), 'before it has ever passed').toBe(503);
    health.pass('store');
    health.fail('store', 'the store is unreachable');
    expect(await readyBut('exclude=store')).toBe(200);
    expect(await readyBut('exclude=keys&exclude=store')).toBe(200);
    for (const query of ['', 'exclude=', 'exclude=sto', 'exclude=keys']) {
      expect(await readyBut(query), query).toBe(503);
    }
    health.fail('keys', 'on purpose');
    expect(await readyBut('exclude=store')).toBe(503);
    health.pass('keys');
    health.drain();
    expect(await readyBut('exclude=store')).toBe(503);
  });

  it('is alive and not ready while it drains', async () => {
    health.pass('store');
    health.pass('keys');
    health.drain();
    const response = await ask('/readyz');
    expect(response.status).toBe(503);
    expect(await response.text()).toBe(
      '[+]store ok\n[+]keys ok\n[-]draining failed: the server is shutting down\nreadyz check failed\n',
    );
    expect((await ask('/livez')).status).toBe(200);
  });

  it.each([
    ['GET', '/livez?verbose', 200],
    ['HEAD', '/livez', 200],
    ['HEAD', '/metrics', 200],
    ['HEAD', '/readyz', 503],
    ['POST', '/livez', 405],
    ['PUT', '/metrics', 405],
    ['DELETE', '/readyz', 405],
    ['GET', '/', 404],
    ['POST', '/', 404],
    ['GET', '/metrics/', 404],
    ['GET', '//metrics', 404],
    ['GET', '/debug', 404],
  ])('answers %s %s with %i', async (method, path, status) => {
    const response = await ask(path, method);
    expect(response.status).toBe(status);
    expect(response.headers.get('allow')).toBe(status === 405 ? 'GET, HEAD' : null);
    expect((await response.text()).length > 0).toBe(method !== 'HEAD');
  });

  it('E2 gives no metric a label that a client chose', async () => {
    await ask('/marker-from-a-client?x=marker-from-a-client', 'PUT');
    await fetch(`http://127.0.0.1:${port()}/`, { headers: { 'user-agent': 'marker-from-a-client' } });
    expect(await (await ask('/metrics')).text()).not.toContain('marker-from-a-client');
  });

  it('answers 500 when the metrics can not be collected', async () => {
    const broken = { ...metrics, expose: () => Promise.reject(new Error('on purpose')) };
    const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
    await listening.close(0);
    listening = await startOpsServer({ address, metrics: broken, health });
    const response = await ask('/metrics');
    expect([response.status, await response.text()]).toEqual([500, 'The metrics could not be collected\n']);
  });

  it('refuses headers of more than 8 KiB, and serves on', async () => {
    const response = await fetch(`http://127.0.0.1:${port()}/livez`, { headers: { big: 'x'.repeat(9_000) } });
    expect(response.status).toBe(431);
    expect((await ask('/livez')).status).toBe(200);
  });

  it('survives connections that are reset half-way', async () => {
    for (const sent of ['', 'GET /met', 'GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n']) {
      const socket = net.connect({ host: '127.0.0.1', port: port() });
      await once(socket, 'connect');
      socket.write(sent, () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    expect((await ask('/livez')).status).toBe(200);
  });

  it('closes at once although a scraper keeps its connection', async () => {
    const agent = new http.Agent({ keepAlive: true });
    const request = http.get({ agent, host: '127.0.0.1', port: port(), path: '/livez' });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
    await listening.close();
    agent.destroy();
  });
});
