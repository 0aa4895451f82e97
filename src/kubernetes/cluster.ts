/**
 * The API server: watching resources, and writing verdicts back. Hides the client library, which is loaded here alone and
 * only when it is needed: it takes some 90 MB of memory.
 */
import type * as Client from '@kubernetes/client-node';
import { GROUP, VERSION, type Condition, type SessionRoute } from './resources.ts';
import { createGuardedWatch, type WatchState } from './guarded-watch.ts';

export interface ClusterOptions {
  /** Without it, as the service account of the pod that this runs in. */
  readonly kubeconfigFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The API server can't be asked, and whoever installs this can mend it: the message says how. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly code = 'ERR_CLUSTER';
}

export type ResourceKind = 'sessionroutes' | 'sessionroutepolicies' | 'namespaces';

export interface Informer {
  /** Rejects never: what goes wrong is told to the listeners. */
  start(): Promise<void>;
  stop(): Promise<void>;
  list(): readonly unknown[];
}

export interface InformerListeners {
  /** The first list came, or something was added, changed or removed. */
  onChange(): void;
  /** The watch answers. */
  onUp(): void;
  /** It does not, and has ended: it has to be started again. */
  onDown(problem: string): void;
}

export type WriteOutcome = 'written' | 'superseded';

export interface Cluster {
  informer(kind: ResourceKind, listeners: InformerListeners): Informer;
  /** `superseded`: the SessionRoute was changed or removed since. Rejects with `ClusterError` where it could not be done. */
  writeConditions(route: SessionRoute, conditions: readonly Condition[]): Promise<WriteOutcome>;
  /** An event of this name is made once; `superseded`: it is there. Rejects with `ClusterError` where it could not be done. */
  createEvent(route: SessionRoute, event: RouteEvent): Promise<WriteOutcome>;
}

export interface RouteEvent {
  readonly name: string;
  readonly reason: string;
  readonly note: string;
  /** Which replica says so. */
  readonly instance: string;
}

/** For a list, and for a write. A watch has a bound of its own. */
const TIMEOUT_MS = 15_000;

const API_VERSION = `${GROUP}/${VERSION}`;

/** Asks nobody yet. Rejects with `ClusterError`. */
export async function connectCluster({ kubeconfigFile, env }: ClusterOptions): Promise<Cluster> {
  const client = await import('@kubernetes/client-node');
  const config = new client.KubeConfig();
  load(config, kubeconfigFile, env);
  const custom = config.makeApiClient(client.CustomObjectsApi);
  const core = config.makeApiClient(client.CoreV1Api);
  const events = config.makeApiClient(client.EventsV1Api);
  const merge = client.setHeaderOptions('Content-Type', client.PatchStrategy.MergePatch);
  const lists: Readonly<
    Record<ResourceKind, () => Promise<Client.KubernetesListObject<Client.KubernetesObject>>>
  > = {
    sessionroutes: () => listCustom(custom, 'sessionroutes'),
    sessionroutepolicies: () => listCustom(custom, 'sessionroutepolicies'),
    namespaces: () => core.listNamespace(),
  };
  return {
    informer: (kind, listeners) => createInformer(client, config, { kind, list: lists[kind], ...listeners }),
    async writeConditions({ metadata: { name, namespace, resourceVersion } }, conditions) {
      // With a version the API server refuses what was judged by another one.
      const body = { metadata: { resourceVersion }, status: { conditions } };
      const where = { group: GROUP, version: VERSION, plural: 'sessionroutes', namespace, name };
      const sent = custom.patchNamespacedCustomObjectStatus({ ...where, body }, merge);
      return unless(sent, [404, 409]);
    },
    async createEvent(route, event) {
      const { namespace } = route.metadata;
      const body = eventOf(route, event, new client.V1MicroTime()) as Client.EventsV1Event;
      return unless(events.createNamespacedEvent({ namespace, body }), [404, 409]);
    },
  };
}

function load(config: Client.KubeConfig, file: string | undefined, env: ClusterOptions['env']): void {
  try {
    if (file !== undefined) config.loadFromFile(file);
  } catch (cause) {
    const message = `kubernetes.kubeconfigFile: ${file ?? ''} is no kubeconfig`;
    throw new ClusterError(message, { cause });
  }
  if (file !== undefined && config.getCurrentCluster() === null)
    throw new ClusterError(`kubernetes.kubeconfigFile: ${file} has no current context with a cluster`);
  if (file !== undefined) return;
  if (!env['KUBERNETES_SERVICE_HOST'] || !env['KUBERNETES_SERVICE_PORT']) {
    throw new ClusterError(
      'kubernetes.sessionRoutes is for a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; elsewhere, name a kubernetes.kubeconfigFile',
    );
  }
  config.loadFromCluster();
}

async function listCustom(custom: Client.CustomObjectsApi, plural: string) {
  const listed: unknown = await custom.listClusterCustomObject({ group: GROUP, version: VERSION, plural });
  return listed as Client.KubernetesListObject<Client.KubernetesObject>;
}

interface InformerOptions extends InformerListeners {
  readonly kind: ResourceKind;
  readonly list: () => Promise<Client.KubernetesListObject<Client.KubernetesObject>>;
}

function createInformer(
  client: typeof Client,
  config: Client.KubeConfig,
  { kind, list, ...listeners }: InformerOptions,
): Informer {
  const path = kind === 'namespaces' ? '/api/v1/namespaces' : `/apis/${API_VERSION}/${kind}`;
  let isStopped = false;
  const state: WatchState = { onUp: () => listeners.onUp(), isStopped: () => isStopped };
  const listAll = async () => {
    const listed = await within(list(), TIMEOUT_MS);
    // The library takes over what was listed before anything else runs.
    setImmediate(() => listeners.onChange());
    return listed;
  };
  const watched = new client.ListWatch(path, createGuardedWatch(client, config, state), listAll, false);
  watched.on('change', () => listeners.onChange());
  const fail = (error: unknown) => listeners.onDown(`${kind} can't be watched: ${sayFailure(error)}`);
  watched.on('error', fail);
  return {
    start: () => watched.start().catch(fail),
    stop() {
      isStopped = true;
      return watched.stop();
    },
    list: () => watched.list(),
  };
}

function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Whether it was done, or one of these statuses says that there is nothing to do any more. */
async function unless(sent: Promise<unknown>, statuses: readonly number[]): Promise<WriteOutcome> {
  try {
    await within(sent, TIMEOUT_MS);
    return 'written';
  } catch (error) {
    if (statuses.includes(statusOf(error) ?? 0)) return 'superseded';
    throw new ClusterError(sayFailure(error), { cause: error });
  }
}

/** The library's errors have the status in one place or the other. */
function statusOf(error: unknown): number | undefined {
  const { code, statusCode } = (error ?? {}) as { readonly code?: unknown; readonly statusCode?: unknown };
  const status = [statusCode, code].find((value) => typeof value === 'number');
  return typeof status === 'number' ? status : undefined;
}

const ADVICE: Readonly<Record<number, string>> = {
  401: 'the API server does not know who asks (401): is the service account token mounted?',
  403: 'the service account may not (403): it needs the ClusterRole of the chart',
  404: 'the API server does not have them (404): are the CRDs installed?',
};

/** In our own words where the status says enough: the library's have whole answers in them. */
function sayFailure(error: unknown): string {
  const status = statusOf(error);
  if (status !== undefined) return ADVICE[status] ?? `the API server answered ${status}`;
  const root = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return root instanceof Error ? root.message : 'unknown error';
}

function eventOf(
  { metadata: { name, namespace, uid, resourceVersion } }: SessionRoute,
  event: RouteEvent,
  eventTime: Client.V1MicroTime,
): object {
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: event.name, namespace },
    type: 'Warning',
    reason: event.reason,
    action: 'Judge',
    note: event.note,
    eventTime,
    reportingController: `${GROUP}/session-routes`,
    reportingInstance: event.instance,
    regarding: { apiVersion: API_VERSION, kind: 'SessionRoute', namespace, name, uid, resourceVersion },
  };
}
