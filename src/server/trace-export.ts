/** Where traces go: the settings out of the configuration and the files that it names, and who is told of the export. */
import { readSecretFile } from '../config/files.ts';
import type { Finding } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { loadTlsClientMaterial } from '../net/tls-material.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import { createMinuteBudget } from '../ops/minute-budget.ts';
import { parseOtlpHeaders } from '../tracing/otlp-headers.ts';
import type { TracingOptions, TracingSettings } from '../tracing/settings.ts';
import type { Part } from './part.ts';

/** Undefined where tracing is off. Never rejects for what is in a file. `nowMs` is Unix time. */
export async function loadTracingSettings(
  config: Config['tracing'],
  nowMs: number,
): Promise<Part<TracingSettings | undefined>> {
  if (config === undefined) return { ok: true, value: undefined, warnings: [] };
  const { endpoint, headersFile, tls: tlsFiles = {}, sampleRatio, serviceName } = config;
  const [headers, tls] = await Promise.all([
    readHeaders(headersFile),
    loadTlsClientMaterial(tlsFiles, nowMs),
  ]);
  if (headers.ok && tls.ok) {
    const value = { endpoint, headers: headers.headers, tls: tls.material, sampleRatio, serviceName };
    return { ok: true, value, warnings: [] };
  }
  const findings: Finding[] = [];
  if (!headers.ok) findings.push({ path: ['tracing', 'headersFile'], message: headers.problem });
  if (!tls.ok) {
    findings.push(...tls.problems.map(({ key, message }) => ({ path: ['tracing', 'tls', key], message })));
  }
  return { ok: false, findings };
}

async function readHeaders(file: string | undefined): Promise<ReturnType<typeof parseOtlpHeaders>> {
  if (file === undefined) return { ok: true, headers: {} };
  const secret = await readSecretFile(file);
  const headers = secret.ok ? parseOtlpHeaders(secret.text) : secret;
  return headers.ok ? headers : { ok: false, problem: `${file} ${headers.problem}` };
}

/** A collector that is down fails every batch. */
const FAILURES_LOGGED_PER_MINUTE = 1;

export interface TraceExportParts {
  readonly version: string;
  readonly metrics: Pick<Metrics, 'spansEnded'>;
  readonly log: Pick<Log, 'warn'>;
  readonly now: () => number;
}

export function tracingOptions(
  { store: { url } }: Pick<Config, 'store'>,
  { version, metrics, log, now }: TraceExportParts,
): TracingOptions {
  const mayLog = createMinuteBudget(FAILURES_LOGGED_PER_MINUTE, now);
  return {
    version,
    store: url === 'memory:' ? undefined : placeOf(new URL(url)),
    onSpans: (outcome, count) => metrics.spansEnded(outcome, count),
    onFailure(error) {
      if (mayLog()) log.warn('traces could not be sent to the collector', { err: error });
    },
  };
}

const REDIS_PORT = 6379;

function placeOf({ hostname, port }: URL): NonNullable<TracingOptions['store']> {
  return { host: hostname, port: port === '' ? REDIS_PORT : Number(port) };
}
