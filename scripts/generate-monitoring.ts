/** Copies what deploy/prometheus/ holds into the chart, which can't read files outside of it. With `--check` it fails where a file is stale. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeOrCheck } from './generated.ts';
import { ROOT } from './run.ts';

writeOrCheck(
  'helm/singlestate/files/alerts.yaml',
  readFileSync(join(ROOT, 'deploy/prometheus/alerts.yaml'), 'utf8'),
);
