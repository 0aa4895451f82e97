/** Reads the schema by path, and reads what can be read of a faulty configuration. Hides zod's wrappers. */
import { z } from 'zod';
import type { ConfigPath } from './problem.ts';

/** What could be read of a `T`: whatever is faulty is undefined or missing. */
export type Readable<T> = T extends readonly (infer E)[]
  ? readonly (Readable<E> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Readable<T[K]> | undefined }
    : T;

/** The keys that a mapping at this path may have; none where any name will do. */
export function knownKeys(schema: z.ZodType, path: ConfigPath): readonly string[] {
  const at = schemaAt(schema, path);
  const inner = at && unwrap(at);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

export function descriptionAt(schema: z.ZodType, path: ConfigPath): string | undefined {
  return schemaAt(schema, path)?.description;
}

/**
 * Keeps what fits the schema, part by part, with its defaults, so that checks across keys can run beside the schema's.
 * It is for checking, never for serving.
 */
export function readable(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray && Array.isArray(value))
    return value.map((item) => readable(inner.element as z.ZodType, item));
  if (!isMapping(value)) return undefined;
  if (inner instanceof z.ZodObject)
    return mapEntries(inner.shape as Record<string, z.ZodType>, (part, key) => readable(part, value[key]));
  if (inner instanceof z.ZodRecord)
    return mapEntries(value, (item) => readable(inner.valueType as z.ZodType, item));
  return undefined;
}

function schemaAt(schema: z.ZodType, path: ConfigPath): z.ZodType | undefined {
  return path.reduce<z.ZodType | undefined>((at, step) => {
    const inner = at && unwrap(at);
    if (inner instanceof z.ZodObject) return (inner.shape as Record<string, z.ZodType>)[step];
    if (inner instanceof z.ZodArray) return inner.element as z.ZodType;
    return inner instanceof z.ZodRecord ? (inner.valueType as z.ZodType) : undefined;
  }, schema);
}

/** What is inside defaults and `optional`. */
function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.unwrap() as z.ZodType);
  return schema;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without a prototype, as the values read from YAML are. */
function mapEntries<V>(
  source: Readonly<Record<string, V>>,
  mapped: (value: V, key: string) => unknown,
): Record<string, unknown> {
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of Object.entries(source)) result[key] = mapped(value, key);
  return result;
}
