/** Custom resource definitions: they are a whole cluster's, so that a test makes them only where nobody has them, and removes them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { objectsIn, type ShippedObject } from '../parts/shipped-objects.ts';
import type { Namespace } from './kubernetes.ts';
import type { Schema } from './object-schemas.ts';

/** As far as it is looked at. */
export interface Definition extends ShippedObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** Those in a file, or in all files of a folder and of those below it. */
export async function definitionsIn(path: string): Promise<Definition[]> {
  const isFolder = (await stat(path)).isDirectory();
  const names = isFolder ? await readdir(path, { recursive: true }) : [''];
  const files = names.filter((name) => !isFolder || name.endsWith('.yaml'));
  const texts = await Promise.all(files.map((file) => readFile(join(path, file), 'utf8')));
  return texts
    .flatMap(objectsIn)
    .filter((object): object is Definition => object.kind === 'CustomResourceDefinition');
}

const namesOf = (definitions: readonly ShippedObject[]) => definitions.map(({ metadata }) => metadata.name);

/** Those of them that the cluster has. */
async function present(namespace: Namespace, definitions: readonly ShippedObject[]): Promise<string[]> {
  const all = await namespace.names('customresourcedefinitions');
  const there = new Set(all.map((name) => name.slice(name.indexOf('/') + 1)));
  return namesOf(definitions).filter((name) => there.has(name));
}

/** Has them removed by `undo`, by whomever they are made. @throws Error where the cluster has one already */
export async function claimDefinitions(
  namespace: Namespace,
  definitions: readonly ShippedObject[],
  undo: AsyncDisposableStack,
): Promise<void> {
  const [first] = await present(namespace, definitions);
  if (first !== undefined) {
    throw new Error(
      `the cluster of KUBECONFIG has ${first} already, and this test would remove it: take another one`,
    );
  }
  undo.defer(() => remove(namespace, namesOf(definitions)));
}

/** Makes those that the cluster lacks, to be removed by `undo`. */
export async function makeDefinitions(
  namespace: Namespace,
  definitions: readonly ShippedObject[],
  undo: AsyncDisposableStack,
): Promise<void> {
  const there = await present(namespace, definitions);
  const missing = definitions.filter(({ metadata }) => !there.includes(metadata.name));
  if (missing.length === 0) return;
  undo.defer(() => remove(namespace, namesOf(missing)));
  // `apply` would keep each a second time in an annotation, which is too long for some.
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: missing });
  await namespace.kubectl(['create', '-f', '-'], list);
  const wait = ['wait', '--for=condition=Established', '--timeout=60s'];
  await namespace.kubectl([...wait, ...namesOf(missing).map((name) => `crd/${name}`)]);
}

/** Without waiting: the API server may take minutes to let go of what was never used. */
async function remove(namespace: Namespace, names: readonly string[]): Promise<void> {
  await namespace.kubectl(['delete', 'crd', '--ignore-not-found', '--wait=false', ...names]);
}
