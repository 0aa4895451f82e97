/** The session store contract on Debian's Redis 7, the older of the two engines that are supported. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { openRedisUnderTest } from '../contract/redis-under-test.ts';
import { sessionStoreContract } from '../contract/session-store.ts';

let redis: RunningValkey | undefined;

beforeAll(async () => {
  redis = await startValkey({ binary: await redisBinary() });
});

afterAll(async () => redis?.stop());

sessionStoreContract('Redis', async () => {
  if (redis === undefined) throw new Error('Redis did not start');
  return openRedisUnderTest(redis.url);
});

async function redisBinary(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(folder, 'redis-server');
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  throw new Error(
    "redis-server is not on the PATH: install Debian's redis-server (apt-get install redis-server).",
  );
}
