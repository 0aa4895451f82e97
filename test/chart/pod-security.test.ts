import { describe, expect, test } from 'vitest';
import { helm, objectsOf, rendered, VALUE_SETS, type KubernetesObject } from './helm.ts';
import { withSidecarChart } from './sidecar-app.ts';

interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly privileged?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  readonly seccompProfile?: { readonly type?: string };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly securityContext?: SecurityContext;
  readonly resources?: { readonly limits?: { readonly memory?: string }; readonly requests?: object };
  readonly ports?: readonly { readonly hostPort?: number }[];
}

interface PodSpec {
  readonly securityContext?: SecurityContext;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
}

/** The pods that an object leads to: itself, or those of its template, however deep. */
function podsIn(object: KubernetesObject): readonly PodSpec[] {
  if (object.kind === 'Pod') return [object['spec'] as PodSpec];
  const templates = (value: unknown): readonly PodSpec[] => {
    if (typeof value !== 'object' || value === null) return [];
    const { template, ...rest } = value as { readonly template?: { readonly spec?: PodSpec } };
    return [...(template?.spec ? [template.spec] : []), ...Object.values(rest).flatMap(templates)];
  };
  return templates(object['spec']);
}

/** What Kubernetes' Pod Security Standards allow at the level "restricted", beyond which nothing is mounted. */
const VOLUMES = ['name', 'configMap', 'emptyDir', 'projected', 'secret', 'persistentVolumeClaim'];

const SIDECAR_APP = 'the example of a sidecar';

async function objectsFor(set: string): Promise<readonly KubernetesObject[]> {
  if (set !== SIDECAR_APP) return rendered(set);
  const image = 'app.image=registry.example.com/app:1';
  return objectsOf(await withSidecarChart((chart) => helm('template', 'app', chart, '--set', image)));
}

describe.each([...VALUE_SETS, SIDECAR_APP])('the pods of %s', async (set) => {
  const objects = await objectsFor(set);
  const pods = objects.flatMap((object) =>
    podsIn(object).map((pod) => ({ pod, name: `${object.kind} ${object.metadata.name}` })),
  );
  const containers = pods.flatMap(({ pod, name }) =>
    [...(pod.initContainers ?? []), ...pod.containers].map((container) => ({
      container,
      pod,
      name: `${name}, ${container.name}`,
    })),
  );

  test('there are some', () => expect(pods.length).toBeGreaterThan(0));

  test.each(pods)('H3 $name keeps to Pod Security "restricted"', ({ pod }) => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: expect.toSatisfy((user: number) => user > 0) as number,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect([pod.hostNetwork, pod.hostPID, pod.hostIPC]).toEqual([undefined, undefined, undefined]);
    for (const volume of pod.volumes ?? [])
      expect(VOLUMES).toEqual(expect.arrayContaining(Object.keys(volume)));
  });

  test.each(containers)(
    'H3 $name keeps to Pod Security "restricted", and writes nothing',
    ({ container }) => {
      const { securityContext, ports = [] } = container;
      expect(securityContext).toMatchObject({
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(securityContext).not.toHaveProperty('privileged');
      expect(securityContext?.capabilities).not.toHaveProperty('add');
      for (const port of ports) expect(port).not.toHaveProperty('hostPort');
    },
  );

  test.each(containers)('H3 $name has an image that stays the same, and bounds', ({ container }) => {
    expect(container.image).toMatch(/@sha256:[0-9a-f]{64}$|:(?!latest$)[A-Za-z0-9._-]+$/);
    expect(container.resources?.limits?.memory).toBeDefined();
    expect(container.resources?.requests).toMatchObject({ cpu: expect.any(String) as string });
  });

  test.each(pods)('$name has a service account token only where it works on keys', ({ pod, name }) => {
    const worksOnKeys = /keys-(create|rotate)$/.test(name);
    expect(pod.automountServiceAccountToken).toBe(worksOnKeys ? undefined : false);
  });

  test('the roles are no more than making Secrets, and changing the keys that are named', () => {
    const rules = objects.filter(({ kind }) => kind === 'Role').flatMap((role) => role['rules'] as object[]);
    for (const rule of rules) {
      expect(rule).toMatchObject({ apiGroups: [''], resources: ['secrets'] });
      const { verbs, resourceNames = [] } = rule as { verbs: string[]; resourceNames?: string[] };
      expect(verbs).toEqual(resourceNames.length === 0 ? ['create'] : ['get', 'update']);
    }
  });

  test('what holds in the whole cluster is to read SessionRoutes and to say what became of them, where they are on', () => {
    const bound = objects.filter(({ kind }) => kind === 'ClusterRoleBinding').map((one) => one['roleRef']);
    const granted = objects
      .filter(({ kind }) => kind === 'ClusterRole')
      .filter(({ metadata: { name } }) => bound.some((ref) => (ref as { name: string }).name === name));
    expect(granted.flatMap((role) => role['rules'])).toEqual(set === 'session-routes' ? CLUSTER_RULES : []);
    expect(bound).toHaveLength(granted.length);
  });
});

const CLUSTER_RULES = [
  {
    apiGroups: ['singlestate.dev'],
    resources: ['sessionroutes', 'sessionroutepolicies'],
    verbs: ['list', 'watch'],
  },
  { apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
  { apiGroups: ['singlestate.dev'], resources: ['sessionroutes/status'], verbs: ['patch'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create'] },
];
