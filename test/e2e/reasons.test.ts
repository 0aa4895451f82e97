/** Every reason of the closed list through a real Envoy: the answer, the metric and the log line all say the same word. */
import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { REASONS, reasonFacts, type Reason } from '../../src/authz/reason.ts';
import { createTestKey } from '../parts/key-rings.ts';
import { createFaults } from '../fakes/faulty-store.ts';
import { whenStoreAnswers } from '../parts/valkey.ts';
import { createBed, revoke, type Answer, type Bed } from './bed.ts';

const MAX_IN_FLIGHT = 4;
/** More than any other scenario asks of one session. */
const PER_SESSION = 10;
const clock = { aheadMs: 0 };
const { faults, wrapStore } = createFaults();
let bed: Bed;

beforeAll(async () => {
  bed = await createBed({
    config: {
      check: { deadline: '2s', maxInFlight: MAX_IN_FLIGHT },
      rateLimits: { perSession: { limit: PER_SESSION, window: '1h' } },
    },
    seams: { now: () => Date.now() + clock.aheadMs, wrapStore },
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

const INVOICE = '/billing/invoices/42';
const hour = 3_600_000;

/** How a request comes to be refused for each reason. The type makes sure that none is forgotten. */
const SCENARIOS: Readonly<Record<Reason, () => Promise<Answer>>> = {
  no_credential: () => bed.ask(INVOICE),
  ambiguous_credential: async () => {
    const [one, other] = [await bed.open(), await bed.open()];
    return bed.ask(INVOICE, { token: one.token, headers: { cookie: `__Host-session=${other.token}` } });
  },
  malformed_token: () => bed.ask(INVOICE, { token: 'abc' }),
  bad_signature: async () => {
    const { token } = await bed.open();
    const [header, payload] = token.split('.');
    const { key } = await createTestKey();
    const foreign = await new SignJWT({}).setProtectedHeader({ alg: 'EdDSA' }).sign(key.privateKey);
    return bed.ask(INVOICE, { token: `${header ?? ''}.${payload ?? ''}.${foreign.split('.')[2] ?? ''}` });
  },
  expired_token: async () => {
    const { id } = await bed.open();
    const token = { sessionId: id, nowMs: Date.now() - hour, ttlMs: 60_000, notAfterMs: Infinity };
    return bed.ask(INVOICE, { token: (await bed.minter.mintSessionToken(token)).token });
  },
  unknown_session: async () => {
    const { token } = await bed.open();
    await raw((redis) => redis.flushall());
    return bed.ask(INVOICE, { token });
  },
  revoked: async () => {
    const { ref, token } = await bed.open();
    await revoke(bed, ref);
    return bed.ask(INVOICE, { token });
  },
  idle_timeout: async () => {
    const { token } = await bed.open();
    return later(hour / 2, () => bed.ask(INVOICE, { token }));
  },
  absolute_timeout: async () => {
    const { token } = await bed.open({ expiresAtMs: Date.now() + 60_000 });
    return later(60_000, () => bed.ask(INVOICE, { token }));
  },
  corrupt_session: async () => {
    const { ref, token } = await bed.open();
    const [partition, hash] = ref.split('.');
    await raw((redis) =>
      redis.hset(`singlestate:{${partition ?? ''}}:session:${hash ?? ''}`, 'document', '{"schema":1'),
    );
    return bed.ask(INVOICE, { token });
  },
  insufficient_scope: async () => {
    const { token } = await bed.open({ scopes: ['reports:read'] });
    return bed.ask(INVOICE, { token });
  },
  insufficient_user_authentication: async () => {
    const { token } = await bed.open();
    return bed.ask('/vault', { token });
  },
  csrf: async () => {
    const { cookie } = await bed.open({ csrfToken: 'b2xkLWZyaWVuZHMtYXJlLWJlc3Q' });
    return bed.ask('/me', { method: 'POST', headers: cookie });
  },
  rate_limited: async () => {
    const { token } = await bed.open();
    for (let asked = 0; asked < PER_SESSION; asked += 1) await bed.ask('/me', { token });
    return bed.ask('/me', { token });
  },
  no_route: () => bed.ask('/nowhere'),
  deadline_exceeded: async () => {
    const { token } = await bed.open();
    faults.read = () => new Promise(() => undefined);
    return bed.ask(INVOICE, { token }).finally(() => (faults.read = undefined));
  },
  internal: async () => {
    const { token } = await bed.open();
    faults.read = () => Promise.reject(new TypeError('injected'));
    return bed.ask(INVOICE, { token }).finally(() => (faults.read = undefined));
  },
  overloaded: async () => {
    const { token } = await bed.open();
    const { promise: stalled, resolve } = Promise.withResolvers<never>();
    let waiting = 0;
    faults.read = () => {
      waiting += 1;
      return stalled;
    };
    const others = Array.from({ length: MAX_IN_FLIGHT }, () => bed.ask(INVOICE, { token }));
    await waitUntil(() => Promise.resolve(waiting === MAX_IN_FLIGHT), {
      what: 'the checks',
      timeoutMs: 5_000,
    });
    const answer = await bed.ask(INVOICE, { token });
    faults.read = undefined;
    resolve({ state: 'absent' } as never);
    await Promise.all(others);
    return answer;
  },
  store_timeout: async () => {
    const { token } = await bed.open();
    bed.valkey.pause();
    return bed.ask(INVOICE, { token }).finally(() => bed.valkey.resume());
  },
  store_unavailable: async () => {
    const { token } = await bed.open();
    await bed.valkey.kill();
    const answer = await bed.ask(INVOICE, { token });
    await bed.valkey.restart();
    await whenStoreAnswers(bed.store);
    return answer;
  },
};

async function later(ms: number, act: () => Promise<Answer>): Promise<Answer> {
  clock.aheadMs = ms;
  return act().finally(() => (clock.aheadMs = 0));
}

async function raw(act: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(bed.valkey.url);
  await act(redis);
  redis.disconnect();
}

test.each(Object.keys(SCENARIOS) as Reason[])(
  'E3 a request is refused for %s, and everything says so',
  async (reason) => {
    const before = await counted(reason);
    const answer = await SCENARIOS[reason]();
    const { status, title, decision, bearerError } = reasonFacts(reason);

    expect(answer).toMatchObject({ status, headers: { 'content-type': 'application/problem+json' } });
    const id = answer.headers['x-singlestate-decision-id'];
    expect(JSON.parse(answer.body)).toEqual({
      type: `urn:singlestate:reason:${reason}`,
      title,
      status,
      reason,
      decision_id: id,
    });
    const retryAfter = { 503: /^1$/, 429: /^\d+$/, 401: /^$/, 403: /^$/ }[status];
    expect(answer.headers['retry-after'] ?? '').toMatch(retryAfter);
    expect(answer.headers['set-cookie'], 'D2 no answer takes the cookie away').toBeUndefined();
    const challenge = answer.headers['www-authenticate'] ?? '';
    expect(challenge !== '').toBe(status === 401 || reason === 'insufficient_scope');
    if (bearerError) expect(challenge).toContain(`error="${bearerError}"`);

    const line = bed.lines
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .find((entry) => entry['decision_id'] === id);
    expect(line).toMatchObject({
      msg: 'decision',
      decision,
      reason,
      status,
      level: decision === 'error' ? 'error' : 'info',
    });
    expect(await counted(reason)).toBe(before + 1);
  },
);

test.each(['ambiguous_credential', 'malformed_token', 'bad_signature', 'expired_token'] as const)(
  'E9 what is refused for %s never reaches the store',
  async (reason) => {
    let reads = 0;
    faults.read = () => {
      reads += 1;
      return Promise.resolve({ state: 'absent' });
    };
    const answer = await SCENARIOS[reason]().finally(() => (faults.read = undefined));
    expect(answer.status).toBe(401);
    expect(reads).toBe(0);
  },
);

test('E9 an oversized token is refused unread', async () => {
  let reads = 0;
  faults.read = () => {
    reads += 1;
    return Promise.resolve({ state: 'absent' });
  };
  const { token } = await bed.open();
  const answer = await bed
    .ask(INVOICE, { token: token + 'A'.repeat(5_000) })
    .finally(() => (faults.read = undefined));
  expect(JSON.parse(answer.body)).toMatchObject({ reason: 'malformed_token' });
  expect(reads).toBe(0);
});

test('the list of reasons is the same in code, docs, metrics and these tests', async () => {
  const reasons = Object.keys(REASONS).sort();
  expect(Object.keys(SCENARIOS).sort()).toEqual(reasons);
  const docs = await readFile('docs/reference/decisions.md', 'utf8');
  expect(
    Array.from(docs.matchAll(/^\| `(\w+)` \| (?:deny|error) \|/gm), ([, reason]) => reason).sort(),
  ).toEqual(reasons);
  const labels = Array.from(
    (await bed.metrics()).matchAll(/decision="(?:deny|error)",reason="(\w+)"/g),
    ([, reason]) => reason,
  );
  expect([...new Set(labels)].sort()).toEqual(reasons);
});

/** `singlestate_checks_total` of one reason, over all apps. */
async function counted(reason: Reason): Promise<number> {
  const { decision } = reasonFacts(reason);
  const lines = (await bed.metrics())
    .split('\n')
    .filter((line) => line.startsWith('singlestate_checks_total{'));
  return lines
    .filter((line) => line.includes(`decision="${decision}",reason="${reason}"`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
