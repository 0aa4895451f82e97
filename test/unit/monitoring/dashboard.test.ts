import { describe, expect, test } from 'vitest';
import { METRICS, type MetricFacts } from '../../../src/ops/metrics.ts';
import { DASHBOARD, PANEL_QUERIES, PANELS, type DashboardPanel } from '../../parts/dashboard-file.ts';
import { knownSeries, strangersIn } from '../../parts/known-series.ts';
import { parseQuery } from '../../parts/promql.ts';

const known = await knownSeries();

/** The data source of whatever asks. */
const CHOSEN = { type: 'prometheus', uid: '${datasource}' };

test('H4 every metric is on the dashboard', () => {
  const shown = new Set(
    PANEL_QUERIES.flatMap(({ query }) => parseQuery(query).selectors.map(({ metric }) => metric)),
  );
  const isShown = ({ name, type }: MetricFacts) =>
    type === 'histogram' ? shown.has(`${name}_bucket`) : shown.has(name);
  const missing = Object.values<MetricFacts>(METRICS).filter((facts) => !isShown(facts));
  expect(missing.map(({ name }) => name)).toEqual([]);
});

test('H4 panels have ids and titles of their own, and none lies on another one', () => {
  for (const values of [DASHBOARD.panels.map(({ id }) => id), PANELS.map(({ title }) => title)])
    expect(new Set<unknown>(values).size).toBe(values.length);
  for (const one of DASHBOARD.panels)
    for (const other of DASHBOARD.panels) expect(one !== other && overlap(one, other)).toBe(false);
});

test('H4 the reader chooses the data source, and of what it has the namespace, the job and the pod', () => {
  const [source, ...others] = DASHBOARD.templating.list;
  expect(source?.name).toBe('datasource');
  expect(others.map(({ name }) => name)).toEqual(['namespace', 'job', 'pod']);
  for (const { datasource } of others) expect(datasource).toEqual(CHOSEN);
});

describe.each(PANELS)('the panel "$title"', ({ description, datasource, gridPos, targets = [] }) => {
  test('H4 says what it tells, and asks the data source that was chosen', () => {
    expect(description).toMatch(/\.$/);
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    expect(targets.length).toBeGreaterThan(0);
    for (const source of [datasource, ...targets.map((target) => target.datasource)])
      expect(source).toEqual(CHOSEN);
  });
});

test.each(PANEL_QUERIES)('H4 $name: asks for metrics that there are, of what was chosen', ({ query }) => {
  const parsed = parseQuery(query);
  expect(strangersIn(parsed, known)).toEqual([]);
  expect(parsed.selectors.length).toBeGreaterThan(0);
  for (const { labels } of parsed.selectors) expect(labels.slice(0, 3)).toEqual(['namespace', 'job', 'pod']);
});

function overlap({ gridPos: a }: DashboardPanel, { gridPos: b }: DashboardPanel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
