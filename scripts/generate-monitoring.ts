/**
 * Writes deploy/grafana/singlestate.json from scripts/dashboard-rows.ts, and copies it and the alerts of deploy/prometheus/
 * into the chart, which can't read files outside of it. With `--check` it fails where a file is stale.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { buildDashboard } from './dashboard.ts';
import { writeOrCheck } from './generated.ts';
import { ROOT } from './run.ts';

const DASHBOARD = 'deploy/grafana/singlestate.json';
const CHART_FILES = 'helm/singlestate/files';

const style = await resolveConfig(join(ROOT, DASHBOARD));
const dashboard = await format(JSON.stringify(buildDashboard()), { ...style, parser: 'json' });
writeOrCheck(DASHBOARD, dashboard);
writeOrCheck(`${CHART_FILES}/dashboard.json`, dashboard);
writeOrCheck(`${CHART_FILES}/alerts.yaml`, readFileSync(join(ROOT, 'deploy/prometheus/alerts.yaml'), 'utf8'));
