/** E5 what whoever reads the store finds there, and what happens to what they change. */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession } from '../../quickstart/sessions.ts';
import { singlestate } from '../../quickstart/command.ts';
import { startStack, type Stack } from '../../quickstart/stack.ts';
import { waitUntil } from '../../quickstart/wait.ts';
import { rawClient } from '../parts/valkey.ts';

let stack: Stack;
let redis: Redis;
beforeAll(async () => {
  stack = await startStack();
  redis = rawClient(stack.valkey.url);
});
afterAll(async () => {
  redis.disconnect();
  await stack.stop();
});

const operator = () => ['--api', stack.api, '--credential-file', stack.credentialFile];

async function ask(token: string, path: string, init: RequestInit = {}) {
  const response = await fetch(stack.url + path, {
    ...init,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  });
  const { reason } = (await response.json()) as { reason?: string };
  return { status: response.status, reason };
}

/** Everything that is stored, as text: keys, fields, members and values of each type that there is. */
async function dump(): Promise<string> {
  const lines: string[] = [];
  for (const key of (await redis.keys('*')).sort()) {
    const type = await redis.type(key);
    const readers: Record<string, () => Promise<unknown>> = {
      hash: () => redis.hgetall(key),
      string: () => redis.get(key),
      zset: () => redis.zrange(key, '0', '-1', 'WITHSCORES'),
      set: () => redis.smembers(key),
      stream: () => redis.call('XRANGE', key, '-', '+'),
    };
    lines.push(`${key} ${type} ${JSON.stringify(await readers[type]?.())}`);
  }
  return lines.join('\n');
}

/** As it is, or in base64url. What is sealed is random letters: a short text counts as a word of its own alone. */
function holds(stored: string, text: string): boolean {
  if (text.length < 8) return new RegExp(`(?<![\\w-])${text}(?![\\w-])`).test(stored);
  return stored.includes(text) || stored.includes(Buffer.from(text).toString('base64url').slice(0, -2));
}

test('E5 a dump of the store shows no subject, scope, attribute, slice, issuer, actor, reason, token or id', async () => {
  const alice = await openSession(stack, 'alice');
  const bob = await openSession(stack, 'bob');
  const note = 'three crates of oranges';
  const put = await ask(alice.token, '/billing/cart', { method: 'PUT', body: JSON.stringify({ note }) });
  expect(put.status).toBe(200);
  await singlestate(['session', 'revoke', bob.ref, '--reason', 'lost laptop', ...operator()]);

  const stored = await dump();
  expect(stored).toContain(alice.ref.slice(3));
  expect(stored).toContain(':audit');
  const [, payload = ''] = alice.token.split('.');
  const { sid } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sid: string };
  const secrets = [sid, sid.slice(3), alice.token, payload];
  const content = ['alice', 'bob', 'invoices', 'reports:read', note, 'oranges', stack.issuer, 'quickstart'];
  for (const text of [...secrets, ...content, 'lost laptop', 'cart.noted']) {
    expect(holds(stored, text), text).toBe(false);
  }
});

const keyOf = (ref: string) => `singlestate:{${ref.slice(0, 2)}}:session:${ref.slice(3)}`;

test('D4 E5 a document that was moved to another session ends that session, and the audit trail says so', async () => {
  const victim = await openSession(stack, 'bob');
  const attacker = await openSession(stack, 'alice');
  const stolen = await redis.hget(keyOf(attacker.ref), 'document');
  await redis.hset(keyOf(victim.ref), 'document', stolen ?? '');

  expect(await ask(victim.token, '/reports/2026')).toEqual({ status: 401, reason: 'corrupt_session' });
  const isRemoved = async () => (await ask(victim.token, '/reports/2026')).reason === 'revoked';
  await waitUntil(isRemoved, { what: 'the removal of the session', timeoutMs: 5_000 });
  const records = await singlestate(['audit', 'export', '--ref', victim.ref, ...operator()]);
  expect(records).toContain('session_removed');
});

test('E5 after a rotation of the sealing keys old sessions go on, and new ones are sealed with the new key', async () => {
  const before = await openSession(stack, 'alice');
  const dir = `${stack.folder}/sealing-keys`;
  await singlestate(['keys', 'rotate', '--use', 'enc', '--dir', dir, '--activate-in', '1ms']);
  const list = await singlestate(['keys', 'list', '--use', 'enc', '--dir', dir]);
  const newest = /^sealing +(\S+)/m.exec(list)?.[1];
  if (newest === undefined) throw new Error(`No sealing key in ${list}`);

  const sealedWithNewest = async () => {
    const { ref } = await openSession(stack, 'alice');
    return ((await redis.hget(keyOf(ref), 'document')) ?? '').includes(newest);
  };
  await waitUntil(sealedWithNewest, { what: 'the new key', timeoutMs: 15_000 });
  expect((await redis.hget(keyOf(before.ref), 'document'))?.includes(newest)).toBe(false);
  expect((await ask(before.token, '/billing/invoices/42')).status).toBe(200);
});
