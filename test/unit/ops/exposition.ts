/** Reads the Prometheus text format 0.0.4 strictly: whatever the format does not allow fails the test. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/;
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$/;
/** Values are what Go's ParseFloat reads; prom-client writes `Nan` for Node's event loop before its first turn. */
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|Nan|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/** Each family once, HELP before TYPE before its samples, no sample twice; by family name. */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family & { samples: Sample[] }>();
  const seen = new Set<string>();
  let help: RegExpExecArray | null = null;
  let family: (Family & { samples: Sample[] }) | undefined;
  for (const line of text.split('\n').filter((candidate) => candidate !== '')) {
    if (line.startsWith('# HELP ')) {
      help = HELP.exec(line);
      continue;
    }
    if (line.startsWith('# TYPE ')) {
      const [, name = '', type = ''] = TYPE.exec(line) ?? [];
      if (help?.[1] !== name || families.has(name)) throw new Error(`HELP and TYPE disagree: ${line}`);
      family = { name, help: help[2] ?? '', type, samples: [] };
      families.set(name, family);
      continue;
    }
    const sample = parseSample(line);
    const names = (SUFFIXES[family?.type ?? ''] ?? ['']).map((suffix) => `${family?.name ?? ''}${suffix}`);
    if (family === undefined || !names.includes(sample.name))
      throw new Error(`a sample out of place: ${line}`);
    const identity = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (seen.has(identity)) throw new Error(`a sample twice: ${line}`);
    seen.add(identity);
    family.samples.push(sample);
  }
  return families;
}

function parseSample(line: string): Sample {
  const [, name, text = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined) throw new Error(`not a sample: ${line}`);
  return { name, labels: parseLabels(text), value: Number(value?.replace('Inf', 'Infinity')) };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== '';) {
    const [all, name, value] = LABEL.exec(rest) ?? [];
    if (all === undefined || name === undefined || name in labels) throw new Error(`bad labels: ${text}`);
    labels[name] = value ?? '';
    rest = rest.slice(all.length);
  }
  return labels;
}
