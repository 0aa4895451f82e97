/** The published JSON Schema of the configuration file, made from the schema that checks it. */
import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The parts of JSON Schema that are used here. */
export interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
}

/** JSON Schema 2020-12 of what users write: durations and sizes are texts with units, and so are their defaults. */
export function writtenSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
}

/** The same, with room for `${NAME}` wherever a value stands, so that an editor does not underline what the server takes. */
export function publishedSchema(): JsonSchema & Readonly<Record<string, unknown>> {
  const { properties = {}, required, additionalProperties, type } = writtenSchema();
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Singlestate configuration',
    description: 'The configuration file of `singlestate serve`.',
    type: type ?? 'object',
    ...(required && { required }),
    ...(additionalProperties !== undefined && { additionalProperties }),
    properties: mapValues(properties, withEnvironment),
    $defs: {
      environment: {
        title: 'a text with ${NAME}',
        description: 'Checked once the environment variables have been filled in.',
        type: 'string',
        pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}',
      },
    },
  };
}

function withEnvironment({ title, description, default: preset, ...wanted }: JsonSchema): JsonSchema {
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(preset !== undefined && { default: preset }),
    ...valueWithEnvironment(wanted),
  };
}

function valueWithEnvironment(wanted: JsonSchema): JsonSchema {
  const { properties, items, additionalProperties } = wanted;
  if (properties) return { ...wanted, properties: mapValues(properties, withEnvironment) };
  if (items) return { ...wanted, items: withEnvironment(items) };
  if (typeof additionalProperties === 'object')
    return { ...wanted, additionalProperties: withEnvironment(additionalProperties) };
  // A text without a pattern takes `${NAME}` anyway.
  if (wanted.type === 'string' && wanted.pattern === undefined && wanted.enum === undefined) return wanted;
  return { anyOf: [wanted, { $ref: '#/$defs/environment' }] };
}

function mapValues<V, W>(source: Readonly<Record<string, V>>, mapped: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(source).map(([key, value]) => [key, mapped(value)]));
}
