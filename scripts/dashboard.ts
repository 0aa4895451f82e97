/** Puts the Grafana dashboard together: variables to choose a data source, releases and replicas by, and rows of panels. */
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE, panelOf } from './dashboard-panels.ts';
import { ROWS } from './dashboard-rows.ts';

const SERIES = 'singlestate_build_info';

/** In the order in which one narrows the next. */
const VARIABLES = [
  { name: 'namespace', label: 'Namespace', series: SERIES },
  { name: 'job', label: 'Job', series: `${SERIES}{namespace=~"$namespace"}` },
  { name: 'pod', label: 'Pod', series: `${SERIES}{namespace=~"$namespace",job=~"$job"}` },
];

/** Grafana's classic model, which 10 and later import. */
export function buildDashboard(): Dashboard {
  const builder = new DashboardBuilder('Singlestate')
    .uid('singlestate')
    .description('Checks, sessions and the store of Singlestate, an ext_authz server for Envoy.')
    .tags(['singlestate', 'envoy'])
    .timezone('browser')
    .time({ from: 'now-3h', to: 'now' })
    .refresh('30s')
    .annotations([])
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  for (const { name, label, series } of VARIABLES) {
    builder.withVariable(choice(name, label, `label_values(${series}, ${name})`));
  }
  let id = 0;
  for (const [title, panels] of Object.entries(ROWS)) {
    builder.withRow(new RowBuilder(title).id((id += 1)));
    for (const facts of panels) builder.withPanel(panelOf(facts, (id += 1)));
  }
  return builder.build();
}

/** `All` matches what has no such label, as without Kubernetes. */
function choice(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query({ query, refId: name })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ text: 'All', value: '$__all' });
}
