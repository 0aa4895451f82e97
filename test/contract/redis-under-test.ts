/** Opens a Redis store for the contract, on a server that is the test's own: it is emptied first. */
import { unsealedText } from '../../src/sealing/sealer.ts';
import { createRedisStore, type RedisStoreOptions } from '../../src/session/redis-store.ts';
import type { RecordFields } from '../../src/session/record.ts';
import { rawClient, whenStoreAnswers } from '../parts/valkey.ts';
import type { StoreUnderTest } from './session-store.ts';

const KEY_PREFIX = 'test:';

/** Long, because the contract is about outcomes: a busy machine must not turn one into a timeout. */
const DEADLINE_MS = 5_000;

/** `url` is for looking into the server; `way` is how the store reaches it, where that is another one. */
export async function openRedisUnderTest(
  url: string,
  way: Pick<RedisStoreOptions, 'url' | 'tls'> = { url },
): Promise<StoreUnderTest> {
  const raw = rawClient(url);
  await raw.flushall();
  let sealer = unsealedText;
  let bounds = { maxEntries: 1_000_000, maxAgeMs: 86_400_000 };
  const open = () =>
    createRedisStore({
      ...way,
      deadlineMs: DEADLINE_MS,
      keyPrefix: KEY_PREFIX,
      sealer: () => sealer,
      audit: () => bounds,
    });
  const [store, replica] = [open(), open()];
  await Promise.all([whenStoreAnswers(store), whenStoreAnswers(replica)]);
  const keyOf = (ref: string) => `${KEY_PREFIX}{${ref.slice(0, 2)}}:session:${ref.slice(3)}`;
  return {
    store,
    replica,
    nowMs: () => Date.now(),
    passTime: () => undefined,
    inject: async (ref, fields) => {
      await raw.hset(keyOf(ref), fields);
      await raw.pexpire(keyOf(ref), 3_600_000);
    },
    fields: async (ref) => {
      const fields: RecordFields = await raw.hgetall(keyOf(ref));
      return Object.keys(fields).length > 0 ? fields : undefined;
    },
    forgottenAtMs: async (ref) => {
      const atMs = await raw.pexpiretime(keyOf(ref));
      return atMs < 0 ? undefined : atMs;
    },
    countRecords: async () => (await raw.keys('*')).filter((key) => !key.endsWith(':audit')).length,
    sealWith: (next) => void (sealer = next),
    boundAudit: (next) => void (bounds = next),
    dispose: async () => {
      await Promise.all([store.close(), replica.close()]);
      raw.disconnect();
    },
  };
}
