/** Ends many sessions of the Redis store at once. Hides where they are found, and how much one script does. */
import { providerHash, subjectHash } from './record.ts';
import { unexpected, type Given, type RedisAccess } from './redis-access.ts';
import { PARTITIONS } from './redis-keys.ts';
import { partitionOf, type Partition } from './ref.ts';
import type { MassRevocation, RevocationTarget, SessionStore } from './store.ts';

/** A script ends so many in some milliseconds, and everything else waits for it. */
const BATCH = 250;

const OPERATION = 'revokeMany';

type ProviderTarget = Extract<RevocationTarget, { kind: 'provider_session' }>;

interface Batch {
  readonly partition: Partition;
  /** The key of the index. */
  readonly index: string;
  /** Besides what every script that ends sessions is given. */
  readonly given?: Given;
}

export function createRedisRevokeMany(access: RedisAccess): SessionStore['revokeMany'] {
  const { keys, run, ask } = access;

  async function revokeMany(revocation: MassRevocation): Promise<number> {
    const { target } = revocation;
    switch (target.kind) {
      case 'subject': {
        const partition = partitionOf(target.subject.issuer, target.subject.subject);
        const index = keys.subject(partition, subjectHash(target.subject));
        return (await endThose({ partition, index }, revocation)).ended;
      }
      case 'provider_session':
        return endProviderSession(target, revocation);
      case 'all':
        return endAll(revocation);
    }
  }

  async function endProviderSession(target: ProviderTarget, revocation: MassRevocation): Promise<number> {
    const { issuer, providerSession, subject } = target;
    const hash = providerHash(issuer, providerSession);
    if (subject !== undefined) {
      const partition = partitionOf(issuer, subject);
      const given = { subject: subjectHash({ issuer, subject }) };
      const batch = { partition, index: keys.provider(partition, hash), given };
      return (await endThose(batch, revocation)).ended;
    }
    const batches = PARTITIONS.map((partition) => ({ partition, index: keys.provider(partition, hash) }));
    const counts = await Promise.all(
      batches.map(
        ({ index }) =>
          ask(OPERATION, (redis, answered) => void redis.exists(index, answered)) as Promise<number>,
      ),
    );
    let ended = 0;
    for (const batch of batches.filter((_, at) => counts[at] === 1)) {
      ended += (await endThose(batch, revocation)).ended;
    }
    return ended;
  }

  /**
   * Of each partition those that were not created after its newest of now: so what is created meanwhile keeps none of
   * the loops going, and no clock decides.
   */
  async function endAll(revocation: MassRevocation): Promise<number> {
    const newest = await Promise.all(PARTITIONS.map(newestIn));
    let ended = 0;
    for (const [at, partition] of PARTITIONS.entries()) {
      const upTo = newest[at];
      if (upTo === undefined) continue;
      const batch = { partition, index: keys.sessions(partition), given: { upTo, batch: String(BATCH) } };
      for (let isThrough = false; !isThrough;) {
        const done = await endThose(batch, revocation);
        ended += done.ended;
        isThrough = done.isThrough;
      }
    }
    return ended;
  }

  /** The latest `createdAtMs` in a partition; undefined for an empty one. */
  async function newestIn(partition: Partition): Promise<string | undefined> {
    const reply = await ask(
      OPERATION,
      (redis, answered) => void redis.zrevrange(keys.sessions(partition), 0, 0, 'WITHSCORES', answered),
    );
    return (reply as string[])[1];
  }

  async function endThose({ partition, index, given }: Batch, { cause, nowMs, note }: MassRevocation) {
    const [outcome, ended, isThrough] = await run(OPERATION, 'revoke-many', {
      keys: [index, keys.audit(partition)],
      given: {
        ...access.partition(partition),
        ...access.ending(nowMs),
        ...access.note('ended', note, undefined),
        cause,
        ...given,
      },
    });
    if (outcome !== 'done') throw unexpected(OPERATION);
    return { ended: Number(ended), isThrough: isThrough === 1 };
  }

  return revokeMany;
}
