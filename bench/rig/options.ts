/** The command line of the benchmarks. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { CONNECTIONS } from './load.ts';

/** The command line can't be followed; the message says what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What every comparison takes. */
export const COMPARISON_OPTIONS = {
  rounds: { type: 'string', default: '5' },
  requests: { type: 'string', default: '20000' },
  json: { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

export interface ComparisonOptions {
  readonly rounds: number;
  /** For each variant in each round. */
  readonly requests: number;
  /** Where the report goes as JSON too. */
  readonly jsonFile?: string;
}

interface ComparisonValues {
  readonly rounds: string;
  readonly requests: string;
  readonly json?: string;
}

/** @throws UsageError */
export function comparisonOptions({ rounds, requests, json }: ComparisonValues): ComparisonOptions {
  return {
    rounds: wholeNumber('--rounds', rounds, 1, 100),
    requests: wholeNumber('--requests', requests, CONNECTIONS, 1_000_000),
    ...(json === undefined ? {} : { jsonFile: json }),
  };
}

/** The values of the process' command line, which may have these options and nothing else. @throws UsageError */
export function commandLine<T extends ParseArgsOptionsConfig>(options: T) {
  try {
    return parseArgs({ args: process.argv.slice(2), options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const known = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(`${(error as Error).message}; the options are ${known.join(', ')}`);
  }
}

/** @throws UsageError */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${option} must be a whole number from ${min} to ${max}`);
}

/** A number above 0. @throws UsageError */
export function ratio(option: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new UsageError(`${option} must be a number above 0, such as 1.3`);
}
