import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ALERTS_FILE } from '../parts/alert-rules.ts';
import { DASHBOARD_FILE } from '../parts/dashboard-file.ts';
import { only, rendered, type KubernetesObject } from './helm.ts';

test('H4 the chart installs the alerts of deploy/, where it is told to', async () => {
  const labels = 'monitoring.prometheusRule.labels.release=prometheus';
  const args = ['--set', 'monitoring.prometheusRule.enabled=true', '--set', labels];
  const rule = only(await rendered('minimal', ...args), 'PrometheusRule', 'singlestate');
  expect(rule['spec']).toEqual(parse(await readFile(ALERTS_FILE, 'utf8')));
  expect(rule.metadata).toMatchObject({ labels: { release: 'prometheus' } });
  expect((await rendered('minimal')).map(({ kind }) => kind)).not.toContain('PrometheusRule');
});

test('H4 the chart installs the dashboard of deploy/, where it is told to, for the sidecar of Grafana', async () => {
  const objects = await rendered('minimal', '--set', 'monitoring.dashboard.enabled=true');
  const { metadata, data } = only(objects, 'ConfigMap', 'singlestate-dashboard') as KubernetesObject & {
    readonly data: Readonly<Record<string, string>>;
  };
  expect(data).toEqual({ 'singlestate.json': await readFile(DASHBOARD_FILE, 'utf8') });
  expect(metadata).toMatchObject({ labels: { grafana_dashboard: '1' } });
  const names = (await rendered('minimal')).map((object) => object.metadata.name);
  expect(names).not.toContain('singlestate-dashboard');
});
