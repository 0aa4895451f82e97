/** Tables of keys for the reference, out of JSON Schemas: what each key is called, its type, its default, and what it means. */
import type { JsonSchema } from '../src/config/json-schema.ts';

/** A key, with the keys above it: `cookie.name`. */
export interface Row {
  readonly key: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** The keys below a mapping, in one list: `cookie`, `cookie.name`. */
export function rowsOf({ properties = {}, required = [] }: JsonSchema, prefix = ''): readonly Row[] {
  return Object.entries(properties).flatMap(([key, schema]) => [
    { key: `${prefix}${key}`, schema, required: required.includes(key) },
    ...rowsOf(schema, `${prefix}${key}.`),
  ]);
}

function typeOf(schema: JsonSchema): string {
  const { title, type, items, minimum, maximum, additionalProperties } = schema;
  if (title !== undefined) return title;
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return `one of ${schema.enum.map(code).join(', ')}`;
  if (items) return `list of ${typeOf(items)}`;
  if (typeof additionalProperties === 'object')
    return `mapping of ${typeOf(schema.propertyNames ?? {})} to ${typeOf(additionalProperties)}`;
  if (type === 'integer') return `whole number, ${minimum ?? ''} to ${maximum ?? ''}`;
  if (type === 'number') return `number, ${minimum ?? ''} to ${maximum ?? ''}`;
  return { boolean: '`true` or `false`', object: 'mapping', string: 'text' }[type ?? ''] ?? '';
}

function presetOf({ schema, required }: Row): string {
  if (required) return 'required';
  const { default: preset } = schema;
  return preset === undefined || isEmpty(preset) ? '' : code(preset);
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function code(value: unknown): string {
  return `\`${String(value)}\``;
}

/** Plain text as Markdown: what is in backquotes is left alone. */
export function prose(text: string): string {
  return text.replace(/`[^`]*`|[*<[]/g, (match) => (match.length > 1 ? match : `\\${match}`));
}

/** A `|` would end the cell, also inside backquotes. */
function cells(texts: readonly string[]): string {
  return `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
}

export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map((row) =>
    cells([code(row.key), typeOf(row.schema), presetOf(row), prose(row.schema.description ?? '')]),
  );
  return [cells(['key', 'type', 'default', '']), cells(['---', '---', '---', '---']), ...lines].join('\n');
}
