import { execFile } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { helm, render, VALUE_SETS } from '../chart/helm.ts';
import { withSidecarChart } from '../chart/sidecar-app.ts';
import { kubeScoreBinary } from '../parts/kube-score.ts';

let binary: string;
beforeAll(async () => {
  binary = await kubeScoreBinary();
}, 300_000);

/** What we do otherwise, each for a reason. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'container-image-pull-policy':
    'tags are fixed and never moved; pulling each time would make a start depend on the registry',
  'deployment-has-host-podantiaffinity': 'topologySpreadConstraints do it',
  'pod-networkpolicy':
    'of replicas and Valkey there is one; pods of hooks and jobs live for seconds and listen nowhere',
  'container-resources':
    'no CPU limit: throttling would make checks late. The memory limit is asserted in pod-security.test.ts',
  'deployment-replicas': 'the trial has one, and so has the example of a sidecar',
  'deployment-has-poddisruptionbudget': 'asserted of the chart below; the example has one replica',
};

async function problemsOf(objects: string): Promise<readonly string[]> {
  const ignored = Object.keys(OTHERWISE).flatMap((name) => ['--ignore-test', name]);
  const args = ['score', '--kubernetes-version', 'v1.34', '--output-format', 'ci', ...ignored, '-'];
  const output = await new Promise<string>((resolve) => {
    const child = execFile(binary, args, (_error, stdout, stderr) => resolve(stdout + stderr));
    child.stdin?.end(objects);
  });
  expect(output).toContain('[OK] ');
  return output.split('\n').filter((line) => line !== '' && !/^\[(OK|SKIPPED)\]/.test(line));
}

describe('kube-score', () => {
  test.each(VALUE_SETS)('H3 finds nothing in %s.yaml that is not meant', async (set) => {
    expect(await problemsOf(await render(set))).toEqual([]);
  });

  test('H3 finds nothing in the example of a sidecar that is not meant', async () => {
    const text = await withSidecarChart((chart) =>
      helm('template', 'app', chart, '--set', 'app.image=app:1'),
    );
    expect(await problemsOf(text)).toEqual([]);
  });

  test('H3 the replicas have a PodDisruptionBudget', async () => {
    expect(await render('minimal')).toContain('kind: PodDisruptionBudget');
  });

  test('finds what is wrong', async () => {
    const wrong = (await render('minimal')).replaceAll(
      'readOnlyRootFilesystem: true',
      'readOnlyRootFilesystem: false',
    );
    expect((await problemsOf(wrong)).join('\n')).toContain('writable');
  });
});
