/** What a reload and the cluster's SessionRoutes make of a configuration file together, in this process. */
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadRuntime } from '../../src/server/load-runtime.ts';
import { createRuntimeHolder } from '../../src/server/runtime-holder.ts';
import { generateKey } from '../../src/token/key-files.ts';
import { createIssuerKey, type IssuerKey } from '../parts/test-issuer.ts';
import { snapshotOf } from '../unit/kubernetes/resources.ts';

const ISSUER = 'https://platform.test';
const IDENTITY = { issuer: ISSUER, subject: 'billing', audience: 'singlestate' };

const OPTIONS = {
  now: Date.now,
  onFetchFailure: () => undefined,
  onFault: (_route: string, error: unknown) => {
    throw error;
  },
};

async function folderWith(config: Readonly<Record<string, unknown>>) {
  const folder = await mkdtempDisposable(join(tmpdir(), 'singlestate-runtime-'));
  const [file, jwksFile] = [join(folder.path, 'singlestate.yaml'), join(folder.path, 'billing.jwks.json')];
  await generateKey(join(folder.path, 'keys'), 'EdDSA', Date.now());
  const written = {
    store: { url: 'memory:' },
    token: { issuer: 'https://sessions.test', keysDir: 'keys' },
    routes: [{ match: { path: '/' }, require: { public: true } }],
    ...config,
  };
  await writeFile(file, JSON.stringify(written));
  return {
    load: () => loadRuntime(file, {}, OPTIONS),
    trust: (...keys: readonly IssuerKey[]) =>
      writeFile(jwksFile, JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) })),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const tokenOf = (key: IssuerKey) => {
  const { issuer: iss, subject: sub, audience: aud } = IDENTITY;
  const iat = Math.floor(Date.now() / 1000);
  return key.sign({ iss, sub, aud, iat, exp: iat + 300 });
};

describe.each([
  ['without SessionRoutes', undefined],
  ['with some', snapshotOf({ routes: [], policies: [] })],
])('C2 a key of an app that is withdrawn, %s', (_, snapshot) => {
  test('holds no longer once the file is read again', async () => {
    const [old, fresh] = [await createIssuerKey('ES256', 'old'), await createIssuerKey('ES256', 'fresh')];
    const apps = { billing: { identities: [{ ...IDENTITY, jwksFile: 'billing.jwks.json' }] } };
    await using folder = await folderWith({ apps });
    const load = async () => {
      const loaded = await folder.load();
      if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
      return loaded.runtime;
    };
    await folder.trust(old);
    const holder = createRuntimeHolder(await load(), OPTIONS);
    if (snapshot !== undefined) await holder.setResources(snapshot);
    const isKnown = async (key: IssuerKey) => {
      const asked = { bearer: await tokenOf(key), certificateNames: [] };
      return (await holder.current().workloads.authenticate(asked)).authenticated;
    };
    expect([await isKnown(old), await isKnown(fresh)]).toEqual([true, false]);
    await folder.trust(fresh);
    await holder.setConfiguration(await load());
    expect([await isKnown(old), await isKnown(fresh)]).toEqual([false, true]);
  });
});

test.each([
  ['an issuer that is no URL', { issuer: 'kubernetes/serviceaccount' }, 'the issuer'],
  ['keys in the clear', { issuer: 'https://cluster.test', jwksUrl: 'http://cluster.test/jwks' }, 'jwksUrl'],
])(
  'C2 service accounts can not be verified by %s, which the file is refused for',
  async (_, serviceAccounts, says) => {
    await using folder = await folderWith({ kubernetes: { sessionRoutes: true, serviceAccounts } });
    const loaded = await folder.load();
    const problems = loaded.ok ? [] : loaded.problems;
    expect(problems).toEqual([expect.stringMatching(new RegExp(`kubernetes.serviceAccounts: ${says}`))]);
  },
);
