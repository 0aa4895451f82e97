import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { DASHBOARD_FILE } from '../parts/dashboard-file.ts';
import { CHART, helm, only, render, rendered, VALUE_SETS, valuesFile } from './helm.ts';

const dashboard = readFileSync(DASHBOARD_FILE, 'utf8').replace(/^(?=.)/gm, '    ');

/** Two thousand lines, once more: deploy/grafana/singlestate.json holds them. */
const withoutDashboard = (text: string) => text.replace(dashboard, '    deploy/grafana/singlestate.json\n');

describe.each(VALUE_SETS)('the chart with %s.yaml', (set) => {
  test('H3 passes helm lint, with every warning an error', async () => {
    await expect(helm('lint', '--strict', CHART, '--values', valuesFile(set))).resolves.toContain(
      '1 chart(s) linted, 0 chart(s) failed',
    );
  });

  test('H3 renders what is in golden/', async () => {
    await expect(withoutDashboard(await render(set))).toMatchFileSnapshot(`golden/${set}.yaml`);
  });

  test('H3 renders the same twice: nothing in it is random, so that GitOps sees no change', async () => {
    expect(await render(set)).toBe(await render(set, '--is-upgrade'));
  });
});

/** As much of a Deployment as is looked at here. */
interface Deployment {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly annotations: object };
      readonly spec: { readonly terminationGracePeriodSeconds: number };
    };
  };
}

async function podTemplate(...args: readonly string[]) {
  const deployment = only(await rendered('minimal', ...args), 'Deployment', 'singlestate');
  return (deployment as unknown as Deployment).spec.template;
}

const podAnnotations = async (...args: readonly string[]) =>
  (await podTemplate(...args)).metadata.annotations;

describe('a change of the configuration', () => {
  test('that a running server takes over replaces no pod', async () => {
    expect(await podAnnotations('--set', 'config.log.level=debug,config.token.ttl=2m')).toEqual(
      await podAnnotations(),
    );
  });

  test.each([
    'ports.check=9101',
    'config.store.deadline=40ms',
    'config.store.url=rediss://other.example.com:6379',
    'tls.api.secretName=api-tls',
  ])('that takes a restart replaces the pods: %s', async (change) => {
    expect(await podAnnotations('--set', change)).not.toEqual(await podAnnotations());
  });
});

test('B5 the grace period covers drainDelay and drainTimeout, whatever their units', async () => {
  const seconds = async (...args: readonly string[]) =>
    (await podTemplate(...args)).spec.terminationGracePeriodSeconds;
  expect(await seconds()).toBe(5 + 10 + 5);
  expect(await seconds('--set', 'config.check.drainDelay=1500ms,config.check.drainTimeout=2m')).toBe(
    2 + 120 + 5,
  );
  expect(await seconds('--set', 'config.check.drainDelay=08s,config.check.drainTimeout=010s')).toBe(
    8 + 10 + 5,
  );
});

test.each(['http', 'api', 'ops'])('E4 an empty list of who may connect to %s is for nobody', async (name) => {
  const ports = async (...args: readonly string[]) => {
    const { spec } = only(await rendered('full', ...args), 'NetworkPolicy', 'sessions') as unknown as {
      readonly spec: {
        readonly ingress: readonly { readonly ports: readonly { readonly port: string }[] }[];
      };
    };
    return spec.ingress.flatMap((rule) => rule.ports.map(({ port }) => port));
  };
  expect(await ports()).toContain(name);
  expect(await ports('--set-json', `networkPolicy.from.${name}=[]`)).not.toContain(name);
});

test('B5 an upgrade of the program leaves the trial Valkey alone', async () => {
  const { spec } = only(await rendered('trial'), 'StatefulSet', 'singlestate-valkey') as unknown as {
    readonly spec: {
      readonly selector: { readonly matchLabels: object };
      readonly template: { readonly metadata: { readonly labels: object } };
    };
  };
  expect(spec.template.metadata.labels).toEqual(spec.selector.matchLabels);
});

test('H2 a gateway that asks over HTTP finds it at an address that stays when pods are replaced', async () => {
  const service = only(await rendered('full'), 'Service', 'sessions') as unknown as {
    readonly spec: {
      readonly clusterIP?: string;
      readonly ports: readonly { readonly targetPort: string }[];
    };
  };
  expect(service.spec.clusterIP).toBeUndefined();
  expect(service.spec.ports.map(({ targetPort }) => targetPort)).toContain('http');
});

describe('the pod of `helm test`', () => {
  const policy = async (...args: readonly string[]) => {
    const objects = await rendered('full', ...args);
    const { spec } = only(objects, 'NetworkPolicy', 'sessions') as unknown as {
      readonly spec: { readonly ingress: readonly { readonly ports: unknown; readonly from: unknown }[] };
    };
    return spec.ingress.find(({ ports }) => JSON.stringify(ports).includes('"check"'))?.from;
  };

  test('H3 may ask for checks beside those whom the values name', async () => {
    expect(await policy()).toEqual([
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'gateways' } } },
      {
        podSelector: {
          matchLabels: {
            'app.kubernetes.io/instance': 'singlestate',
            'app.kubernetes.io/component': 'probe',
          },
        },
      },
    ]);
    const probe = only(await rendered('full'), 'Pod', 'sessions-probe');
    expect(probe.metadata).toMatchObject({
      labels: { 'app.kubernetes.io/instance': 'singlestate', 'app.kubernetes.io/component': 'probe' },
    });
  });

  test('H3 is all who may, where nobody is named', async () => {
    const [probe, ...others] = (await policy(
      '--set-json',
      'networkPolicy.from.check=[]',
    )) as readonly object[];
    expect(probe).toMatchObject({ podSelector: { matchLabels: { 'app.kubernetes.io/component': 'probe' } } });
    expect(others).toEqual([]);
  });

  test('E4 is among the clients of `check` by the certificate that it shows, where clients are named', async () => {
    const clientsOf = async (...args: readonly string[]) => {
      const { data } = only(await rendered('full', ...args), 'ConfigMap', 'sessions') as unknown as {
        readonly data: Readonly<Record<string, string>>;
      };
      const { tls } = parse(data['singlestate.yaml'] ?? '') as {
        readonly tls: { readonly check: { readonly clients: readonly string[] } };
      };
      return tls.check.clients;
    };
    const named = await clientsOf();
    expect(named).toHaveLength(2);
    expect(named.at(-1)).toBe('sessions-check.sessions.svc');
    expect(await clientsOf('--set-json', 'config.tls.check={"clients":[]}')).toEqual([]);
  });
});
