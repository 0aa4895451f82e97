/** The dashboard of deploy/grafana/, read, and its queries as Grafana sends them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const DASHBOARD_FILE = join(import.meta.dirname, '..', '..', 'deploy', 'grafana', 'singlestate.json');

export interface DashboardPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: object;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly datasource?: object;
  }[];
}

interface DashboardFile {
  readonly uid: string;
  readonly panels: readonly DashboardPanel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly datasource?: object }[] };
}

export const DASHBOARD = JSON.parse(readFileSync(DASHBOARD_FILE, 'utf8')) as DashboardFile;

/** Those that draw something. */
export const PANELS = DASHBOARD.panels.filter(({ type }) => type !== 'row');

/** With everything chosen, and a rate interval of a minute. */
export const PANEL_QUERIES = PANELS.flatMap(({ title, targets = [] }) =>
  targets.map(({ refId, expr }) => ({ name: `${title}, ${refId}`, query: asSent(expr) })),
);

function asSent(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(namespace|job|pod)\b/g, '.*');
}
