/** The load: one run of bench/load against one URL, and its figures. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Connections of the closed loop: each sends its next request when it has the answer to its last. */
export const CONNECTIONS = 32;

/** What the requests ask for: `bench/singlestate.ts` has a route for it that requires a scope. */
export const REQUEST_PATH = '/invoices/42';
export const REQUEST_HOST = 'billing.example.com';

export interface LoadOptions {
  /** The program that `buildGoProgram('load')` built. */
  readonly program: string;
  readonly url: string;
  readonly requests: number;
  /** A file of session tokens, one a line; each connection sends one of them as its bearer token. */
  readonly tokenFile: string;
}

/** As bench/load prints it. */
export interface LoadReport {
  readonly requests: number;
  readonly seconds: number;
  /** Status code, or -1 where there was no answer, to how often. */
  readonly codes: Readonly<Record<string, number>>;
  /** Measured by the client, microseconds. */
  readonly latencyMicros: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
}

export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { stdout } = await promisify(execFile)(options.program, [
    ...['-url', options.url + REQUEST_PATH, '-host', REQUEST_HOST],
    ...['-connections', String(CONNECTIONS), '-requests', String(options.requests)],
    ...['-tokens', options.tokenFile],
  ]);
  return JSON.parse(stdout) as LoadReport;
}
