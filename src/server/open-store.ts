/** The session store that `store.url` names, with its password out of its file. */
import { readSecretFile } from '../config/files.ts';
import type { Config } from '../config/schema.ts';
import { createMemoryStore } from '../session/memory-store.ts';
import { createRedisStore, type RedisStoreOptions } from '../session/redis-store.ts';
import type { SessionStore } from '../session/store.ts';
import type { Runtime } from './runtime.ts';
import { StartError } from './start-error.ts';

/** What of the store a reload may change, and who is told of its connections. */
export type StoreSurroundings = Required<Pick<RedisStoreOptions, 'sealer' | 'audit' | 'onConnection'>>;

/** As the configuration of the moment has it. */
export function storeSurroundings(
  runtime: () => Pick<Runtime, 'config' | 'sealer'>,
  onConnection: StoreSurroundings['onConnection'],
): StoreSurroundings {
  return {
    sealer: () => runtime().sealer,
    audit: () => {
      const { maxEntries, maxAge } = runtime().config.audit;
      return { maxEntries, maxAgeMs: maxAge };
    },
    onConnection,
  };
}

/** Connects in the background: a store out of reach is told by its operations. Rejects with `StartError`. */
export async function openStore(
  config: Config['store'],
  surroundings: StoreSurroundings,
): Promise<SessionStore> {
  const { url, username, passwordFile, deadline, keyPrefix, tls } = config;
  if (url === 'memory:') return createMemoryStore(surroundings);
  const secret = passwordFile === undefined ? undefined : await readSecretFile(passwordFile);
  if (secret?.ok === false)
    throw new StartError(`store.passwordFile: ${passwordFile ?? ''} ${secret.problem}`);
  return createRedisStore({
    ...surroundings,
    url,
    tls,
    username,
    password: secret?.text,
    // A Secret that was changed meanwhile; while it can't be read, the last one stays.
    nextPassword: passwordFile === undefined ? undefined : () => passwordIn(passwordFile),
    deadlineMs: deadline,
    keyPrefix,
  });
}

async function passwordIn(file: string): Promise<string | undefined> {
  const secret = await readSecretFile(file);
  return secret.ok ? secret.text : undefined;
}
