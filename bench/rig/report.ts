/** A run's summary as a person reads it: Markdown tables, ready for docs/explanation/performance.md. */
import type { Machine } from './machine.ts';
import { FIGURE_NAMES, FIGURES, type Figure, type Spread, type VariantSummary } from './summary.ts';

export interface ComparisonReport {
  readonly startedAt: string;
  readonly machine: Machine;
  readonly settings: {
    readonly rounds: number;
    readonly requestsPerRound: number;
    readonly connections: number;
    readonly envoyWorkers: number;
  };
  /** The variant that the ratios are to. */
  readonly reference: string;
  readonly variants: readonly VariantSummary[];
}

export function printComparison(report: ComparisonReport): void {
  const { machine, settings, reference, variants } = report;
  console.log(`
${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}; ${versions(machine)}
Rounds: ${settings.rounds}, each of ${settings.requestsPerRound} requests to each variant, in turns, over ${settings.connections} connections; Envoy has ${settings.envoyWorkers} workers

Median (lowest to highest) of the rounds:
`);
  printTable(
    ['variant', ...FIGURE_NAMES.map((figure) => FIGURES[figure].title), 'not 200'],
    variants.map(({ name, figures, failed }) => [
      name,
      ...FIGURE_NAMES.map((figure) => cell(figures[figure], FIGURES[figure])),
      String(failed),
    ]),
  );
  console.log(`\nRatio to ${reference}, formed in each round:\n`);
  printTable(
    ['variant', ...FIGURE_NAMES.map((figure) => FIGURES[figure].title.split(' ')[0] ?? figure)],
    variants.flatMap(({ name, ratios }) => (ratios ? [[name, ...ratioCells(ratios)]] : [])),
  );
}

function versions(machine: Machine): string {
  return Object.entries(machine.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}

function ratioCells(ratios: Readonly<Partial<Record<Figure, Spread>>>): string[] {
  return FIGURE_NAMES.map((figure) => cell(ratios[figure], { scale: 1, digits: 2 }));
}

function cell(spread: Spread | undefined, { scale, digits }: { scale: number; digits: number }): string {
  if (spread === undefined) return '-';
  const [median, min, max] = [spread.median, spread.min, spread.max].map((n) => (n * scale).toFixed(digits));
  return `${median} (${min} to ${max})`;
}

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  console.log(line(head));
  console.log(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  for (const row of rows) console.log(line(row));
}
