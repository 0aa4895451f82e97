/** Renders the chart of this repository as `helm install` would, without a cluster. Hides helm's command line. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { helmBinary } from '../parts/kubernetes-tools.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
export const CHART = join(ROOT, 'helm', 'singlestate');
const VALUES = join(import.meta.dirname, 'values');

/** The value sets that the tests render, by their file's name. */
export const VALUE_SETS = readdirSync(VALUES).map((file) => file.replace(/\.yaml$/, ''));

export const valuesFile = (set: string) => join(VALUES, `${set}.yaml`);

/** A Kubernetes object, as far as the tests look. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

/** helm failed; the message is what it printed. */
export class HelmError extends Error {
  override readonly name = 'HelmError';
}

/** Standard output. @throws HelmError */
export async function helm(...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(await helmBinary(), args, { maxBuffer: 16 * 1024 * 1024 });
    return stdout;
  } catch (cause) {
    const { stderr = '', stdout = '' } = cause as { readonly stderr?: string; readonly stdout?: string };
    throw new HelmError(`${stdout}${stderr}`, { cause });
  }
}

/** The text of a release called "singlestate" in the namespace "sessions". @throws HelmError */
export async function render(set: string, ...args: readonly string[]): Promise<string> {
  const release = ['template', 'singlestate', CHART, '--namespace=sessions'];
  return helm(...release, '--values', valuesFile(set), ...args);
}

export function objectsOf(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text, { schema: 'core' })
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

/** The objects of one kind. */
export async function rendered(
  set: string,
  ...args: readonly string[]
): Promise<readonly KubernetesObject[]> {
  return objectsOf(await render(set, ...args));
}

export function only(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  const [object] = found;
  if (found.length === 1 && object) return object;
  throw new Error(`${found.length} objects are a ${kind} called ${name}`);
}
