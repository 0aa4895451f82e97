/** Says what the schema found in the words of those who write YAML. Hides zod's issues. */
import type { z } from 'zod';
import { didYouMean } from './nearest.ts';
import type { ConfigPath, Finding } from './problem.ts';
import { descriptionAt, knownKeys } from './schema-shape.ts';

/** A finding that knows whether it is about a key or about the key's value. */
export interface SchemaFinding extends Finding {
  readonly about: 'key' | 'value';
}

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** The `error` option of a parse: the words where the schema has none of its own. */
export function sayIssue(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}${contrast(issue.input, issue.expected)}`;
    case 'invalid_value':
      return sayChoice(issue.values.map(String), issue.input);
    case 'too_small':
      return sayBound(issue.origin, 'least', issue.minimum);
    case 'too_big':
      return sayBound(issue.origin, 'most', issue.maximum);
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'invalid_union':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return 'does not have the form that it needs';
  }
}

/** One finding for each thing that is wrong; several unknown keys in one place are several findings. */
export function schemaFindings(
  schema: z.ZodType,
  value: unknown,
  issues: readonly Issue[],
): readonly SchemaFinding[] {
  return issues.flatMap((issue): readonly SchemaFinding[] => {
    const path = stringPath(issue);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => unknownKey(path, key, knownKeys(schema, path)));
    if (issue.code === 'invalid_key')
      return [{ about: 'key', path, message: issue.issues[0]?.message ?? 'is not a name that can be used' }];
    return [{ about: 'value', path, message: sayAbsence(schema, value, path) ?? issue.message }];
  });
}

/** YAML has no symbols, so none is lost. */
export function stringPath({ path }: Pick<Issue, 'path'>): ConfigPath {
  return path.filter((step) => typeof step !== 'symbol');
}

function unknownKey(parent: ConfigPath, key: string, known: readonly string[]): SchemaFinding {
  const hint = key.includes(':')
    ? '; is a space missing after ":"?'
    : didYouMean(key, known) || `; known here: ${known.join(', ')}`;
  return { about: 'key', path: [...parent, key], message: `is not a known key${hint}` };
}

/** What is not there at all is said before what it should have been. */
function sayAbsence(schema: z.ZodType, root: unknown, path: ConfigPath): string | undefined {
  const value = valueAt(root, path);
  if (value === null && path.length === 0) return 'is empty: it needs at least the keys store and token';
  if (value === null) return 'has no value: give it one, or remove it';
  if (value !== undefined) return undefined;
  const description = descriptionAt(schema, path);
  return `is missing, but needed${description === undefined ? '' : `: ${description}`}`;
}

function valueAt(root: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>(
    (at, step) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, step)
        ? (at as Record<string | number, unknown>)[step]
        : undefined,
    root,
  );
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping ("key: value")',
  record: 'a mapping ("key: value")',
};

function contrast(input: unknown, expected: string): string {
  const kind = kindOf(input);
  if (kind === '' || (expected === 'int' && kind === 'a number')) return '';
  const isBare = expected === 'string' && (kind === 'a number' || kind === 'true or false');
  return `, not ${kind}${isBare ? ': put it in quotes' : ''}`;
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object' && input !== null) return 'a mapping';
  return KINDS[typeof input] ?? '';
}

function sayChoice(choices: readonly string[], input: unknown): string {
  if (choices.length === 1) return `must be ${choices.join('')}, or be left out`;
  const hint = typeof input === 'string' ? didYouMean(input, choices) : '';
  return `must be one of ${choices.join(', ')}${hint}`;
}

function sayBound(origin: string, side: 'least' | 'most', bound: number | bigint): string {
  if (origin === 'string' && bound === 1) return 'must not be empty';
  if (origin === 'array') return `must have at ${side} ${bound} ${bound === 1 ? 'item' : 'items'}`;
  return `must be at ${side} ${bound}`;
}
