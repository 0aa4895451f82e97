/**
 * Writes helm/singlestate/values.schema.json and docs/reference/chart-values.md from scripts/chart-values.ts and the
 * chart's values.yaml, and holds the two together: a value without a meaning, or a meaning without a value, is an error.
 * With `--check` it fails where a file is stale.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';
import { VALUES, valuesSchema, type ValueSchema } from './chart-values.ts';
import { writeOrCheck } from './generated.ts';
import { ROOT } from './run.ts';

const CHART = 'helm/singlestate';
const PAGE = 'docs/reference/chart-values.md';

const INTRODUCTION = `# Values of the Helm chart

Generated from scripts/chart-values.ts and helm/singlestate/values.yaml by \`npm run generate\`.

\`NAME\` is the release's name, with \`-singlestate\` where it does not say so itself. An unknown value is an error, as is one of
the wrong kind: \`helm install\` names it. [How to install](../how-to/install-with-helm.md).

\`config\` is the [configuration](configuration.md) as a whole, and the only value that has to be given: \`store.url\` and
\`token.issuer\` of it. The chart itself sets \`listen\`, \`kubernetes\`, \`token.keysDir\`, \`sealing.keysDir\`, with \`tls.LISTENER\` the files of
\`tls.LISTENER\`, and with \`valkey.enabled\` \`store.url\`. What else of it names a file is relative to /etc/singlestate, where
\`files\` and \`secretFiles\` put them.
`;

/** The values that are read, each with its default: mappings of the schema are gone into, others are values themselves. */
function rowsOf(
  schema: Readonly<Record<string, ValueSchema>>,
  values: Readonly<Record<string, unknown>>,
  prefix = '',
): readonly string[] {
  mustAgree(Object.keys(schema), Object.keys(values), prefix);
  return Object.entries(schema).flatMap(([key, value]) => {
    const name = `${prefix}${key}`;
    const lead = value.properties === undefined || value.description !== undefined;
    const preset = values[key];
    const inner =
      value.properties === undefined
        ? []
        : rowsOf(value.properties, preset as Record<string, unknown>, `${name}.`);
    return [...(lead ? [rowOf(name, value, preset)] : []), ...inner];
  });
}

function rowOf(name: string, schema: ValueSchema, preset: unknown): string {
  const cells = [`\`${name}\``, typeOf(schema), presetOf(schema, preset), schema.description ?? ''];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function typeOf({ type, enum: choices, minimum, maximum, pattern }: ValueSchema): string {
  if (choices) return `one of ${choices.map((choice) => `\`${choice}\``).join(', ')}`;
  if (type === 'integer') return `whole number, ${minimum ?? ''} to ${maximum ?? ''}`;
  if (type === 'string' && pattern?.includes('ms|s')) return 'duration';
  return { boolean: '`true` or `false`', object: 'mapping', array: 'list', string: 'text' }[type ?? ''] ?? '';
}

function presetOf({ properties }: ValueSchema, preset: unknown): string {
  const isEmpty = preset === '' || (typeof preset === 'object' && Object.keys(preset ?? {}).length === 0);
  if (properties !== undefined || isEmpty) return '';
  return `\`${typeof preset === 'string' ? preset : JSON.stringify(preset)}\``;
}

function mustAgree(meant: readonly string[], there: readonly string[], prefix: string): void {
  const apart = [
    ...meant.filter((key) => !there.includes(key)).map((key) => `${prefix}${key} is not in values.yaml`),
    ...there.filter((key) => !meant.includes(key)).map((key) => `${prefix}${key} is not in chart-values.ts`),
  ];
  if (apart.length > 0) throw new Error(apart.join('\n'));
}

const text = readFileSync(join(ROOT, CHART, 'values.yaml'), 'utf8');
const all = parse(text) as Readonly<Record<string, unknown>>;
const values = Object.fromEntries(Object.entries(all).filter(([key]) => key !== 'config'));
const rows = rowsOf(VALUES, values);
const table = ['| value | type | default | |', '| --- | --- | --- | --- |', ...rows].join('\n');
writeOrCheck(PAGE, `${INTRODUCTION}\n${table}\n`);
const style = await resolveConfig(join(ROOT, PAGE));
const schema = await format(JSON.stringify(valuesSchema()), { ...style, parser: 'json' });
writeOrCheck(`${CHART}/values.schema.json`, schema);
