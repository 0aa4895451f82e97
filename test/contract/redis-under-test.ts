/** Opens a Redis store for the contract, on a server that is the test's own: it is emptied first. */
import { createRedisStore } from '../../src/session/redis-store.ts';
import type { RecordFields } from '../../src/session/record.ts';
import { rawClient, whenStoreAnswers } from '../parts/valkey.ts';
import type { StoreUnderTest } from './session-store.ts';

const KEY_PREFIX = 'test:';

/** Long, because the contract is about outcomes: a busy machine must not turn one into a timeout. */
const DEADLINE_MS = 5_000;

export async function openRedisUnderTest(url: string): Promise<StoreUnderTest> {
  const raw = rawClient(url);
  await raw.flushall();
  const open = () => createRedisStore({ url, deadlineMs: DEADLINE_MS, keyPrefix: KEY_PREFIX });
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
    countRecords: async () => raw.dbsize(),
    dispose: async () => {
      await Promise.all([store.close(), replica.close()]);
      raw.disconnect();
    },
  };
}
