/** Lists the sessions of the Redis store by age. Hides its indexes, and that records vanish while they are listed. */
import { openDocument } from './document-memo.ts';
import { lookupOf, READ_FIELDS, subjectHash } from './record.ts';
import type { RedisAccess } from './redis-access.ts';
import { PARTITIONS, refOf } from './redis-keys.ts';
import { partitionOf, type Partition, type Subject } from './ref.ts';
import { mergeSorted, type Batch, type FetchAfter } from './sorted-merge.ts';
import {
  RETENTION_MS,
  type ListPosition,
  type ListedSession,
  type SessionLookup,
  type SessionQuery,
  type SessionStore,
} from './store.ts';

/** How much of an index is fetched at a time, once more of it is needed. */
const LATER_BATCH = 128;

const OPERATION = 'list';

export function createRedisList(access: RedisAccess): SessionStore['list'] {
  const { keys, sealer, ask } = access;

  async function list(query: SessionQuery): Promise<readonly ListedSession[]> {
    const { limit } = query;
    const listed: ListedSession[] = [];
    for await (const chunk of positions(query)) {
      for (let at = 0; at < chunk.length && listed.length < limit;) {
        const some = chunk.slice(at, at + limit - listed.length);
        const found = await Promise.all(some.map(describe));
        listed.push(...found.filter((session) => session !== undefined));
        at += some.length;
      }
      if (listed.length >= limit) break;
    }
    return listed;
  }

  function positions(query: SessionQuery): AsyncIterable<readonly ListPosition[]> {
    const { subject } = query;
    const sources =
      subject === undefined
        ? PARTITIONS.map((partition) => byAge(partition, query))
        : [() => ofSubject(subject, query)];
    return mergeSorted(sources, compare);
  }

  /** An index that is ordered by when sessions end: all of it has to be looked at. */
  async function ofSubject(subject: Subject, query: SessionQuery): Promise<Batch<ListPosition>> {
    const partition = partitionOf(subject.issuer, subject.subject);
    const index = keys.subject(partition, subjectHash(subject));
    const members = (await ask(
      OPERATION,
      (redis, answered) => void redis.zrange(index, '0', '-1', answered),
    )) as string[];
    if (members.length === 0) return { items: [], isLast: true };
    const created = (await ask(
      OPERATION,
      (redis, answered) => void redis.zmscore(keys.sessions(partition), ...members, answered),
    )) as (string | null)[];
    const items = members.flatMap((member, at): ListPosition[] => {
      const score = created[at];
      return score == null ? [] : [{ createdAtMs: Number(score), ref: refOf(partition, member) }];
    });
    return { items: items.filter((item) => isAsked(item, query)).sort(compare), isLast: true };
  }

  function byAge(partition: Partition, query: SessionQuery): FetchAfter<ListPosition> {
    const { after, createdFromMs, createdBeforeMs, limit } = query;
    const most = createdBeforeMs === undefined ? '+inf' : `(${createdBeforeMs}`;
    // Twice its share, and some more: mostly one batch of each partition will do.
    const firstBatch = 2 + Math.ceil((2 * limit) / PARTITIONS.length);
    return async (last, round) => {
      const least = last?.createdAtMs ?? Math.max(after?.createdAtMs ?? 0, createdFromMs ?? 0);
      // Members that have the score of the last one are fetched again: more of them at a time, until there is another.
      for (let count = round === 0 ? firstBatch : LATER_BATCH; ; count *= 2) {
        const fetched = await scored(partition, least, most, count);
        const items = fetched.filter(
          (item) => isAsked(item, query) && (last === undefined || compare(item, last) > 0),
        );
        const isLast = fetched.length < count;
        if (items.length > 0 || isLast) return { items, isLast };
      }
    };
  }

  async function scored(
    partition: Partition,
    least: number,
    most: string,
    count: number,
  ): Promise<ListPosition[]> {
    const index = keys.sessions(partition);
    const reply = (await ask(
      OPERATION,
      (redis, answered) =>
        void redis.zrangebyscore(index, least, most, 'WITHSCORES', 'LIMIT', 0, count, answered),
    )) as string[];
    return Array.from({ length: reply.length / 2 }, (_, at) => ({
      ref: refOf(partition, reply[2 * at] ?? ''),
      createdAtMs: Number(reply[2 * at + 1]),
    }));
  }

  /** Undefined for what has ended. What is listed is not remembered, so that a listing displaces nothing. */
  async function describe({ ref, createdAtMs }: ListPosition): Promise<ListedSession | undefined> {
    const key = keys.session(ref);
    const [values, ttlMs] = (await Promise.all([
      ask(OPERATION, (redis, answered) => void redis.hmget(key, ...READ_FIELDS, answered)),
      ask(OPERATION, (redis, answered) => void redis.pttl(key, answered)),
    ])) as [(string | null)[], number];
    const [version, document, lastSeen, revoked, revokedAt] = values;
    const lookup: SessionLookup = lookupOf(
      ref,
      version,
      document,
      lastSeen,
      revoked,
      revokedAt,
      (...stored) => openDocument(sealer(), ...stored),
    );
    const isOver = ttlMs >= 0 && ttlMs <= RETENTION_MS;
    const isListed = !isOver && (lookup.state === 'live' || lookup.state === 'corrupt');
    return isListed ? { ref, createdAtMs, lookup } : undefined;
  }

  return list;
}

function isAsked(item: ListPosition, { after, createdFromMs, createdBeforeMs }: SessionQuery): boolean {
  if (after !== undefined && compare(item, after) <= 0) return false;
  if (createdFromMs !== undefined && item.createdAtMs < createdFromMs) return false;
  return createdBeforeMs === undefined || item.createdAtMs < createdBeforeMs;
}

/** Partitions and members are ASCII, which Redis and JavaScript order alike. */
function compare(a: ListPosition, b: ListPosition): number {
  if (a.createdAtMs !== b.createdAtMs) return a.createdAtMs - b.createdAtMs;
  return a.ref < b.ref ? -1 : Number(a.ref > b.ref);
}
