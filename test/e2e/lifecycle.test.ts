/** Outage and reload of a server behind a real Envoy, and connections that move, while requests go on. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { formatAddress } from '../../src/net/address.ts';
import { rotateKeys } from '../../src/token/key-files.ts';
import { createFaults } from '../fakes/faulty-store.ts';
import { changeConfig, createBed, EXT_AUTHZ } from './bed.ts';
import { startLoad } from './load.ts';

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
