/** E11 through a real Envoy and a real Valkey: a caller gets so many checks and no more. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBed, type Answer, type Ask, type Bed } from './bed.ts';

let bed: Bed;

beforeAll(async () => {
  bed = await createBed({
    config: {
      store: { deadline: '200ms' },
      rateLimits: {
        perAddress: { limit: 20, window: '1h' },
        perSession: { limit: 4, window: '1h' },
        perSubject: { limit: 6, window: '1h' },
      },
    },
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

async function statuses(times: number, path: string, ask: Ask): Promise<number[]> {
  const answers: Answer[] = await Promise.all(Array.from({ length: times }, () => bed.ask(path, ask)));
  return answers.map(({ status }) => status).sort();
}

const times = (status: number, count: number) => Array.from({ length: count }, () => status);

test('E11 an address gets so many, whatever it asks for and claims to be; another gets its own', async () => {
  const flood: Ask = { localAddress: '127.0.0.2', headers: { 'x-forwarded-for': '203.0.113.7' } };
  expect(await statuses(10, '/public/a', flood)).toEqual(times(200, 10));
  expect(await statuses(12, '/me', flood)).toEqual([...times(401, 10), ...times(429, 2)]);
  const forged: Ask = { localAddress: '127.0.0.2', headers: { 'x-forwarded-for': '203.0.113.8' } };
  const answer = await bed.ask('/public/a', forged);
  expect(answer.status).toBe(429);
  expect(JSON.parse(answer.body)).toMatchObject({ reason: 'rate_limited' });
  // One more is free after a twentieth of the hour.
  const seconds = Number(answer.headers['retry-after']);
  expect(seconds).toBeGreaterThan(100);
  expect(seconds).toBeLessThanOrEqual(180);
  expect(await statuses(1, '/public/a', { localAddress: '127.0.0.3' })).toEqual([200]);
});

test('E11 a session gets so many, and all sessions of a subject together so many, on shadow routes too', async () => {
  const identity = { provider: 'test', issuer: 'https://idp.test', subject: 'busy' };
  const [one, other, third] = [
    await bed.open({ identity }),
    await bed.open({ identity }),
    await bed.open({ identity }),
  ];
  const from = (localAddress: string, token: string): Ask => ({ localAddress, token });
  expect(await statuses(6, '/me', from('127.0.0.4', one.token))).toEqual([...times(200, 4), 429, 429]);
  expect(await statuses(3, '/me', from('127.0.0.4', other.token))).toEqual([200, 200, 429]);
  expect(await statuses(1, '/me', from('127.0.0.5', third.token)), 'from anywhere').toEqual([429]);
  expect(await statuses(1, '/shadow', from('127.0.0.5', third.token))).toEqual([429]);
  const { token } = await bed.open();
  expect(await statuses(1, '/me', from('127.0.0.5', token))).toEqual([200]);
});

test("D2 what can't be counted is an error, on public routes too", async () => {
  bed.valkey.pause();
  const answer = await bed.ask('/public/a', { localAddress: '127.0.0.6' }).finally(() => bed.valkey.resume());
  expect(answer.status).toBe(503);
  expect(JSON.parse(answer.body)).toMatchObject({ reason: 'store_timeout' });
});
