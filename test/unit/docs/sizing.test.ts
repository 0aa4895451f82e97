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

const GRPC = microsPerCheck('Singlestate, gRPC');

it('the processor for a thousand checks a second is that of the recorded run', () => {
  const cores = [GRPC, microsPerCheck('Singlestate, HTTP')].map((micros) => (micros / 1_000).toFixed(4));
  expect(sizing).toContain(`| processor of Singlestate | ${cores.join(' cores | ')} cores |`);
});

it('the replicas are what the formula gives', () => {
  const rows = [...sizing.matchAll(/^\| ([\d,]+) \| (\d+) \| ([\d.]+) cores \|$/gm)];
  expect(rows.length).toBeGreaterThan(3);
  for (const [row, checks = '', replicas, cores = ''] of rows) {
    const needed = (Number(checks.replaceAll(',', '')) * GRPC) / 1e6;
    expect(Number(replicas), row).toBe(Math.max(2, Math.ceil(needed / 0.5) + 1));
    expect(Math.abs(Number(cores) / needed - 1), row).toBeLessThan(0.03);
  }
});

it('what the chart asks for is said as the chart has it, and covers the memory of the recorded run', async () => {
  const { resources } = parse(await readFile('helm/singlestate/values.yaml', 'utf8')) as {
    readonly resources: Readonly<Record<'requests' | 'limits', Readonly<Record<'cpu' | 'memory', string>>>>;
  };
  const { requests, limits } = resources;
  expect(sizing).toContain(`The chart asks for ${requests.cpu} of processor and sets no limit`);
  expect(limits).not.toHaveProperty('cpu');
  const checks = (parseInt(requests.cpu) * 1_000) / GRPC;
  const [, full = '', grown = ''] =
    /200m is ([\d,]+) checks a second;[^]*? 60 adds replicas from ([\d,]+) checks/.exec(sizing) ?? [];
  expect(Math.abs(Number(full.replace(',', '')) / checks - 1)).toBeLessThan(0.03);
  expect(Math.abs(Number(grown.replace(',', '')) / (0.6 * checks) - 1)).toBeLessThan(0.03);
  expect(sizing).toContain(`the chart asks for ${requests.memory} and sets the limit at ${limits.memory}`);
  const atFullLoad = Number(/^\| Singlestate, gRPC \|.*\| (\d+) \|$/m.exec(performance)?.[1]);
  expect(parseInt(requests.memory)).toBeGreaterThan(atFullLoad);
});
