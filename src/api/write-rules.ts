/** Which parts of a session each app may write, and with what values: its JSON Schemas, compiled at load (B1, C2). */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { JsonValue } from '@bufbuild/protobuf';
import { readConfigFile } from '../config/files.ts';
import type { Finding } from '../config/problem.ts';
import type { AppConfig } from '../config/schema.ts';
import { unavailable } from './api-error.ts';
import { createBoundedCheck, type BoundedCheck, type CheckBounds } from './bounded-check.ts';

export type PartKind = 'slice' | 'attribute';

/**
 * What is wrong with a value, to be read after its name; undefined where it fits. Quotes none of the value. Throws
 * UNAVAILABLE for a moment after a value whose check took too long.
 */
export type ValueCheck = (value: JsonValue) => string | undefined;

/** By name; what is not in here the app may not write. */
export type AppWriteRules = Readonly<Record<PartKind, ReadonlyMap<string, ValueCheck>>>;

/** By app. */
export type WriteRules = ReadonlyMap<string, AppWriteRules>;

export type CompiledWriteRules =
  | { readonly ok: true; readonly rules: WriteRules }
  | { readonly ok: false; readonly findings: readonly Finding[] };

type Part = readonly [name: string, check: ValueCheck];
export type CompiledSchema =
  { readonly ok: true; readonly check: ValueCheck } | { readonly ok: false; readonly problem: string };

/** A value of the largest size takes a few milliseconds; with these a schema that takes for ever has 2 % of the time. */
export const SCHEMA_BOUNDS: CheckBounds = { longestMs: 100, restMs: 5_000 };

/** Never rejects: a file that can't be read, or is no JSON Schema of draft 2020-12, is a finding at the key that names it. */
export async function compileWriteRules(
  config: { readonly apps: Readonly<Record<string, Pick<AppConfig, 'writes' | 'writesAttributes'>>> },
  bounds = SCHEMA_BOUNDS,
): Promise<CompiledWriteRules> {
  const findings: Finding[] = [];
  const compileParts = async (
    app: string,
    key: 'writes' | 'writesAttributes',
    files: AppConfig[typeof key],
  ) => {
    const parts: Part[] = [];
    for (const [name, file] of Object.entries(files)) {
      const compiled = await compileSchemaFile(file, bounds);
      if (compiled.ok) parts.push([name, compiled.check]);
      else findings.push({ path: ['apps', app, key, name], message: `${file} ${compiled.problem}` });
    }
    return new Map(parts);
  };
  const rules = new Map<string, AppWriteRules>();
  for (const [app, { writes, writesAttributes }] of Object.entries(config.apps)) {
    rules.set(app, {
      slice: await compileParts(app, 'writes', writes),
      attribute: await compileParts(app, 'writesAttributes', writesAttributes),
    });
  }
  return findings.length === 0 ? { ok: true, rules } : { ok: false, findings };
}

async function compileSchemaFile(file: string, bounds: CheckBounds): Promise<CompiledSchema> {
  const reading = await readConfigFile(file);
  if (!reading.ok) return reading;
  let schema: unknown;
  try {
    schema = JSON.parse(reading.text);
  } catch {
    return { ok: false, problem: 'is not JSON; it must be a JSON Schema' };
  }
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    return { ok: false, problem: 'is not an object; it must be a JSON Schema' };
  return compileSchema(schema, bounds);
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';

/** That a property fits a pattern as well is no mistake here, and to find it every pattern would be run at once. */
const STRICT = { strict: true, allowMatchingProperties: true, logger: false } as const;

/** Holds schemas against the draft, which it compiles once, and takes none of them in. Made for the first of them. */
let draft: Ajv2020 | undefined;

/**
 * Strict: a keyword that is not known, or a format, which nothing here would check, is refused and not ignored. Schemas
 * that share `bounded` rest together after one of them took too long.
 */
export function compileSchema(
  schema: object,
  bounds = SCHEMA_BOUNDS,
  bounded = createBoundedCheck(bounds),
): CompiledSchema {
  try {
    const wrong = draftProblem(schema);
    if (wrong !== undefined) return { ok: false, problem: `is no JSON Schema of draft 2020-12: ${wrong}` };
    // One for each schema: two that have the same `$id` are no concern of each other. What a schema refers to is compiled
    // once, and not again at each place.
    const ajv = new Ajv2020({ ...STRICT, validateSchema: false, inlineRefs: false });
    const validate = ajv.compile(schema);
    if ('$async' in validate)
      return { ok: false, problem: 'has "$async"; a check must give its answer at once' };
    return { ok: true, check: checkWith(validate, propertyNames(schema), bounds, bounded) };
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown error';
    return { ok: false, problem: `is no JSON Schema of draft 2020-12: ${why}` };
  }
}

function draftProblem(schema: object): string | undefined {
  if ('$schema' in schema && schema.$schema !== DRAFT && schema.$schema !== `${DRAFT}#`)
    return `"$schema" must be "${DRAFT}"`;
  draft ??= new Ajv2020(STRICT);
  return draft.validate(DRAFT, schema) ? undefined : draft.errorsText();
}

function checkWith(
  validate: ValidateFunction,
  known: ReadonlySet<string>,
  bounds: CheckBounds,
  bounded: BoundedCheck,
): ValueCheck {
  return (value) => {
    const checked = bounded(() => validate(value));
    if (checked.outcome === 'cut_short') return `takes longer than ${bounds.longestMs} ms to check`;
    if (checked.outcome === 'resting') {
      const problem = 'changes: the schema of a part took too long to check a value: try again';
      throw unavailable(problem, Math.ceil(bounds.restMs / 1_000));
    }
    if (checked.value) return undefined;
    const [error] = validate.errors ?? [];
    return error === undefined
      ? 'does not fit its schema'
      : `${pathOf(error, known)}${error.message ?? 'does not fit'}`;
  };
}

/** RFC 6901. A name that the schema does not know is `*`: it came with the value, and may tell of a person. */
function pathOf({ instancePath }: ErrorObject, known: ReadonlySet<string>): string {
  if (instancePath === '') return '';
  const steps = instancePath.slice(1).split('/');
  const shown = steps.map((step) => (/^\d{1,6}$/.test(step) || known.has(unescaped(step)) ? step : '*'));
  return `/${shown.join('/')} `;
}

function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** Every name that the schema gives to a property, wherever in it. */
function propertyNames(schema: unknown): ReadonlySet<string> {
  if (typeof schema !== 'object' || schema === null) return new Set();
  const named = 'properties' in schema ? Object.keys(schema.properties ?? {}) : [];
  return new Set([...named, ...Object.values(schema).flatMap((inner) => [...propertyNames(inner)])]);
}
