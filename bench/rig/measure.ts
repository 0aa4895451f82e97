/** One measurement of one variant, and whole rounds of them in turns. */
import type { BenchEnvoy } from './envoy.ts';
import { runLoad } from './load.ts';
import { cpuMicros, rssBytes } from './process-accounting.ts';

export interface Variant {
  readonly name: string;
  /** The process of its ext_authz server; without it the variant asks nobody. */
  readonly pid?: number;
  /** One session token a line. Every variant is sent the same ones. */
  readonly tokenFile: string;
}

export interface Sample {
  readonly requests: number;
  /** Answers other than 200, no answer among them. */
  readonly failed: number;
  /** Status code, or -1 for no answer, to how often. */
  readonly codes: Readonly<Record<string, number>>;
  /** Processor time of the ext_authz server, by the operating system, for each check that Envoy counted. */
  readonly cpuMicrosPerCheck?: number;
  readonly requestsPerSecond: number;
  /** Of whole requests through Envoy, as the client saw them. */
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** Resident memory of the ext_authz server at the end of the measurement. */
  readonly rssBytes?: number;
}

export interface Rig {
  readonly envoy: BenchEnvoy;
  readonly loadProgram: string;
}

export async function measure(rig: Rig, variant: Variant, requests: number): Promise<Sample> {
  const before = await account(rig, variant);
  const report = await runLoad({
    program: rig.loadProgram,
    url: rig.envoy.urlOf(variant.name),
    requests,
    tokenFile: variant.tokenFile,
  });
  const after = await account(rig, variant);
  return {
    requests: report.requests,
    failed: report.requests - (report.codes['200'] ?? 0),
    codes: report.codes,
    requestsPerSecond: report.requests / report.seconds,
    p50Micros: report.latencyMicros.p50,
    p99Micros: report.latencyMicros.p99,
    ...(before && after
      ? {
          cpuMicrosPerCheck: (after.cpuMicros - before.cpuMicros) / (after.checks - before.checks),
          rssBytes: after.rssBytes,
        }
      : {}),
  };
}

async function account(rig: Rig, variant: Variant) {
  if (variant.pid === undefined) return undefined;
  return {
    checks: await rig.envoy.checksOf(variant.name),
    cpuMicros: cpuMicros(variant.pid),
    rssBytes: rssBytes(variant.pid),
  };
}

export interface RoundsOptions {
  readonly rounds: number;
  readonly requests: number;
  readonly onSample: (round: number, variant: Variant, sample: Sample) => void;
}

/**
 * Every variant once in each round, after one round that only warms up and is thrown away. The order moves on by one
 * with each round, so that none always runs first, or always after the same other one.
 *
 * @returns the samples by variant name, one for each round, in order
 */
export async function measureInTurns(
  rig: Rig,
  variants: readonly Variant[],
  options: RoundsOptions,
): Promise<Map<string, Sample[]>> {
  const samples = new Map(variants.map(({ name }): [string, Sample[]] => [name, []]));
  for (const variant of variants) await measure(rig, variant, options.requests);
  for (let round = 0; round < options.rounds; round += 1) {
    for (const variant of rotated(variants, round)) {
      const sample = await measure(rig, variant, options.requests);
      samples.get(variant.name)?.push(sample);
      options.onSample(round, variant, sample);
    }
  }
  return samples;
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
