/** A whole comparison: one Envoy, every contestant behind it, tried out, measured in turns, printed and written. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { envoyBinary } from '../../quickstart/parts.ts';
import type { CheckServer } from './check-server.ts';
import { ENVOY_WORKERS, startBenchEnvoy } from './envoy.ts';
import { buildGoProgram } from './go-programs.ts';
import { CONNECTIONS } from './load.ts';
import { describeMachine } from './machine.ts';
import { measureInTurns, type Rig } from './measure.ts';
import type { ComparisonOptions } from './options.ts';
import { printComparison, type ComparisonReport } from './report.ts';
import type { Run } from './run.ts';
import { summarize } from './summary.ts';
import { tryOut } from './trial.ts';

export interface Contestant {
  readonly name: string;
  /** Without it Envoy asks nobody. */
  readonly server?: CheckServer;
  /** The `x-session-subject` that its checks set. */
  readonly subject?: string | undefined;
  /** Whether it looks for a credential at all. */
  readonly refusesWithoutToken: boolean;
}

export interface Comparison {
  readonly contestants: readonly Contestant[];
  /** The contestant that ratios are to. */
  readonly reference: string;
  /** Session tokens, one for each connection. */
  readonly tokens: readonly string[];
  /** Programs beside Envoy whose versions matter, by the name to show. */
  readonly binaries: Readonly<Record<string, string>>;
}

/** How many answers may be other than 200, as a share: beyond it the figures would be those of another kind of answer. */
const MAX_FAILED = 0.001;

/** Prints the report too, and writes it where the options say. @throws Error when a contestant's trial answer is wrong */
export async function compare(
  run: Run,
  comparison: Comparison,
  options: ComparisonOptions,
): Promise<ComparisonReport> {
  const startedAt = new Date().toISOString();
  const rig = await startRig(run, comparison);
  for (const contestant of comparison.contestants) await tryContestant(rig, contestant, comparison.tokens);
  const tokenFile = join(run.dir, 'tokens');
  writeFileSync(tokenFile, comparison.tokens.join('\n'));
  const variants = comparison.contestants.map(({ name, server }) => ({
    name,
    tokenFile,
    ...(server ? { pid: server.pid } : {}),
  }));
  const samples = await measureInTurns(rig, variants, { ...options, onSample: showProgress });
  const report = {
    startedAt,
    machine: describeMachine({ Envoy: await envoyBinary(), ...comparison.binaries }),
    settings: {
      rounds: options.rounds,
      requestsPerRound: options.requests,
      connections: CONNECTIONS,
      envoyWorkers: ENVOY_WORKERS,
    },
    reference: comparison.reference,
    variants: summarize(samples, comparison.reference),
  };
  printComparison(report);
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

async function startRig(run: Run, { contestants }: Comparison): Promise<Rig> {
  const loadProgram = buildGoProgram('load');
  const variants = contestants.map(({ name, server }) => ({
    name,
    ...(server ? { checkPort: server.checkPort, transport: server.transport } : {}),
  }));
  return { envoy: await startBenchEnvoy(run, variants), loadProgram };
}

async function tryContestant(
  { envoy }: Rig,
  contestant: Contestant,
  tokens: readonly string[],
): Promise<void> {
  await tryOut({
    variant: contestant.name,
    url: envoy.urlOf(contestant.name),
    token: tokens[0] ?? '',
    expectedSubject: contestant.subject,
    refusesWithoutToken: contestant.refusesWithoutToken,
  });
}

function showProgress(round: number, { name }: { readonly name: string }): void {
  process.stderr.write(`round ${round + 1}: ${name}\n`);
}

/** 0, or 1 after saying whose figures mean nothing because too many of its answers were not 200. */
export function exitCodeOf({ variants }: ComparisonReport): number {
  const spoilt = variants.filter(({ failed, requests }) => failed > requests * MAX_FAILED);
  for (const { name, failed, requests } of spoilt) {
    console.error(`${name}: ${failed} of ${requests} answers were not 200, so its figures mean nothing`);
  }
  return spoilt.length > 0 ? 1 : 0;
}
