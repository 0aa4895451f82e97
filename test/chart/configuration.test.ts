import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadRuntime } from '../../src/server/load-runtime.ts';
import { generateKeyFile } from '../../src/keys/key-files.ts';
import { SEALING_KEYS } from '../../src/sealing/key-files.ts';
import { SIGNING_KEYS } from '../../src/token/key-files.ts';
import { createTestCa } from '../parts/certificates.ts';
import { only, rendered, VALUE_SETS, type KubernetesObject } from './helm.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chart-'));
  const nowMs = Date.now();
  await generateKeyFile(SIGNING_KEYS, { dir: join(folder, 'keys/token'), alg: 'EdDSA', nowMs });
  const account = 'var/run/secrets/kubernetes.io/serviceaccount';
  await put(`${account}/token`, 'a-token');
  await put(`${account}/ca.crt`, ca.certificate);
  await generateKeyFile(SEALING_KEYS, { dir: join(folder, 'keys/sealing'), alg: 'A256GCM', nowMs });
});
afterEach(() => rm(folder, { recursive: true }));

interface Item {
  readonly key: string;
  readonly path: string;
}
interface Source {
  readonly configMap?: { readonly name: string; readonly items: readonly Item[] };
  readonly secret?: { readonly name: string; readonly items: readonly Item[] };
}
interface PodTemplate {
  readonly template: {
    readonly spec: {
      readonly volumes: readonly { readonly projected?: { readonly sources: readonly Source[] } }[];
    };
  };
}

const ca = createTestCa('chart');
const { certificate, key } = ca.issue({ dns: ['sessions.example.com'] });

/** What the Secrets of an operator would hold, by key. */
const SECRETS: Readonly<Record<string, string>> = {
  'tls.crt': certificate,
  'tls.key': key,
  'ca.crt': ca.certificate,
};

/** Lays out the files as the kubelet does for the container; sidecars, which have no Deployment, get the ConfigMap alone. */
async function layOut(objects: readonly KubernetesObject[], name: string): Promise<string> {
  const { data } = only(objects, 'ConfigMap', name) as unknown as {
    readonly data: Readonly<Record<string, string>>;
  };
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  const sources = deployment
    ? (deployment['spec'] as PodTemplate).template.spec.volumes[0]?.projected?.sources
    : [{ configMap: { name, items: [{ key: 'singlestate.yaml', path: 'singlestate.yaml' }] } }];
  for (const { configMap, secret } of sources ?? []) {
    for (const item of configMap?.items ?? []) await put(item.path, data[item.key] ?? '');
    for (const item of secret?.items ?? []) await put(item.path, SECRETS[item.key] ?? 'a-secret');
  }
  return join(folder, 'singlestate.yaml');
}

/** What is mounted elsewhere in the container is below the test's folder here. */
async function put(path: string, text: string): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    file,
    text.replaceAll(' /keys/', ` ${folder}/keys/`).replaceAll(' /var/run/', ` ${folder}/var/run/`),
  );
}

test.each(VALUE_SETS)(
  'H3 the server takes the configuration of %s.yaml, with every file that it names',
  async (set) => {
    const file = await layOut(await rendered(set), set === 'full' ? 'sessions' : 'singlestate');
    const env = { VALKEY_HOST: 'valkey.example.com' };
    const loaded = await loadRuntime(file, env, { now: Date.now, onFetchFailure: () => undefined });
    expect(loaded.ok ? [] : loaded.problems).toEqual([]);
  },
);

test('B7 the configuration says nothing that it was not told, and nothing is lost on the way', async () => {
  const file = await layOut(await rendered('full'), 'sessions');
  const loaded = await loadRuntime(
    file,
    { VALKEY_HOST: 'v.example.com' },
    { now: Date.now, onFetchFailure: () => undefined },
  );
  if (!loaded.ok) expect.unreachable(loaded.problems.join('\n'));
  const { config } = loaded.runtime;
  expect(config.audit.maxEntries).toBe(5_000_000);
  expect(config.store.url).toBe('rediss://v.example.com:6379/0');
  expect(config.sealing).toMatchObject({ acceptUnsealed: true });
  expect(config.tls.check?.clients).toEqual([
    'spiffe://example.com/ns/gateways/sa/envoy',
    // For `helm test`.
    'sessions-check.sessions.svc',
  ]);
});
