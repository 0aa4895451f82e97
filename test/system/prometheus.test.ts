/** Debian's Prometheus, scraping a real server: every expression of the alerts and of the dashboard returns data. */
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../../quickstart/ports.ts';
import { waitUntil } from '../../quickstart/wait.ts';
import { ALERTS, ALERTS_FILE, ALERTS_TEST_FILE, RECORDED } from '../parts/alert-rules.ts';
import { PANEL_QUERIES } from '../parts/dashboard-file.ts';
import { startEventfulReplica, type EventfulReplica } from '../parts/eventful-replica.ts';
import { promtool, startPrometheus, type RunningPrometheus } from '../parts/prometheus.ts';
import { parseQuery } from '../parts/promql.ts';
import { debianBinary } from './debian-binary.ts';

const tool = () => debianBinary('promtool', 'prometheus');

describe('promtool', () => {
  test('H4 accepts the alerts', async () => {
    const rules = ALERTS.length + RECORDED.length;
    expect(await promtool(await tool(), 'check', 'rules', ALERTS_FILE)).toContain(
      `SUCCESS: ${rules} rules found`,
    );
  });

  test('H4 sees each alert fire, and not fire without traffic, for a moment, or for others', async () => {
    expect(await promtool(await tool(), 'test', 'rules', ALERTS_TEST_FILE)).toContain('SUCCESS');
  }, 180_000);
});

test('H4 promtool accepts every query of the dashboard', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'promtool-'));
  const file = join(folder.path, 'queries.yaml');
  const rules = PANEL_QUERIES.map(({ query }, at) => ({ record: `query:${at}`, expr: query }));
  await writeFile(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
  expect(await promtool(await tool(), 'check', 'rules', file)).toContain(`${rules.length} rules found`);
});

/** What takes a day before, a slow store, a mistake of our own, or no server at all; promtool shows them. */
const NOT_PROVOKED = [
  'SinglestateAbsent',
  'SinglestateChecksSlow',
  'SinglestateDenialsUnusual',
  'SinglestateRevocationSlow',
  'SinglestateSessionRoutesNotApplied',
];

describe('a real Prometheus that scrapes a real server', () => {
  const undo = new AsyncDisposableStack();
  let replica: EventfulReplica;
  let prometheus: RunningPrometheus;

  beforeAll(async () => {
    replica = undo.use(await startEventfulReplica());
    const nobody = `127.0.0.1:${await freePort()}`;
    prometheus = undo.use(
      await startPrometheus({
        binary: await debianBinary('prometheus', 'prometheus'),
        targets: { 'singlestate-0': replica.ops, 'singlestate-1': nobody },
        ruleFile: ALERTS_FILE,
      }),
    );
    await untilData('sum(up) == 1');
    await replica.everydayLife();
    await replica.outage();
  }, 120_000);
  afterAll(() => undo.disposeAsync());

  async function untilData(query: string): Promise<void> {
    const what = `data of ${query}`;
    await waitUntil(async () => (await prometheus.values(query)).length > 0, { what, timeoutMs: 20_000 });
  }

  const provoked = ALERTS.filter(({ alert }) => !NOT_PROVOKED.includes(alert));

  test.each(provoked)('H4 $alert is raised', { timeout: 120_000 }, async ({ alert }) => {
    const isRaised = async () => {
      await replica.someFailures();
      return (await prometheus.alerts()).has(alert);
    };
    await waitUntil(isRaised, { what: alert, timeoutMs: 100_000 });
  });

  const operands = [...ALERTS, ...RECORDED].flatMap(({ expr }) => parseQuery(expr).operands);
  /** There is no day before; that of which there is none is asked for as it is now. */
  const asNow = (query: string) => query.replace(/ offset \w+/g, '');
  const queries = [...new Set(operands.map(asNow))].filter((query) => !query.startsWith('absent('));

  test.each(queries)('H4 there is data of %s', async (query) => untilData(query));

  test.each(PANEL_QUERIES)('H4 the panel has data: $name', async ({ query }) => untilData(query));
});
