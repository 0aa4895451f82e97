/** The Kubernetes objects in deploy/, as the tests take them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');

export interface ShippedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A file of deploy/, by its path from there. */
export async function shippedObjects(file: string): Promise<ShippedObject[]> {
  return objectsIn(await readFile(join(DEPLOY, file), 'utf8'));
}

/** In the version of YAML that Kubernetes reads. */
export function objectsIn(text: string): ShippedObject[] {
  const objects = parseAllDocuments(text, { version: '1.1' }).map(
    (document) => document.toJS() as ShippedObject | null,
  );
  return objects.filter((object) => object !== null);
}

/** A copy, in which each value is what is said of it; from the inside out, as `JSON.parse` does. */
export function replaced<Value>(value: Value, replace: (key: string, value: unknown) => unknown): Value {
  return JSON.parse(JSON.stringify(value), replace) as Value;
}
