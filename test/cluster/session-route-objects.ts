/** SessionRoutes and policies as a test writes them, the CRDs, and an account that may do what the chart lets the program do. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { only, rendered } from '../chart/helm.ts';
import type { Namespace } from './kubernetes.ts';

const API_VERSION = 'singlestate.dev/v1alpha1';
const CRDS = join(
  import.meta.dirname,
  '..',
  '..',
  'helm',
  'singlestate',
  'files',
  'session-routes-crds.yaml',
);

export function sessionRoute(name: string, spec: object): object {
  return { apiVersion: API_VERSION, kind: 'SessionRoute', metadata: { name }, spec };
}

export function sessionRoutePolicy(name: string, spec: object): object {
  return { apiVersion: API_VERSION, kind: 'SessionRoutePolicy', metadata: { name }, spec };
}

/** Those that are there already stay as they are in name; what is in them is that of this repository. */
export async function applyCrds(namespace: Namespace): Promise<void> {
  await namespace.kubectl(
    ['apply', '--server-side', '--force-conflicts', '-f', '-'],
    await readFile(CRDS, 'utf8'),
  );
  await namespace.kubectl([
    ...['wait', '--for=condition=Established', '--timeout=60s'],
    ...['crd/sessionroutes.singlestate.dev', 'crd/sessionroutepolicies.singlestate.dev'],
  ]);
}

/** A service account of the namespace with the ClusterRole that the chart renders; returns a token of it. */
export async function createProgramAccount(namespace: Namespace): Promise<string> {
  const name = `${namespace.name}-program`;
  const role = only(await rendered('session-routes'), 'ClusterRole', 'sessions-singlestate-session-routes');
  const group = 'rbac.authorization.k8s.io';
  await namespace.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } },
    { ...role, metadata: { name } },
    {
      apiVersion: `${group}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: group, kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: namespace.name }],
    },
  );
  return (await namespace.kubectl(['create', 'token', name, '--duration=1h'])).trim();
}

export async function removeProgramAccount(namespace: Namespace): Promise<void> {
  const name = `${namespace.name}-program`;
  await namespace.kubectl(['delete', `clusterrolebinding/${name}`, `clusterrole/${name}`]);
}

/** Status, reason and message of the condition `Accepted`, and the generation that it is about. */
export interface Accepted {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

/** Undefined while there is none about the resource as it is now. */
export async function acceptedOf(namespace: Namespace, name: string): Promise<Accepted | undefined> {
  const { metadata, status } = JSON.parse(
    await namespace.kubectl(['get', 'sessionroute', name, '-o', 'json']),
  ) as {
    readonly metadata: { readonly generation: number };
    readonly status?: { readonly conditions?: readonly (Accepted & { readonly type: string })[] };
  };
  const condition = status?.conditions?.find(({ type }) => type === 'Accepted');
  return condition?.observedGeneration === metadata.generation ? condition : undefined;
}
