/** docs/explanation/sizing.md says what the recorded benchmark, the chart and its own formula say. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const sizing = await readFile('docs/explanation/sizing.md', 'utf8');
const performance = await readFile('docs/explanation/performance.md', 'utf8');

/** Of one row of the recorded run. */
function microsPerCheck(variant: string): number {
  const [, micros] = new RegExp(`^\\| ${variant} \\| ([\\d.]+) \\|`, 'm').exec(performance) ?? [];
  return Number(micros);
}

const FAST = microsPerCheck('Singlestate, gRPC');
const SLOW = microsPerCheck('Singlestate, gRPC, slow machine');

it.each([
  ['fast', ''],
  ['slow', ', slow machine'],
])(
  'the processor for a thousand checks a second on a %s machine is that of the recorded run',
  (name, mark) => {
    const cores = ['gRPC', 'HTTP'].map((transport) =>
      (microsPerCheck(`Singlestate, ${transport}${mark}`) / 1_000).toFixed(4),
    );
    const row = `| processor of Singlestate, a ${name} machine | ${cores.join(' cores | ')} cores |`;
    expect(sizing).toContain(row);
  },
);

it('the replicas are what the formula gives', () => {
  const rows = [
    ...sizing.matchAll(/^\| ([\d,]+) \| (\d+) \| ([\d.]+) cores \| (\d+) \| ([\d.]+) cores \|$/gm),
  ];
  expect(rows.length).toBeGreaterThan(3);
  for (const [row, checks = '', ...machines] of rows) {
    for (const [at, micros] of [FAST, SLOW].entries()) {
      const [replicas, cores] = machines.slice(2 * at);
      const needed = (Number(checks.replaceAll(',', '')) * micros) / 1e6;
      expect(Number(replicas), row).toBe(Math.max(2, Math.ceil(needed / 0.5) + 1));
      expect(Math.abs(Number(cores) / needed - 1), row).toBeLessThan(0.03);
    }
  }
});

it('what the chart asks for is said as the chart has it, and covers the memory of the recorded run', async () => {
  const { resources } = parse(await readFile('helm/singlestate/values.yaml', 'utf8')) as {
    readonly resources: Readonly<Record<'requests' | 'limits', Readonly<Record<'cpu' | 'memory', string>>>>;
  };
  const { requests, limits } = resources;
  expect(sizing).toContain(`The chart asks for ${requests.cpu} of processor and sets no limit`);
  expect(limits).not.toHaveProperty('cpu');
  const [, ...said] =
    /200m is ([\d,]+) checks a second, or ([\d,]+) on[^]*? 60 adds replicas from ([\d,]+) \(([\d,]+)\) checks/.exec(
      sizing,
    ) ?? [];
  const checks = [FAST, SLOW].map((micros) => (parseInt(requests.cpu) * 1_000) / micros);
  const right = [...checks, ...checks.map((all) => 0.6 * all)];
  expect(said).toHaveLength(right.length);
  for (const [at, value] of right.entries())
    expect(Math.abs(Number(said[at]?.replace(',', '')) / value - 1)).toBeLessThan(0.03);
  expect(sizing).toContain(`the chart asks for ${requests.memory} and sets the limit at ${limits.memory}`);
  const atFullLoad = Number(/^\| Singlestate, gRPC \|.*\| (\d+) \|$/m.exec(performance)?.[1]);
  expect(parseInt(requests.memory)).toBeGreaterThan(atFullLoad);
});
