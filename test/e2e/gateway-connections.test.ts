/** Connections from gateways that move while requests go on. */
import { expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { caddy, envoyOverHttp } from '../parts/gateways.ts';
import { createBed } from './bed.ts';
import { startLoad } from './load.ts';

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
