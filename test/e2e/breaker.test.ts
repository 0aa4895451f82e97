/** The circuit breaker around the store, with a real Valkey that is stalled and killed while requests go on. */
import { expect, test } from 'vitest';
import { answersOk, waitUntil } from '../../quickstart/wait.ts';
import { formatAddress } from '../../src/net/address.ts';
import { whenStoreAnswers } from '../parts/valkey.ts';
import { createBed, type Answer, type Bed } from './bed.ts';

const CLOSED = { closed: 1, open: 0, half_open: 0 };

/** The value of each series of `singlestate_breaker_state` of the store. */
async function breakerState(bed: Bed): Promise<Readonly<Record<string, number>>> {
  const series = (await bed.metrics()).matchAll(
    /^singlestate_breaker_state\{dependency="store",state="(\w+)"\} (\d)$/gm,
  );
  return Object.fromEntries(Array.from(series, ([, state = '', value]) => [state, Number(value)]));
}

/** How many reads were sent and not answered, and how many were not sent. */
async function reads(bed: Bed): Promise<{ readonly unanswered: number; readonly notAsked: number }> {
  const metrics = await bed.metrics();
  const count = (outcome: string) => {
    const series = `singlestate_store_operations_total{operation="read",outcome="${outcome}"} `;
    const line = metrics.split('\n').find((text) => text.startsWith(series));
    return Number(line?.slice(series.length) ?? 0);
  };
  return { unanswered: count('timeout') + count('unavailable'), notAsked: count('breaker_open') };
}

async function untilOpen(bed: Bed): Promise<void> {
  const isOpen = async () => (await breakerState(bed))['open'] === 1;
  await waitUntil(isOpen, { what: 'opening the breaker', timeoutMs: 20_000 });
}

async function untilClosed(bed: Bed): Promise<void> {
  const isClosed = async () => (await breakerState(bed))['closed'] === 1;
  await waitUntil(isClosed, { what: 'closing the breaker', timeoutMs: 10_000 });
}

function startLoad(bed: Bed, cookie: string, connections = 8) {
  const answers: Answer[] = [];
  let on = true;
  const loops = Array.from({ length: connections }, async () => {
    while (on) answers.push(await bed.ask('/me', { headers: { cookie } }));
  });
  const stop = async () => {
    on = false;
    await Promise.all(loops);
  };
  return { answers, stop, [Symbol.asyncDispose]: stop };
}

function expectOutage(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
  expect(answer.headers['set-cookie'], 'D2 the cookie is kept').toBeUndefined();
}

function breakerLines(bed: Bed) {
  return bed.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => msg === 'circuit breaker');
}

test('D8 D5 with Valkey stalled under load the breaker opens, and requests are refused without being asked about', async () => {
  // No request tries the store within the test: what closes the breaker is the probe.
  await using bed = await createBed({ config: { store: { deadline: '200ms', breaker: { openFor: '1m' } } } });
  const { cookie } = (await bed.open()).cookie;
  expect((await bed.ask('/me', { headers: { cookie } })).status).toBe(200);
  expect(await breakerState(bed)).toEqual(CLOSED);

  await using load = startLoad(bed, cookie);
  await waitUntil(() => Promise.resolve(load.answers.length > 50), { what: 'load', timeoutMs: 20_000 });
  bed.valkey.pause();
  try {
    await untilOpen(bed);
    await load.stop();
    const before = await reads(bed);
    for (let count = 0; count < 10; count += 1) {
      const answer = await bed.ask('/me', { headers: { cookie } });
      expectOutage(answer);
      expect(JSON.parse(answer.body)).toMatchObject({ reason: 'store_unavailable' });
    }
    expect(await reads(bed), 'none was sent, so none waited for the deadline').toEqual({
      unanswered: before.unanswered,
      notAsked: before.notAsked + 10,
    });
    expect((await bed.ask('/public/a')).status).toBe(200);
  } finally {
    bed.valkey.resume();
  }
  await untilClosed(bed);
  expect(await breakerState(bed)).toEqual(CLOSED);
  expect((await bed.ask('/me', { headers: { cookie } })).status, 'the session lives on').toBe(200);
  expect(new Set(load.answers.map(({ status }) => status))).toEqual(new Set([200, 503]));
  load.answers.filter(({ status }) => status === 503).forEach(expectOutage);
  expect(breakerLines(bed)).toMatchObject([
    {
      level: 'warn',
      dependency: 'store',
      state: 'open',
      reason: expect.stringMatching(/read|ping/) as string,
    },
    { level: 'info', dependency: 'store', state: 'closed' },
  ]);
});

test('D8 D2 with Valkey killed under load nothing is allowed, and all is well soon after it is back', async () => {
  await using bed = await createBed({ config: { store: { deadline: '200ms' } } });
  const { cookie } = (await bed.open()).cookie;
  await using load = startLoad(bed, cookie);
  await waitUntil(() => Promise.resolve(load.answers.length > 50), { what: 'load', timeoutMs: 20_000 });
  await bed.valkey.kill();
  await untilOpen(bed);
  const soFar = load.answers.length;
  await waitUntil(() => Promise.resolve(load.answers.length > soFar + 100), {
    what: 'load on an open breaker',
    timeoutMs: 20_000,
  });
  expect((await reads(bed)).notAsked).toBeGreaterThan(0);
  const whileDown = load.answers.slice(soFar);
  whileDown.forEach(expectOutage);

  await bed.valkey.restart();
  await untilClosed(bed);
  const ready = `http://${formatAddress(bed.server.addresses.ops)}/readyz`;
  await waitUntil(() => answersOk(ready), { what: 'readiness', timeoutMs: 5_000 });
  await load.stop();
  // The new Valkey is empty.
  const after = load.answers.slice(soFar + whileDown.length).map(({ status }) => status);
  expect(after.every((status) => status === 503 || status === 401)).toBe(true);
  await whenStoreAnswers(bed.store);
  const { token } = await bed.open();
  expect((await bed.ask('/me', { token })).status).toBe(200);
});

test('D8 without any request the probe opens and closes it, so that an idle replica tells of an outage too', async () => {
  await using bed = await createBed({
    config: { store: { deadline: '50ms', breaker: { failures: 3, failingFor: '0ms' } } },
  });
  bed.valkey.pause();
  await untilOpen(bed);
  bed.valkey.resume();
  await untilClosed(bed);
});
