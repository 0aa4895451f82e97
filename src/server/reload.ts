/** Takes up a changed configuration while the server runs, as a whole or not at all; the last good one stays. */
import { namedFiles } from '../config/files.ts';
import { restartOnlyChanges } from '../config/restart-only.ts';
import { watchConfig } from '../config/watch.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { AuditTrail } from '../session/audit.ts';
import type { LoadedRuntime } from './load-runtime.ts';
import type { Runtime } from './runtime.ts';

/** ConfigMaps and Secrets take a minute to reach a pod; a look at a few small files costs next to nothing. */
const WATCH_INTERVAL_MS = 1_000;

export interface ReloadOptions {
  readonly configFile: string;
  readonly load: () => Promise<LoadedRuntime>;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly trail: Pick<AuditTrail, 'record'>;
  readonly current: () => Runtime;
  /** Rejects where `next` can't be taken up after all. */
  readonly swap: (next: Runtime) => Promise<void>;
}

export interface Reloading {
  /** Reads everything again, changed or not. Never rejects. */
  now(): Promise<void>;
  stop(): void;
}

/** Watches the configuration file and every file that it names. */
export function startReloading(options: ReloadOptions): Reloading {
  const { configFile, log, current } = options;
  return watchConfig({
    files: () => [configFile, ...namedFiles(current().config, '/').map(({ location }) => location)],
    intervalMs: WATCH_INTERVAL_MS,
    onChange: () => reload(options),
    onFault: (error) => log.error('the configuration could not be reloaded', { err: error }),
  });
}

async function reload(options: ReloadOptions): Promise<void> {
  const { load, metrics, log, current, swap } = options;
  const built = await load();
  const problems = built.ok
    ? restartOnlyChanges(current().config, built.runtime.config).map(
        (path) => `${path} can't change while the server runs: restart it`,
      )
    : built.problems;
  if (!built.ok || problems.length > 0) return refuse(options, problems);
  try {
    await swap(built.runtime);
  } catch (error) {
    return refuse(options, [error instanceof Error ? error.message : 'unknown error']);
  }
  built.warnings.forEach((warning) => log.warn(warning));
  metrics.configReloaded('applied');
  const { length } = built.runtime.config.routes;
  log.info('the changed configuration was applied', { routes: length });
  await leaveRecord(options, 'config_reloaded', `${length} routes`);
}

async function refuse(options: ReloadOptions, problems: readonly string[]): Promise<void> {
  options.metrics.configReloaded('refused');
  options.log.error('the changed configuration was refused, the last good one stays', { problems });
  await leaveRecord(options, 'config_refused', `${problems.length} problems`);
}

/** A store that does not answer holds up no reload: the log has it all the same. */
async function leaveRecord(
  { trail, log }: ReloadOptions,
  action: 'config_reloaded' | 'config_refused',
  detail: string,
): Promise<void> {
  try {
    await trail.record({ action, actor: { kind: 'singlestate', name: '' }, detail });
  } catch (error) {
    log.warn('a reload could not be put into the audit trail', { action, err: error });
  }
}
