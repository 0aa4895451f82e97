import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ALERTS_FILE } from '../parts/alert-rules.ts';
import { only, rendered } from './helm.ts';

test('H4 the chart installs the alerts of deploy/, where it is told to', async () => {
  const labels = 'monitoring.prometheusRule.labels.release=prometheus';
  const args = ['--set', 'monitoring.prometheusRule.enabled=true', '--set', labels];
  const rule = only(await rendered('minimal', ...args), 'PrometheusRule', 'singlestate');
  expect(rule['spec']).toEqual(parse(await readFile(ALERTS_FILE, 'utf8')));
  expect(rule.metadata).toMatchObject({ labels: { release: 'prometheus' } });
  expect((await rendered('minimal')).map(({ kind }) => kind)).not.toContain('PrometheusRule');
});
