import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { CHART, helm, objectsOf, only, rendered, ROOT, valuesFile } from './helm.ts';
import { withSidecarChart } from './sidecar-app.ts';

interface Mount {
  readonly name: string;
  readonly mountPath: string;
}
interface PodSpec {
  readonly initContainers: readonly {
    readonly name: string;
    readonly restartPolicy?: string;
    readonly volumeMounts: Mount[];
  }[];
  readonly containers: readonly { readonly name: string; readonly volumeMounts?: Mount[] }[];
  readonly volumes: readonly { readonly name: string }[];
}

async function podSpec(): Promise<PodSpec> {
  const text = await withSidecarChart((chart) => helm('template', 'app', chart, '--set', 'app.image=app:1'));
  const { spec } = only(objectsOf(text), 'Deployment', 'app') as unknown as {
    readonly spec: { readonly template: { readonly spec: PodSpec } };
  };
  return spec.template.spec;
}

test('H3 the sidecar starts before Envoy and ends after it, and every volume that is mounted is there', async () => {
  const { initContainers, containers, volumes } = await podSpec();
  expect(initContainers).toMatchObject([{ name: 'singlestate', restartPolicy: 'Always' }]);
  const mounted = [...initContainers, ...containers].flatMap(({ volumeMounts = [] }) => volumeMounts);
  expect(new Set(mounted.map(({ name }) => name))).toEqual(new Set(volumes.map(({ name }) => name)));
});

test('H3 Envoy asks where the sidecar listens', async () => {
  const envoy = await readFile(join(ROOT, 'deploy/kubernetes/app-with-sidecar/envoy.yaml'), 'utf8');
  const { data } = only(await rendered('sidecar'), 'ConfigMap', 'singlestate') as unknown as {
    readonly data: Readonly<Record<string, string>>;
  };
  const { listen } = parse(data['singlestate.yaml'] ?? '') as { readonly listen: { readonly check: string } };
  expect(envoy).toContain(`pipe: { path: ${listen.check.replace('unix:', '')} }`);
  const { containers } = await podSpec();
  const mounts = containers.find(({ name }) => name === 'envoy')?.volumeMounts;
  expect(mounts).toContainEqual({ name: 'singlestate-socket', mountPath: '/run/singlestate' });
});

test('H3 a release for sidecars runs no replica, and has no Service of its own', async () => {
  const kinds = (
    await rendered('sidecar', '--set', 'valkey.enabled=false,config.store.url=redis://valkey:6379')
  ).map(({ kind }) => kind);
  expect(kinds).toContain('ConfigMap');
  for (const kind of ['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'])
    expect(kinds).not.toContain(kind);
});

test('H3 the notes name all that the pod has to be given', async () => {
  const files = [
    '--set',
    'files.schemas/cart\\.json=text',
    '--set',
    'secretFiles.secrets/idp.secretName=idp',
  ];
  const more = ['--set', 'secretFiles.secrets/idp.key=secret', '--set', 'tls.ops.secretName=ops-tls'];
  const rest = ['--set', 'serviceAccount.mountToken=true,ports.ops=9191'];
  const values = ['--values', valuesFile('sidecar'), ...files, ...more, ...rest];
  const printed = await helm('install', 'singlestate', CHART, '--dry-run=client', ...values);
  const notes = printed.slice(printed.indexOf('NOTES:'));
  expect(notes).toContain('config singlestate, tokenKeys singlestate-token-keys');
  expect(notes).toContain('schemas/cart.json');
  expect(notes).toContain('secretFiles {"secrets/idp":{"key":"secret","secretName":"idp"}}');
  expect(notes).toContain('tls {"ops":{"clientCa":false,"secretName":"ops-tls"}}, opsScheme HTTPS');
  expect(notes).toContain('mountToken true');
  expect(notes).toContain('"ops":9191');
});
