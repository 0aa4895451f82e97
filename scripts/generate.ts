/** Writes everything that is generated from a source in this repository; with `--check`, fails where one is stale. */
import { run } from './run.ts';

/** Each takes `--check`, and then names what is stale and exits with 1. */
const GENERATORS = [
  'scripts/generate-code.ts',
  'scripts/generate-config-docs.ts',
  'scripts/generate-metrics-docs.ts',
  'scripts/generate-reasons-docs.ts',
  'scripts/generate-commands-docs.ts',
  'scripts/generate-session-routes.ts',
  'scripts/generate-chart.ts',
  'scripts/generate-monitoring.ts',
];

const flags = process.argv.includes('--check') ? ['--check'] : [];
const failed = GENERATORS.filter((script) => !run(process.execPath, [script, ...flags]));
if (failed.length > 0) process.exitCode = 1;
