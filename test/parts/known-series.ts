/** Which series a scraped Singlestate has: what alerts and the dashboard may ask for. */
import { createMetrics, METRICS, type MetricFacts } from '../../src/ops/metrics.ts';
import { parseExposition } from '../unit/ops/exposition.ts';
import type { Query } from './promql.ts';

/** What Prometheus adds to each series of a target. */
const TARGET_LABELS = ['cluster', 'namespace', 'job', 'pod', 'instance'];

/** Has no sample, and so shows no label, before the first collection. */
const GARBAGE_COLLECTION = 'nodejs_gc_duration_seconds';

/** Metric name as queries have it -> its labels, those of the target left out. */
export type KnownSeries = ReadonlyMap<string, readonly string[]>;

/** Our own, Node's, and what Prometheus itself says of a target. */
export async function knownSeries(): Promise<KnownSeries> {
  const own = Object.values<MetricFacts>(METRICS).flatMap(({ name, type, labels }) =>
    seriesOf(name, type, Object.keys(labels)),
  );
  const exposed = parseExposition(await createMetrics({ version: '' }).expose());
  const nodes = [...exposed.values()].filter(({ name }) => !name.startsWith('singlestate_'));
  const nodeSeries = nodes.flatMap(({ name, type, samples }) =>
    seriesOf(name, type, [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))]),
  );
  return new Map([...own, ...nodeSeries, ...seriesOf(GARBAGE_COLLECTION, 'histogram', ['kind']), ['up', []]]);
}

function seriesOf(name: string, type: string, labels: readonly string[]): [string, readonly string[]][] {
  if (type !== 'histogram') return [[name, labels]];
  return [
    [`${name}_bucket`, [...labels, 'le']],
    [`${name}_sum`, labels],
    [`${name}_count`, labels],
  ];
}

/** What a query asks for that is not there, in words. */
export function strangersIn(query: Query, known: KnownSeries): readonly string[] {
  const all = new Set([
    ...TARGET_LABELS,
    ...query.selectors.flatMap(({ metric }) => known.get(metric) ?? []),
  ]);
  return [
    ...query.selectors.flatMap(({ metric, labels }) => {
      const its = known.get(metric);
      if (its === undefined) return [`${metric} is no metric`];
      const foreign = labels.filter((label) => ![...its, ...TARGET_LABELS].includes(label));
      return foreign.map((label) => `${metric} has no label ${label}`);
    }),
    ...query.grouping.filter((label) => !all.has(label)).map((label) => `nothing has a label ${label}`),
  ];
}
