/** The session store over TLS, on Debian's Redis 7, which wants a client certificate. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../quickstart/ports.ts';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import {
  createRedisStore,
  type ConnectionChange,
  type RedisStoreOptions,
} from '../../src/session/redis-store.ts';
import { StoreError, type SessionStore } from '../../src/session/store.ts';
import { openRedisUnderTest } from '../contract/redis-under-test.ts';
import { sessionStoreContract } from '../contract/session-store.ts';
import { createTestCa, type Identity } from '../parts/certificates.ts';
import { whenStoreAnswers } from '../parts/valkey.ts';
import { redisBinary } from './redis-binary.ts';

const ca = createTestCa('store');
const DAY_MS = 86_400_000;

let folder: string;
let redis: RunningValkey;
let tlsPort: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'redis-tls-'));
  tlsPort = await freePort();
  await writeFile(join(folder, 'ca.pem'), ca.certificate);
  await writeFile(join(folder, 'other-ca.pem'), createTestCa('other').certificate);
  await put('server', ca.issue({ dns: ['localhost', 'store.example.com'], ips: ['127.0.0.1'] }));
  await put('client', ca.issue({ dns: ['singlestate'] }));
  await put('stranger', createTestCa('other').issue({ dns: ['singlestate'] }));
  await put(
    'expired',
    ca.issue({ notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) }),
  );
  redis = await startValkey({
    binary: await redisBinary(),
    arguments: [
      ...['--tls-port', String(tlsPort), '--tls-auth-clients', 'yes', '--tls-ca-cert-file', at('ca.pem')],
      ...['--tls-cert-file', at('server.pem'), '--tls-key-file', at('server.key')],
    ],
  });
});

afterAll(async () => {
  await redis.stop();
  await rm(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);

/** Renamed into place, as whatever rotates certificates does. */
async function put(name: string, { certificate, key }: Identity): Promise<void> {
  for (const [file, text] of [
    [`${name}.key`, key],
    [`${name}.pem`, certificate],
  ] as const) {
    await writeFile(at(`${file}.new`), text);
    await rename(at(`${file}.new`), at(file));
  }
}

/** Makes Redis read its certificate files again. */
async function reloadCertificates(): Promise<void> {
  const raw = new Redis(redis.url);
  try {
    await raw.call('CONFIG', 'SET', 'tls-cert-file', at('server.pem'), 'tls-key-file', at('server.key'));
  } finally {
    raw.disconnect();
  }
}

/** Ends every connection of the store, so that it has to make new ones. */
async function cutConnections(): Promise<void> {
  const raw = new Redis(redis.url);
  try {
    await raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  } finally {
    raw.disconnect();
  }
}

const filesOf = (client: string) => ({
  caFile: at('ca.pem'),
  certFile: at(`${client}.pem`),
  keyFile: at(`${client}.key`),
});

const open: SessionStore[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()));
});

function openStore(tls: RedisStoreOptions['tls'], host = 'localhost', port = tlsPort) {
  const changes: ConnectionChange[] = [];
  const store = createRedisStore({
    url: `rediss://${host}:${port}`,
    tls,
    deadlineMs: 5_000,
    keyPrefix: 'test:',
    sealer: () => unsealedText,
    audit: () => ({ maxEntries: 1_000, maxAgeMs: DAY_MS }),
    onConnection: (change) => changes.push(change),
  });
  open.push(store);
  return { store, changes };
}

sessionStoreContract('Redis over mutual TLS', () =>
  openRedisUnderTest(redis.url, { url: `rediss://localhost:${tlsPort}`, tls: filesOf('client') }),
);

describe('E4 a store over TLS', () => {
  it.each([
    ['its host name', 'localhost', undefined],
    ['its address', '127.0.0.1', undefined],
    ['the name that is given', 'localhost', 'store.example.com'],
    ['the address that is given', 'localhost', '127.0.0.1'],
  ])('is known by %s', async (_, host, serverName) => {
    const { store } = openStore({ ...filesOf('client'), serverName }, host);
    await whenStoreAnswers(store);
  });

  it.each<[string, () => ReturnType<typeof openStore>, string]>([
    [
      'has a certificate of another CA',
      () => openStore({ ...filesOf('client'), caFile: at('other-ca.pem') }),
      'no CA that is trusted has signed the certificate of the store: see store.tls.caFile',
    ],
    [
      'has a certificate of no CA that the system trusts',
      () => openStore({ certFile: at('client.pem'), keyFile: at('client.key') }),
      'no CA that is trusted has signed the certificate of the store: see store.tls.caFile',
    ],
    [
      'has a certificate for another name',
      () => openStore({ ...filesOf('client'), serverName: 'other.example.com' }),
      'the certificate of the store has another name, see store.tls.serverName: Host: other.example.com.',
    ],
    [
      'wants a client certificate, and gets none',
      () => openStore({ caFile: at('ca.pem') }),
      'store.tls.certFile',
    ],
    [
      'does not trust the client certificate',
      () => openStore(filesOf('stranger')),
      // Over TLS 1.3 the connection may be gone before the server's word for it is read.
      'store.tls.certFile',
    ],
    [
      'gets a client certificate that has expired',
      () => openStore(filesOf('expired')),
      // Over TLS 1.3 the connection may be gone before the server's word for it is read.
      'store.tls.certFile',
    ],
    [
      'speaks no TLS',
      () => openStore(filesOf('client'), 'localhost', redis.port),
      'does it speak TLS on this port?',
    ],
    [
      'has a CA file that is not there',
      () => openStore({ caFile: at('none.pem') }),
      "none.pem can't be read (ENOENT)",
    ],
    [
      'has a key of another certificate',
      () => openStore({ ...filesOf('client'), keyFile: at('stranger.key') }),
      "the files of store.tls can't be used (ERR_OSSL_X509_KEY_VALUES_MISMATCH)",
    ],
    [
      'has a certificate file that is none',
      () => openStore({ ...filesOf('client'), certFile: at('client.key') }),
      "the files of store.tls can't be used (ERR_OSSL_PEM_NO_START_LINE)",
    ],
  ])('that %s is unavailable, and says so', async (_, openIt, reason) => {
    const { store, changes } = openIt();
    await vi.waitFor(() => expect(changes.map(({ role }) => role).sort()).toEqual(['read', 'write']), {
      timeout: 5_000,
    });
    for (const change of changes) {
      expect(change).toEqual({ ...change, state: 'lost', reason: expect.stringContaining(reason) as string });
    }
    const error = await store.ping().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
      message: expect.stringContaining(reason) as string,
    });
  });

  it('is back when the files are put right, without a restart', async () => {
    const { store, changes } = openStore(filesOf('late'));
    await vi.waitFor(() => expect(changes).toHaveLength(2));
    await put('late', ca.issue({ dns: ['singlestate'] }));
    await whenStoreAnswers(store);
  });

  it('shows its new certificate to connections that are made anew, and those that are open go on', async () => {
    const { store, changes } = openStore(filesOf('client'));
    await whenStoreAnswers(store);
    await put('server', ca.issue({ dns: ['localhost', 'store.example.com'], ips: ['127.0.0.1'] }));
    await put('client', ca.issue({ dns: ['singlestate'] }));
    await reloadCertificates();
    await store.ping();
    expect(changes.filter(({ state }) => state === 'lost')).toEqual([]);
    await cutConnections();
    await vi.waitFor(() => expect(changes.filter(({ state }) => state === 'lost')).toHaveLength(2));
    await whenStoreAnswers(store);
  });

  it('may change its CA while it runs', async () => {
    const next = createTestCa('next');
    const { store, changes } = openStore({ ...filesOf('client'), caFile: at('rotating.pem') });
    await writeFile(at('rotating.pem'), ca.certificate);
    await whenStoreAnswers(store);
    await put('server', next.issue({ dns: ['localhost'], ips: ['127.0.0.1'] }));
    await reloadCertificates();
    await cutConnections();
    await vi.waitFor(() => expect(changes.at(-1)).toMatchObject({ state: 'lost' }));
    await expect(store.ping()).rejects.toThrow(StoreError);
    await writeFile(at('rotating.pem'), ca.certificate + next.certificate);
    await whenStoreAnswers(store);
    await put('server', ca.issue({ dns: ['localhost', 'store.example.com'], ips: ['127.0.0.1'] }));
    await reloadCertificates();
  });

  it('closes at any point of its life', async () => {
    const { store } = openStore(filesOf('client'));
    await store.close();
    const failing = openStore(filesOf('none'));
    await vi.waitFor(() => expect(failing.changes).not.toEqual([]));
    await failing.store.close();
    await expect(failing.store.ping()).rejects.toThrow('the store is closed');
  });
});
