/** What tests need beside a Valkey (quickstart/valkey.ts): a raw client to look into it, and waiting for the store. */
import { Redis } from 'ioredis';
import { waitUntil } from '../../quickstart/wait.ts';
import type { SessionStore } from '../../src/session/store.ts';

/** A client that is not the store's, to inject and inspect what is stored. To be disconnected after use. */
export function rawClient(url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  // A test that kills the server expects errors.
  redis.on('error', () => undefined);
  return redis;
}

/** Resolves once the store answers. */
export async function whenStoreAnswers(store: SessionStore, timeoutMs = 5_000): Promise<void> {
  const answers = () =>
    store.ping().then(
      () => true,
      () => false,
    );
  await waitUntil(answers, { what: 'the store, until it answered,', timeoutMs });
}
