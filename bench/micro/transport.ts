/**
 * What a gRPC transport costs by itself: the product's node:http2 server beside @grpc/grpc-js, with the same codec and
 * the same answer, through the real Envoy, in one run and in turns. docs/decisions/0003-grpc-transport.md rests on it.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { startCheckServer } from '../rig/check-server.ts';
import { compare, exitCodeOf, type Contestant } from '../rig/compare.ts';
import { CONNECTIONS } from '../rig/load.ts';
import { productNodeFlags } from '../rig/node-flags.ts';
import { commandLine, COMPARISON_OPTIONS, comparisonOptions } from '../rig/options.ts';
import { inRun, type Run } from '../rig/run.ts';
import { MICRO_SUBJECT } from './answer-check.ts';

const REFERENCE = 'grpc-js';

/** As long as a session token, so that requests have their usual size; nobody reads it. */
const TOKEN_BYTES = 240;

await inRun(async (run) => {
  const options = comparisonOptions(commandLine(COMPARISON_OPTIONS));
  const contestants = [await startTransport(run, 'grpc-js'), await startTransport(run, 'http2')];
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const tokens = Array.from({ length: CONNECTIONS }, () => token);
  return exitCodeOf(await compare(run, { contestants, reference: REFERENCE, tokens, binaries: {} }, options));
});

async function startTransport(run: Run, name: 'http2' | 'grpc-js'): Promise<Contestant> {
  const server = await startCheckServer(run, {
    name,
    command: process.execPath,
    argsFor: (port) => [...productNodeFlags(), join(import.meta.dirname, `${name}-server.ts`), String(port)],
  });
  return { name, server, subject: MICRO_SUBJECT, refusesWithoutToken: false };
}
