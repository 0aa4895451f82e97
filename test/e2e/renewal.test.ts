/** The cookie of a browser renews itself through a real Envoy, beside what the app sets. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBed, type Answer, type Bed } from './bed.ts';

const CSRF = 'b2xkLWZyaWVuZHMtYXJlLWJlc3Q';
const MINUTE = 60_000;
const clock = { aheadMs: 0 };
let bed: Bed;

// The token of a bed's session is valid for an hour.
beforeAll(async () => {
  bed = await createBed({
    config: { session: { idleTimeout: '2h', absoluteTimeout: '12h' } },
    seams: { now: () => Date.now() + clock.aheadMs },
    appHeaders: { 'set-cookie': ['cart=1', 'theme=dark'], 'cache-control': 'public, max-age=600' },
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

async function after<T>(ms: number, act: () => Promise<T>): Promise<T> {
  clock.aheadMs = ms;
  return act().finally(() => (clock.aheadMs = 0));
}

const open = () => bed.open({ csrfToken: CSRF, expiresAtMs: Date.now() + 12 * 60 * MINUTE });

function tokenOf({ headers }: Answer): string | undefined {
  const cookies = headers['set-cookie'] ?? [];
  return /__Host-session=([^;]+)/.exec([cookies].flat().join('\n'))?.[1];
}

async function renewals(): Promise<number> {
  const line = /^singlestate_tokens_issued_total\{cause="renewed"\} (\d+)$/m.exec(await bed.metrics());
  return Number(line?.[1] ?? 0);
}

test('a token past half its life is followed by a fresh one, and the app keeps its own cookies', async () => {
  const { cookie, ref } = await open();
  const before = await renewals();
  const answer = await after(31 * MINUTE, () => bed.ask('/me', { headers: cookie }));
  const fresh = tokenOf(answer) ?? '';
  expect(answer.headers['set-cookie']).toEqual([
    'cart=1',
    'theme=dark',
    `__Host-session=${fresh}; Path=/; Secure; SameSite=Lax; HttpOnly`,
    `__Host-csrf=${CSRF}; Path=/; Secure; SameSite=Lax`,
  ]);
  expect(answer.headers['cache-control'], 'no cache hands the cookie to somebody else').toBe('no-store');
  expect(answer.received?.headers).not.toHaveProperty('set-cookie');
  expect(await renewals()).toBe(before + 1);

  // The old one would be over by now.
  const later = await after(80 * MINUTE, () =>
    bed.ask('/me', { headers: { cookie: `__Host-session=${fresh}` } }),
  );
  expect(later).toMatchObject({ status: 200, received: { headers: { 'x-session-ref': ref } } });
  const old = await after(80 * MINUTE, () => bed.ask('/me', { headers: cookie }));
  expect(JSON.parse(old.body)).toMatchObject({ reason: 'expired_token' });
});

test('requests in parallel share one fresh token', async () => {
  const { cookie } = await open();
  const before = await renewals();
  const answers = await after(40 * MINUTE, () =>
    Promise.all(Array.from({ length: 12 }, () => bed.ask('/me', { headers: cookie }))),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(new Set(answers.map(tokenOf).filter((token) => token !== undefined)).size).toBe(1);
  expect(await renewals()).toBe(before + 1);
});

test('nothing else is renewed: a young token, one in authorization, a request that is denied', async () => {
  const { cookie, token } = await open();
  const before = await renewals();
  const answers = [
    await bed.ask('/me', { headers: cookie }),
    ...(await after(31 * MINUTE, async () => [
      await bed.ask('/me', { token }),
      await bed.ask('/public/a', { headers: cookie }),
      await bed.ask('/reports/today', { headers: cookie }),
      await bed.ask('/me', { method: 'POST', headers: cookie }),
    ])),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 403, 403]);
  for (const answer of answers) expect(tokenOf(answer)).toBeUndefined();
  expect(answers[0]?.headers['cache-control']).toBe('public, max-age=600');
  expect(await renewals()).toBe(before);
});

test('a fresh token ends with its session', async () => {
  const { cookie } = await bed.open({ expiresAtMs: Date.now() + 70 * MINUTE });
  const answer = await after(50 * MINUTE, () => bed.ask('/me', { headers: cookie }));
  const fresh = { cookie: `__Host-session=${tokenOf(answer) ?? ''}` };
  const last = await after(69 * MINUTE, () => bed.ask('/me', { headers: fresh }));
  expect(last.status).toBe(200);
  expect(tokenOf(last)).toBeUndefined();
  expect((await after(71 * MINUTE, () => bed.ask('/me', { headers: fresh }))).status).toBe(401);
});
