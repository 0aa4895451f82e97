/** Rate limits of the Redis store (E11). Hides where the counters are, and which of them one script counts. */
import type { RateCounter, RateOutcome, RateTake } from './rate-limit.ts';
import { encodeWholeNumber } from './record.ts';
import { unexpected, type RedisAccess } from './redis-access.ts';
import { partitionOfText } from './redis-keys.ts';
import { isSessionRef, partitionOfRef, type Partition } from './ref.ts';

/**
 * A session and its subject are counted in one script, an address in one of its own before it: where it passes and they
 * do not, the request counts for the address all the same.
 */
export function createRedisRates({ keys, run }: RedisAccess): RateCounter {
  async function take(takes: readonly RateTake[]): Promise<RateOutcome> {
    for (const [partition, together] of grouped(takes)) {
      const outcome = await takeTogether(partition, together);
      if (!outcome.allowed) return outcome;
    }
    return { allowed: true };
  }

  async function takeTogether(partition: Partition, takes: readonly RateTake[]): Promise<RateOutcome> {
    const limits = takes.flatMap(({ limit, windowMs }, at) => [
      [`limit${at + 1}`, encodeWholeNumber(limit)],
      [`window${at + 1}`, encodeWholeNumber(windowMs)],
    ]);
    const [reached, retryAfterMs] = await run('take', 'take', {
      keys: takes.map(({ kind, of }) => keys.rate(partition, kind, of)),
      given: Object.fromEntries(limits) as Record<string, string>,
    });
    if (reached === 0) return { allowed: true };
    const refusing = takes[Number(reached) - 1];
    if (refusing === undefined) throw unexpected('take');
    return { allowed: false, by: refusing.kind, retryAfterMs: Number(retryAfterMs) };
  }

  return { take };
}

/** By partition, in the order in which they are asked: addresses first, since they refuse those who have no session. */
function grouped(takes: readonly RateTake[]): Map<Partition, RateTake[]> {
  const isAddress = ({ kind }: RateTake) => kind === 'address';
  const ordered = [...takes.filter(isAddress), ...takes.filter((take) => !isAddress(take))];
  return Map.groupBy(ordered, partitionOfTake);
}

function partitionOfTake({ kind, of }: RateTake): Partition {
  return kind === 'session' && isSessionRef(of) ? partitionOfRef(of) : partitionOfText(of);
}
