/** Runs a real Prometheus that scrapes each second, and asks it. Hides its configuration and its API. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { startPart, untilReady } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk } from '../../quickstart/wait.ts';

export interface PrometheusOptions {
  readonly binary: string;
  /** HOST:PORT of each replica, by the name of its pod. */
  readonly targets: Readonly<Record<string, string>>;
  readonly ruleFile: string;
}

export interface RunningPrometheus extends AsyncDisposable {
  /** The values of an instant query, now; none where there is no data. @throws Error with what Prometheus says of it. */
  values(query: string): Promise<readonly number[]>;
  /** The names of the alerts that are pending or firing, now. */
  alerts(): Promise<ReadonlySet<string>>;
}

interface Reply {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result?: readonly { readonly value: readonly [number, string] }[];
    readonly alerts?: readonly { readonly labels: { readonly alertname: string } }[];
  };
}

export async function startPrometheus({
  binary,
  targets,
  ruleFile,
}: PrometheusOptions): Promise<RunningPrometheus> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const configFile = join(folder, 'prometheus.yaml');
  await writeFile(configFile, stringify(configOf(targets, ruleFile)));
  const port = await freePort();
  const part = await startPart({
    name: 'Prometheus',
    command: binary,
    args: [
      ...[`--config.file=${configFile}`, `--storage.tsdb.path=${join(folder, 'data')}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'],
    ],
    logFile: join(folder, 'prometheus.log'),
  });
  undo.defer(() => part.stop());
  const url = `http://127.0.0.1:${port}`;
  await untilReady(part, () => answersOk(`${url}/-/ready`), { timeoutMs: 30_000 });
  const down = undo.move();
  const ask = async (path: string) => {
    const reply = (await (await fetch(`${url}/api/v1/${path}`)).json()) as Reply;
    if (reply.status !== 'success') throw new Error(`Prometheus answers ${path}: ${reply.error ?? ''}`);
    return reply.data ?? {};
  };
  return {
    async values(query) {
      const { result = [] } = await ask(`query?${new URLSearchParams({ query }).toString()}`);
      return result.map(({ value: [, value] }) => Number(value));
    },
    async alerts() {
      const { alerts = [] } = await ask('alerts');
      return new Set(alerts.map(({ labels }) => labels.alertname));
    },
    [Symbol.asyncDispose]: () => down.disposeAsync(),
  };
}

function configOf(targets: PrometheusOptions['targets'], ruleFile: string): object {
  const place = { cluster: 'test', namespace: 'sessions' };
  return {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [ruleFile],
    scrape_configs: [
      {
        job_name: 'singlestate',
        static_configs: Object.entries(targets).map(([pod, address]) => ({
          targets: [address],
          labels: { ...place, pod },
        })),
      },
    ],
  };
}

/** What promtool printed. @throws Error with it, where it finds something wrong. */
export async function promtool(binary: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(binary, args);
    return stdout + stderr;
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`, { cause });
  }
}
