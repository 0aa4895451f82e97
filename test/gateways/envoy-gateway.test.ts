/** deploy/envoy-gateway in a cluster with the real Envoy Gateway. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { claimDefinitions, definitionsIn } from '../cluster/definitions.ts';
import { expectHardlyMissed } from '../cluster/kill.ts';
import { createNamespace, type Namespace } from '../cluster/kubernetes.ts';
import { gatewayFiles } from '../parts/gateway-modules.ts';
import { GATEWAY_IMAGES, type GatewayRig } from './rig.ts';
import { gatewayInCluster, type ClusterGateway } from './scenario.ts';

const EXAMPLE = 'envoy-gateway/gateway.yaml';
const MINUTE = 60_000;

const inCluster: ClusterGateway = {
  async install(rig, undo) {
    const system = await createNamespace(`${rig.inner.name}-system`);
    undo.defer(async () => {
      // An Envoy that nobody asks any more would take minutes to drain.
      await system.kubectl(['delete', 'pod', '--all', '--grace-period=0', '--force']);
      await system.remove();
    });
    await installController(system, undo);
    await rig.applyShipped(EXAMPLE);
    undo.defer(async () => {
      // In this order: the controller lets go of no class that a Gateway uses.
      await rig.edge.kubectl(['delete', 'gateway', '--all', '--timeout=60s']);
      await rig.edge.kubectl(['delete', 'gatewayclass', 'envoy-gateway', '--timeout=60s']);
    });
    return { service: await serviceOf(rig, system), host: 'app.example.com' };
  },
  async misname(rig) {
    const extensions = [{ name: 'singlestate.app', type: 'Value', value: 'billing' }];
    const patch = JSON.stringify({ spec: { extAuth: { contextExtensions: extensions } } });
    await rig.inner.kubectl(['patch', 'securitypolicy', 'reports', '--type=merge', '--patch', patch]);
  },
};

gatewayInCluster('Envoy Gateway', inCluster, (running) => {
  test(
    'B5 a replica whose container is killed fails the checks that it has, and hardly another',
    async () => {
      const { rig, address } = running();
      const { token } = await rig.open('invoices:read');
      const [victim = ''] = await rig.inner.names('pod', '-l', 'app.kubernetes.io/component=server');
      const url = `http://${address.service}/invoices`;
      await expectHardlyMissed(rig.inner, victim.replace('pod/', ''), { url, token });
    },
    3 * MINUTE,
  );
});

/** By the chart in its module, which lacks the values that a release fills in. */
async function installController(system: Namespace, undo: AsyncDisposableStack): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'envoy-gateway-'));
  try {
    const chart = join(folder, 'gateway-helm');
    await cp(join(await gatewayFiles('envoyGateway'), 'charts', 'gateway-helm'), chart, { recursive: true });
    const template = await readFile(join(chart, 'values.tmpl.yaml'), 'utf8');
    const values = template
      .replace('${GatewayImage}', GATEWAY_IMAGES.envoyGateway)
      .replace('${GatewayImagePullPolicy}', 'IfNotPresent');
    await writeFile(join(folder, 'values.yaml'), values);
    await claimDefinitions(system, await definitionsIn(join(chart, 'charts', 'crds', 'crds')), undo);
    await system.helm([
      ...['install', 'envoy-gateway', chart, '--values', join(folder, 'values.yaml')],
      ...['--set', `global.images.envoyProxy.image=${GATEWAY_IMAGES.envoy}`],
      ...['--set', 'topologyInjector.enabled=false', '--wait', '--timeout', '240s'],
    ]);
    undo.defer(async () => {
      await system.helm(['uninstall', 'envoy-gateway', '--wait']);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The Service that the controller makes for the Gateway. */
async function serviceOf(rig: GatewayRig, system: Namespace): Promise<string> {
  const owner = ['-l', `gateway.envoyproxy.io/owning-gateway-namespace=${rig.edge.name}`];
  const found = async () => (await system.names('service', ...owner))[0];
  await waitUntil(async () => (await found()) !== undefined, {
    what: "the Gateway's Service",
    timeoutMs: 60_000,
  });
  await system.kubectl(['wait', 'pod', ...owner, '--for=condition=Ready', '--timeout=120s']);
  return `${((await found()) ?? '').replace('service/', '')}.${system.name}.svc.cluster.local`;
}
