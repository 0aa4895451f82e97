/** How the dashboard draws: a panel is a title, a unit and queries, the rest is the same for all. Hides Grafana's builders. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
  StackingConfigBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import type { DataSourceRef, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** Units as Grafana calls them. */
export type Unit = 'reqps' | 'ops' | 'cps' | 's' | 'percentunit' | 'bytes' | 'short' | 'dateTimeFromNow';

export interface PanelFacts {
  readonly title: string;
  /** What it tells, and when to worry. */
  readonly description: string;
  readonly unit: Unit;
  /** Legend, as Grafana writes it with `{{label}}`, -> PromQL. */
  readonly queries: Readonly<Record<string, string>>;
  /** Default: lines. */
  readonly kind?: 'lines' | 'stacked' | 'heatmap' | 'stat';
  /** Of 24 columns. Default: 8. */
  readonly width?: number;
}

/** Whichever Prometheus the reader chooses. */
export const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '${datasource}' };

const HEIGHT = { lines: 8, stacked: 8, heatmap: 8, stat: 4 } as const;

export function panelOf(facts: PanelFacts, id: number): Builder<Panel> {
  const { title, description, kind = 'lines', width = 8 } = facts;
  return emptyPanel(facts)
    .id(id)
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .span(width)
    .height(HEIGHT[kind])
    .targets(Object.entries(facts.queries).map(([legend, expr], at) => queryOf(kind, legend, expr, at)));
}

function queryOf(kind: PanelFacts['kind'], legend: string, expr: string, at: number): DataqueryBuilder {
  const query = new DataqueryBuilder()
    .datasource(DATASOURCE)
    .refId(String.fromCharCode('A'.charCodeAt(0) + at))
    .expr(expr)
    .legendFormat(legend);
  if (kind === 'stat') return query.instant();
  return kind === 'heatmap' ? query.range().format(PromQueryFormat.Heatmap) : query.range();
}

function emptyPanel({ kind, unit }: PanelFacts): LinesBuilder | HeatmapBuilder | StatBuilder {
  if (kind === 'stat') {
    return new StatBuilder().unit(unit).reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  }
  if (kind === 'heatmap') {
    const color = new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Oranges').steps(64);
    return new HeatmapBuilder().calculate(false).yAxis(new YAxisConfigBuilder().unit(unit)).color(color);
  }
  return kind === 'stacked' ? lines(unit).fillOpacity(40).stacking(stacked()) : lines(unit).fillOpacity(10);
}

const stacked = () => new StackingConfigBuilder().mode(StackingMode.Normal).group('A');

function lines(unit: Unit): LinesBuilder {
  return new LinesBuilder()
    .unit(unit)
    .min(0)
    .drawStyle(GraphDrawStyle.Line)
    .showPoints(VisibilityMode.Never)
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    );
}
