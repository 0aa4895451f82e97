/** TLS of the listeners: loaded as part of a runtime, put before each listener, and swapped by a reload. */
import type { Config } from '../config/schema.ts';
import { loadTlsMaterial, type TlsMaterial } from '../net/tls-material.ts';
import {
  createTlsTermination,
  type AlpnProtocol,
  type TlsRefusal,
  type TlsTermination,
  type TlsTerminationOptions,
} from '../net/tls-termination.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import { createMinuteBudget } from '../ops/minute-budget.ts';
import type { Part } from './part.ts';

export type ListenerName = keyof Config['tls'];

/** By listener; one that is not in here speaks cleartext. */
export type ListenerTls = ReadonlyMap<ListenerName, TlsMaterial>;

const LISTENERS = ['check', 'http', 'api', 'ops'] as const satisfies readonly ListenerName[];

/** Reads every file that `tls` names. Never rejects for what is in one. */
export async function loadListenerTls(config: Config['tls'], nowMs: number): Promise<Part<ListenerTls>> {
  const configured = LISTENERS.flatMap((name) => {
    const files = config[name];
    return files === undefined ? [] : [{ name, files }];
  });
  const loaded = await Promise.all(
    configured.map(async ({ name, files }) => ({ name, tls: await loadTlsMaterial(files, nowMs) })),
  );
  const findings = loaded.flatMap(({ name, tls }) =>
    tls.ok ? [] : tls.problems.map(({ key, message }) => ({ path: ['tls', name, key], message })),
  );
  if (findings.length > 0) return { ok: false, findings };
  return {
    ok: true,
    value: new Map(loaded.flatMap(({ name, tls }) => (tls.ok ? [[name, tls.material]] : []))),
    warnings: loaded.flatMap(({ tls }) => (tls.ok ? tls.warnings : [])),
  };
}

const PROTOCOLS: Readonly<Record<ListenerName, readonly AlpnProtocol[]>> = {
  check: ['h2'],
  http: ['http/1.1'],
  api: ['h2', 'http/1.1'],
  ops: ['http/1.1'],
};

/** At `api` a certificate is one way of several to show who is calling. */
const CLIENT_CERTIFICATE: Readonly<Record<ListenerName, TlsTerminationOptions['clientCertificate']>> = {
  check: 'required',
  http: 'required',
  api: 'optional',
  ops: 'required',
};

export interface Terminations {
  /** For `listen`; undefined for a listener in cleartext. */
  of(name: ListenerName): TlsTermination | undefined;
  /** Takes up what a reload found; the same listeners have TLS as before. */
  update(tls: ListenerTls): void;
}

/** Whoever can connect can be refused; all refusals are counted. */
const REFUSALS_LOGGED_PER_MINUTE = 60;

export interface TerminationParts {
  readonly log: Pick<Log, 'warn'>;
  readonly metrics: Pick<Metrics, 'tlsRefused'>;
  readonly now: () => number;
}

export function createTerminations(tls: ListenerTls, { log, metrics, now }: TerminationParts): Terminations {
  const mayLog = createMinuteBudget(REFUSALS_LOGGED_PER_MINUTE, now);
  const refused = (listener: ListenerName) => (refusal: TlsRefusal) => {
    metrics.tlsRefused(listener, refusal.reason);
    if (mayLog()) log.warn('a TLS connection was refused', { listener, ...refusal });
  };
  const terminations = new Map(
    [...tls].map(([name, material]) => [
      name,
      createTlsTermination({
        material,
        protocols: PROTOCOLS[name],
        clientCertificate: CLIENT_CERTIFICATE[name],
        onRefused: refused(name),
      }),
    ]),
  );
  return {
    of: (name) => terminations.get(name),
    update(next) {
      for (const [name, material] of next) terminations.get(name)?.update(material);
    },
  };
}
