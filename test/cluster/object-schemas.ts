/**
 * JSON Schemas of Kubernetes objects, as kubeconform reads them: of what an API server publishes, and of the custom
 * resource definitions that others bring. Hides OpenAPI's dialect and the files' names.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Definition } from './definitions.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Schema = Readonly<Record<string, Json>>;

/** What `kubectl get --raw /openapi/v2` answers, as far as it is looked at. */
export interface PublishedApi {
  readonly definitions: Readonly<Record<string, Schema>>;
}

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** For kubeconform's `-schema-location`, of the files in a folder that were written here. */
export const locationOf = (folder: string) =>
  join(folder, '{{.Group}}_{{.ResourceKind}}_{{.ResourceAPIVersion}}.json');

/** Writes a file for each kind that the API server knows. A field that a kind does not have is wrong. */
export async function writePublishedSchemas(folder: string, api: PublishedApi): Promise<void> {
  const definitions = mapValues(api.definitions, (schema, name) => PLAIN[name] ?? closed(schema));
  for (const schema of Object.values(api.definitions)) {
    const kinds = (schema['x-kubernetes-group-version-kind'] ?? []) as unknown as readonly GroupVersionKind[];
    for (const kind of kinds) await write(folder, kind, withDefinitions(closed(schema), definitions));
  }
}

/** With those that it names, and those that these name: all together are some megabytes. */
function withDefinitions(schema: Schema, all: Readonly<Record<string, Schema>>): Schema {
  const found = new Map<string, Schema>();
  const visit = (text: string) => {
    for (const [, name = ''] of text.matchAll(/"#\/definitions\/([^"]+)"/g)) {
      const definition = all[name];
      if (found.has(name) || definition === undefined) continue;
      found.set(name, definition);
      visit(JSON.stringify(definition));
    }
  };
  visit(JSON.stringify(schema));
  return { ...schema, definitions: Object.fromEntries(found) };
}

/** Writes a file for each version of a custom resource. */
export async function writeDefinitionSchemas(folder: string, { spec }: Definition): Promise<void> {
  const { group, names, versions } = spec;
  for (const { name, schema } of versions) {
    await write(folder, { group, version: name, kind: names.kind }, closed(withMetadata(schema)));
  }
}

async function write(folder: string, { group, version, kind }: GroupVersionKind, schema: Schema) {
  // kubeconform's word for the core group is its version.
  const file = join(folder, `${group || version}_${kind.toLowerCase()}_${version}.json`);
  await writeFile(file, JSON.stringify(schema));
}

/** Which the API server takes in more than one JSON type; OpenAPI 2 has no words for that. */
const PLAIN: Readonly<Record<string, Schema>> = {
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: ['string', 'integer'] },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: ['string', 'number'] },
};

/** Its own schema says of `metadata` no more than that it is an object: the API server knows the rest. */
function withMetadata({ openAPIV3Schema }: { readonly openAPIV3Schema: Schema }): Schema {
  const properties = openAPIV3Schema['properties'] as Schema;
  return {
    ...openAPIV3Schema,
    properties: { ...properties, metadata: { 'x-kubernetes-preserve-unknown-fields': true } },
  };
}

/** Objects of named properties have no others, and what may be an integer or a string may be either, at any depth. */
function closed(schema: Schema): Schema {
  const inner = mapValues(schema, (value) => within(value));
  if (schema['x-kubernetes-int-or-string'] === true) return { ...inner, type: ['string', 'integer'] };
  const open = 'additionalProperties' in schema || schema['x-kubernetes-preserve-unknown-fields'] === true;
  return 'properties' in schema && !open ? { ...inner, additionalProperties: false } : inner;
}

function within(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(within);
  return typeof value === 'object' && value !== null ? closed(value as Schema) : value;
}

function mapValues<V, W>(
  record: Readonly<Record<string, V>>,
  map: (value: V, key: string) => W,
): Readonly<Record<string, W>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
