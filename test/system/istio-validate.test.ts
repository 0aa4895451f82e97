/** deploy/istio/gateway.yaml as `istioctl validate` judges it, which looks into EnvoyFilters too. */
import { execFile } from 'node:child_process';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { istioctlBinary } from '../parts/gateway-modules.ts';
import { replaced, shippedObjects, type ShippedObject } from '../parts/shipped-objects.ts';

const BUILD = 1_800_000;

let istioctl: string;
beforeAll(async () => (istioctl = await istioctlBinary()), BUILD);

interface Judgement {
  readonly exitCode: number | null;
  /** Errors and warnings, each as `KIND/NAMESPACE/NAME: what`. */
  readonly findings: readonly string[];
}

/** What Istio says of every EnvoyFilter, whatever is in it. */
const OF_EACH_FILTER = /^EnvoyFilter\/\S+ EnvoyFilter exposes internal implementation details/;

async function validate(objects: readonly ShippedObject[]): Promise<Judgement> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'istio-'));
  const file = join(folder.path, 'objects.yaml');
  await writeFile(file, objects.map((object) => stringify(object)).join('---\n'));
  return await new Promise((resolve) => {
    const child = execFile(istioctl, ['validate', '-f', file], (_error, stdout, stderr) => {
      const said = [...(stdout + stderr).matchAll(/^\t\* (.+)$/gm)].map(([, finding = '']) => finding);
      resolve({
        exitCode: child.exitCode,
        findings: said.filter((finding) => !OF_EACH_FILTER.test(finding)),
      });
    });
  });
}

const shipped = () => shippedObjects('istio/gateway.yaml');

test('H2 Istio finds nothing wrong with the shipped objects', async () => {
  expect(await validate(await shipped())).toEqual({ exitCode: 0, findings: [] });
});

test.each([
  ['AuthorizationPolicy/istio-ingress/singlestate', 'notPaths', 'notPath'],
  ['EnvoyFilter/istio-ingress/singlestate-edge', 'remove_on_match', 'remove_on_mach'],
  ['EnvoyFilter/istio-ingress/singlestate-reports', 'context_extensions', 'context_extension'],
])('Istio finds a typing error in %s', async (object, right, wrong) => {
  const text = JSON.stringify(await shipped());
  const mistyped = JSON.parse(text.replace(`"${right}"`, `"${wrong}"`)) as readonly ShippedObject[];
  const { findings } = await validate(mistyped);
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatch(new RegExp(`^${object}: .*unknown field "${wrong}"`));
});

test('Istio refuses a check by nobody', async () => {
  const anonymous = replaced(await shipped(), (key, value) => (key === 'provider' ? undefined : value));
  const { exitCode, findings } = await validate(anonymous);
  expect(exitCode).toBe(1);
  expect(findings.join()).toContain('`provider.name` must not be empty');
});

test('B5 outlier detection keeps no check within the zone of the gateway, as Istio would have it by itself', async () => {
  const rules = (await shipped()).filter(({ kind }) => kind === 'DestinationRule');
  expect(rules).toHaveLength(1);
  expect(rules[0]).toMatchObject({
    spec: { trafficPolicy: { loadBalancer: { localityLbSetting: { enabled: false } } } },
  });
});
