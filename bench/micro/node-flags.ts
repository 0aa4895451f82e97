/**
 * What Node's flags for garbage collection are worth to the whole product: the same server with each set of flags,
 * through the real Envoy, in one run and in turns. docs/decisions/0005-node-flags.md rests on it.
 */
import { valkeyBinary } from '../../quickstart/parts.ts';
import { compare, exitCodeOf, type Contestant } from '../rig/compare.ts';
import { CONNECTIONS } from '../rig/load.ts';
import { productNodeFlags } from '../rig/node-flags.ts';
import { commandLine, COMPARISON_OPTIONS, comparisonOptions } from '../rig/options.ts';
import { inRun } from '../rig/run.ts';
import { createSessionSource, startSinglestate } from '../rig/singlestate.ts';
import { startBenchValkey } from '../rig/valkey.ts';

const REFERENCE = 'as-shipped';

const FLAGS = {
  [REFERENCE]: productNodeFlags(),
  'semi-space-2': ['--max-semi-space-size=2', '--single-threaded-gc'],
  'semi-space-4': ['--max-semi-space-size=4', '--single-threaded-gc'],
  'semi-space-16': ['--max-semi-space-size=16', '--single-threaded-gc'],
  'single-threaded-gc': ['--single-threaded-gc'],
};

await inRun(async (run) => {
  const options = comparisonOptions(commandLine(COMPARISON_OPTIONS));
  const valkey = await startBenchValkey(run);
  const source = await createSessionSource(run, valkey.port);
  const sessions = await source.openSessions(CONNECTIONS);
  const contestants: Contestant[] = [];
  for (const [name, nodeFlags] of Object.entries(FLAGS)) {
    const { server } = await startSinglestate(run, { name, source, nodeFlags });
    contestants.push({ name, server, subject: sessions[0]?.subject, refusesWithoutToken: true });
  }
  const tokens = sessions.map(({ token }) => token);
  const binaries = { Valkey: await valkeyBinary() };
  return exitCodeOf(await compare(run, { contestants, reference: REFERENCE, tokens, binaries }, options));
});
