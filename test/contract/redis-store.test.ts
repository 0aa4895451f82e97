/** The contract on a real Valkey. */
import { afterAll, beforeAll } from 'vitest';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { openRedisUnderTest } from './redis-under-test.ts';
import { sessionStoreContract } from './session-store.ts';

let valkey: RunningValkey;

beforeAll(async () => {
  valkey = await startValkey();
});

afterAll(async () => valkey.stop());

sessionStoreContract('Valkey', async () => openRedisUnderTest(valkey.url));
