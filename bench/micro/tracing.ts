/**
 * What tracing costs the whole product: off, with one check of a hundred sampled, and with all of them, through the real
 * Envoy, in one run and in turns. The collector takes everything and reads nothing.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { valkeyBinary } from '../../quickstart/parts.ts';
import { compare, exitCodeOf, type Contestant } from '../rig/compare.ts';
import { CONNECTIONS } from '../rig/load.ts';
import { commandLine, COMPARISON_OPTIONS, comparisonOptions } from '../rig/options.ts';
import { inRun, type Run } from '../rig/run.ts';
import { createSessionSource, startSinglestate } from '../rig/singlestate.ts';
import { startBenchValkey } from '../rig/valkey.ts';

const REFERENCE = 'tracing-off';

/** Envoy does not trace here, so that each check begins a trace of its own. */
const SAMPLE_RATIOS = { [REFERENCE]: undefined, 'sampled-1-percent': 0.01, 'sampled-all': 1 };

/** Resolves to its URL. It is in this process, whose processor time nobody counts. */
async function startSink(run: Run): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  run.atEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => void server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

await inRun(async (run) => {
  const options = comparisonOptions(commandLine(COMPARISON_OPTIONS));
  const valkey = await startBenchValkey(run);
  const source = await createSessionSource(run, valkey.port);
  const sessions = await source.openSessions(CONNECTIONS);
  const endpoint = await startSink(run);
  const contestants: Contestant[] = [];
  for (const [name, sampleRatio] of Object.entries(SAMPLE_RATIOS)) {
    const config = sampleRatio === undefined ? {} : { tracing: { endpoint, sampleRatio } };
    const { server } = await startSinglestate(run, { name, source, config });
    contestants.push({ name, server, subject: sessions[0]?.subject, refusesWithoutToken: true });
  }
  const tokens = sessions.map(({ token }) => token);
  const binaries = { Valkey: await valkeyBinary() };
  return exitCodeOf(await compare(run, { contestants, reference: REFERENCE, tokens, binaries }, options));
});
