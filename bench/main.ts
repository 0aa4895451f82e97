/**
 * `npm run bench`: what a check costs. Through one real Envoy, in one run and in turns: no check at all, a bare Go server
 * (bench/reference-go), and Singlestate with everything that it does by default, over gRPC and over HTTP. bench/README.md says how to read it.
 */
import { valkeyBinary } from '../quickstart/parts.ts';
import { compare, exitCodeOf, type Contestant } from './rig/compare.ts';
import { CONNECTIONS } from './rig/load.ts';
import { commandLine, COMPARISON_OPTIONS, comparisonOptions, ratio } from './rig/options.ts';
import { REFERENCE_SUBJECT, startReference } from './rig/reference.ts';
import type { ComparisonReport } from './rig/report.ts';
import { inRun } from './rig/run.ts';
import { createSessionSource, startSinglestate } from './rig/singlestate.ts';
import { startBenchValkey } from './rig/valkey.ts';

const REFERENCE = 'reference-go';
const SUBJECT = 'singlestate';
const OVER_HTTP = 'singlestate-http';

await inRun(async (run) => {
  const values = commandLine({ ...COMPARISON_OPTIONS, 'assert-ratio': { type: 'string' } });
  const options = comparisonOptions(values);
  const highest = ratio('--assert-ratio', values['assert-ratio'] ?? 'Infinity');
  const valkey = await startBenchValkey(run);
  const reference = await startReference(run, valkey.port);
  const source = await createSessionSource(run, valkey.port);
  const singlestate = await startSinglestate(run, { name: SUBJECT, source });
  const overHttp = await startSinglestate(run, { name: OVER_HTTP, source, transport: 'http' });
  const sessions = await source.openSessions(CONNECTIONS);
  const contestants: Contestant[] = [
    { name: 'no-authz', refusesWithoutToken: false },
    { name: REFERENCE, server: reference, subject: REFERENCE_SUBJECT, refusesWithoutToken: false },
    {
      name: SUBJECT,
      server: singlestate.server,
      subject: sessions[0]?.subject,
      refusesWithoutToken: true,
    },
    {
      name: OVER_HTTP,
      server: overHttp.server,
      subject: sessions[0]?.subject,
      refusesWithoutToken: true,
    },
  ];
  const tokens = sessions.map(({ token }) => token);
  const binaries = { Valkey: await valkeyBinary() };
  const report = await compare(run, { contestants, reference: REFERENCE, tokens, binaries }, options);
  return exitCodeOf(report) || judge(report, highest);
});

/** The exit code: 1 when a check of Singlestate costs more processor time than this many checks of the reference. */
function judge(report: ComparisonReport, highest: number): number {
  const ratios = report.variants.find(({ name }) => name === SUBJECT)?.ratios;
  const found = ratios?.cpuMicrosPerCheck?.median ?? Infinity;
  if (found <= highest) return 0;
  console.error(`CPU per check is ${found.toFixed(2)} times the reference's; ${highest} was allowed`);
  return 1;
}
