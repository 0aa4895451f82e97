/**
 * `npm run bench:soak`: whether memory stays flat. Half a million checks through the real Envoy, each share of them from
 * sessions that the server has not seen before. Exit code 1 when what the server holds grows.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBenchEnvoy } from './rig/envoy.ts';
import { buildGoProgram } from './rig/go-programs.ts';
import { liveMemory, planInspector, type LiveMemory } from './rig/live-memory.ts';
import { CONNECTIONS } from './rig/load.ts';
import { measure, type Rig, type Sample } from './rig/measure.ts';
import { commandLine, wholeNumber } from './rig/options.ts';
import { printTable } from './rig/report.ts';
import { inRun, type Run } from './rig/run.ts';
import type { OpenSession } from './rig/sessions.ts';
import { createSessionSource, startSinglestate, type Singlestate } from './rig/singlestate.ts';
import { startBenchValkey } from './rig/valkey.ts';

const VARIANT = 'singlestate';

/** Checks between two samples. */
const SHARE = 25_000;

/** Checks that count as warm-up: code is being compiled, and caches are filling. */
const WARM_UP = 200_000;

/** How much more may be held at the end than after the warm-up, as a share. */
const MAX_GROWTH = 0.1;

/** How many answers may be other than 200, as a share: more, and it was not this work that the server did. */
const MAX_FAILED = 0.05;

await inRun(async (run) => {
  const { checks } = commandLine({ checks: { type: 'string', default: '500000' } });
  const total = wholeNumber('--checks', checks, WARM_UP + SHARE, 10_000_000);
  const valkey = await startBenchValkey(run);
  const source = await createSessionSource(run, valkey.port);
  const inspector = await planInspector();
  const singlestate = await startSinglestate(run, { name: VARIANT, source, env: inspector.env });
  const { pid, checkPort } = singlestate.server;
  const envoy = await startBenchEnvoy(run, [{ name: VARIANT, checkPort }]);
  const rig = { envoy, loadProgram: buildGoProgram('load') };

  const rows: Row[] = [];
  const soakUntil = async (checks: number) => {
    while (rows.length * SHARE < checks) {
      const sessions = await source.openSessions(CONNECTIONS);
      rows.push({ checks: (rows.length + 1) * SHARE, ...(await soakOnce(run, rig, singlestate, sessions)) });
      process.stderr.write(`${rows.length * SHARE} checks\n`);
    }
  };
  await soakUntil(WARM_UP);
  const settled = await liveMemory(pid, inspector);
  await soakUntil(total);
  return judge(rows, settled, await liveMemory(pid, inspector));
});

interface Row extends Sample {
  /** Since the server started. */
  readonly checks: number;
  readonly heapUsedBytes: number;
}

async function soakOnce(
  run: Run,
  rig: Rig,
  { server, opsPort }: Singlestate,
  sessions: readonly OpenSession[],
): Promise<Omit<Row, 'checks'>> {
  const tokenFile = join(run.dir, 'tokens');
  writeFileSync(tokenFile, sessions.map(({ token }) => token).join('\n'));
  const sample = await measure(rig, { name: VARIANT, pid: server.pid, tokenFile }, SHARE);
  return { ...sample, heapUsedBytes: await heapUsedBytes(opsPort) };
}

async function heapUsedBytes(opsPort: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${opsPort}/metrics`);
  const found = /^nodejs_heap_size_used_bytes (\S+)$/m.exec(await response.text())?.[1];
  if (found === undefined) throw new Error('/metrics has no nodejs_heap_size_used_bytes');
  return Number(found);
}

/** Prints what was seen. The exit code: 1 when too much is held at the end, or too many answers were not 200. */
function judge(rows: readonly Row[], settled: LiveMemory, end: LiveMemory): number {
  const checks = rows.length * SHARE;
  const held = [
    { what: 'heap', before: settled.heapBytes, after: end.heapBytes },
    { what: 'RSS', before: settled.rssBytes, after: end.rssBytes },
  ].map((figure) => ({ ...figure, growth: figure.after / figure.before - 1 }));
  printRows(rows);
  console.log('\nHeld once garbage is gone:\n');
  printTable(
    ['', `after ${WARM_UP} checks, MiB`, `after ${checks} checks, MiB`, 'growth'],
    held.map(({ what, before, after, growth }) => [what, mib(before), mib(after), percent(growth)]),
  );
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  if (failed > checks * MAX_FAILED) {
    console.error(`${failed} of ${checks} answers were not 200, so the figures mean nothing`);
    return 1;
  }
  if (held.every(({ growth }) => growth <= MAX_GROWTH)) return 0;
  console.error(`Memory grew by more than ${percent(MAX_GROWTH)}`);
  return 1;
}

function printRows(rows: readonly Row[]): void {
  printTable(
    ['checks', 'RSS MiB', 'heap used MiB', 'not 200'],
    rows.map((row) => [String(row.checks), mib(row.rssBytes), mib(row.heapUsedBytes), String(row.failed)]),
  );
}

function mib(bytes = NaN): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
