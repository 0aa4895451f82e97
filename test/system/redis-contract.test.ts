/** The session store contract on Debian's Redis 7, the older of the two engines that are supported. */
import { afterAll, beforeAll } from 'vitest';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { openRedisUnderTest } from '../contract/redis-under-test.ts';
import { sessionStoreContract } from '../contract/session-store.ts';
import { redisBinary } from './redis-binary.ts';

let redis: RunningValkey | undefined;

beforeAll(async () => {
  redis = await startValkey({ binary: await redisBinary() });
});

afterAll(async () => redis?.stop());

sessionStoreContract('Redis', async () => {
  if (redis === undefined) throw new Error('Redis did not start');
  return openRedisUnderTest(redis.url);
});
