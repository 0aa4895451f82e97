/**
 * What sessions take in a Valkey, part by part, as the server itself counts it. Hides the kinds of keys, and what the
 * server needs beside them: the table of its keys, and what the allocator rounds up.
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Sealer } from '../../src/sealing/sealer.ts';
import type { AuditNote } from '../../src/session/audit.ts';
import type { SessionDocument } from '../../src/session/document.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import { createSessionId, partitionOf, sessionRef, type SessionRef } from '../../src/session/ref.ts';
import type { NewSession, SessionStore } from '../../src/session/store.ts';
import { answering } from './sessions.ts';

const KEY_PREFIX = 'singlestate:';
const IDLE_TIMEOUT_MS = 30 * 60_000;
const DEADLINE_MS = 5_000;
/** Operations under way at a time. */
const AT_ONCE = 32;

const KINDS = ['session', 'subject', 'provider', 'sessions', 'proof', 'audit'] as const;
type Kind = (typeof KINDS)[number];

/** Bytes for each session, by kind of key; `table` is what the server holds beyond its keys' own. */
export type MemoryParts = Readonly<Record<Kind | 'table' | 'total', number>>;

export interface StoreMemory {
  readonly live: MemoryParts;
  /** Once every session was revoked: the tombstones, and two audit records for each. */
  readonly revoked: MemoryParts;
  /** Of one read of a session, as a check does it. */
  readonly read: { readonly commands: number; readonly sentBytes: number; readonly receivedBytes: number };
}

export interface SessionKind {
  readonly sealer: Sealer;
  readonly documentOf: (subject: string, nowMs: number) => SessionDocument;
  readonly refreshHash?: string;
  readonly logoutHint?: string;
}

/** Opens `count` sessions, each of a subject of its own, reads each once, and revokes all. The server is emptied before. */
export async function storeMemory(port: number, count: number, kind: SessionKind): Promise<StoreMemory> {
  const url = `redis://127.0.0.1:${port}`;
  const redis = new Redis(url);
  const store = createRedisStore({
    url,
    deadlineMs: DEADLINE_MS,
    keyPrefix: KEY_PREFIX,
    sealer: () => kind.sealer,
    audit: () => ({ maxEntries: 100 * count, maxAgeMs: 86_400_000 }),
  });
  try {
    await answering(store);
    await redis.flushall('SYNC');
    const empty = await usedBytes(redis);
    const subjects = Array.from({ length: count }, (_, index) => `user-${index}`);
    const refs = await inBatches(subjects, (subject) => open(store, kind, subject));
    const live = await partsOf(redis, empty, count);
    const read = await readOnce(redis, store, refs);
    await store.revokeMany({
      target: { kind: 'all' },
      cause: 'operator',
      nowMs: Date.now(),
      note: { ...note('session_revoked'), reason: 'laptop stolen, SEC-17' },
    });
    return { live, read, revoked: await partsOf(redis, empty, count) };
  } finally {
    await store.close();
    redis.disconnect();
  }
}

const note = (action: AuditNote['action']): AuditNote => ({
  action,
  actor: { kind: 'operator', name: 'on-call' },
});

async function open(store: SessionStore, kind: SessionKind, subject: string): Promise<SessionRef> {
  const nowMs = Date.now();
  const document = kind.documentOf(subject, nowMs);
  const ref = sessionRef(createSessionId(partitionOf(document.identity.issuer, subject)));
  const session: NewSession = {
    ref,
    document,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    proof: { hash: randomBytes(32).toString('base64url'), validUntilMs: nowMs + 600_000 },
    ...(kind.refreshHash !== undefined && { refreshHash: kind.refreshHash }),
    ...(kind.logoutHint !== undefined && { logoutHint: kind.logoutHint }),
    nowMs,
    note: { ...note('session_created'), detail: `provider=${document.identity.provider}` },
  };
  const { outcome } = await store.create(session);
  if (outcome !== 'created') throw new Error(`the store answered "${outcome}" to a new session`);
  return ref;
}

async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(start, start + AT_ONCE).map(work))));
  }
  return results;
}

async function readOnce(redis: Redis, store: SessionStore, refs: readonly SessionRef[]) {
  const before = await traffic(redis);
  await inBatches(refs, async (ref) => {
    const { state } = await store.read(ref);
    if (state !== 'live') throw new Error(`a session that was opened is ${state}`);
  });
  const after = await traffic(redis);
  const each = (figure: keyof typeof after) => (after[figure] - before[figure]) / refs.length;
  return { commands: each('commands'), sentBytes: each('inputBytes'), receivedBytes: each('outputBytes') };
}

/** Input and output as the server sees them; the question itself is in the next answer's figures. */
async function traffic(redis: Redis) {
  const stats = await redis.info('stats');
  const commands = /^cmdstat_hmget:calls=(\d+)/m.exec(await redis.info('commandstats'))?.[1] ?? '0';
  return {
    commands: Number(commands),
    inputBytes: numberIn(stats, 'total_net_input_bytes'),
    outputBytes: numberIn(stats, 'total_net_output_bytes'),
  };
}

async function usedBytes(redis: Redis): Promise<number> {
  return numberIn(await redis.info('memory'), 'used_memory');
}

function numberIn(section: string, name: string): number {
  const found = new RegExp(`^${name}:(\\d+)`, 'm').exec(section)?.[1];
  if (found === undefined) throw new Error(`the server's INFO has no ${name}`);
  return Number(found);
}

async function partsOf(redis: Redis, emptyBytes: number, count: number): Promise<MemoryParts> {
  const total = (await usedBytes(redis)) - emptyBytes;
  const sums = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  for await (const batch of redis.scanStream({ count: 1_000 })) {
    const keys = batch as string[];
    const usages = await Promise.all(keys.map((key) => redis.memory('USAGE', key, 'SAMPLES', 0)));
    keys.forEach((key, at) => (sums[kindOf(key)] += usages[at] ?? 0));
  }
  const keysAlone = Object.values(sums).reduce((sum, bytes) => sum + bytes, 0);
  const parts = { ...sums, table: total - keysAlone, total };
  return Object.fromEntries(
    Object.entries(parts).map(([name, bytes]) => [name, bytes / count]),
  ) as unknown as MemoryParts;
}

function kindOf(key: string): Kind {
  const word = /^singlestate:\{\w+\}:(\w+)/.exec(key)?.[1];
  const kind = KINDS.find((known) => known === word);
  if (kind === undefined) throw new Error(`the store has a key of an unknown kind: ${word ?? 'none'}`);
  return kind;
}
