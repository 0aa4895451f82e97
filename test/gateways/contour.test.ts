/** deploy/contour in a cluster with the real Contour. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { claimDefinitions, definitionsIn } from '../cluster/definitions.ts';
import type { Namespace } from '../cluster/kubernetes.ts';
import { createTestCa } from '../parts/certificates.ts';
import { gatewayFiles } from '../parts/gateway-modules.ts';
import { objectsIn, replaced, type ShippedObject } from '../parts/shipped-objects.ts';
import { askGateway } from './client.ts';
import { GATEWAY_IMAGES } from './rig.ts';
import { gatewayInCluster, type GatewayInCluster } from './scenario.ts';

const EXAMPLE = 'contour/httpproxy.yaml';
const HOST = 'app.example.com';
/** As its own manifests have it. */
const SYSTEM = 'projectcontour';

gatewayInCluster(
  'Contour',
  {
    async install(rig, undo) {
      const { inner } = rig;
      await installController(inner, undo);
      const ca = createTestCa('app');
      const { certificate, key } = ca.issue({ dns: [HOST] });
      const secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'app-tls' },
        type: 'kubernetes.io/tls',
        stringData: { 'tls.crt': certificate, 'tls.key': key },
      };
      await inner.apply(secret);
      await rig.applyShipped(EXAMPLE);
      const valid = ['wait', 'httpproxy', '--all', '--for=jsonpath={.status.currentStatus}=valid'];
      await inner.kubectl([...valid, '--timeout=60s']);
      return { service: `envoy.${SYSTEM}.svc.cluster.local`, host: HOST, ca: ca.certificate };
    },
    async misname({ inner }) {
      const path = '/spec/routes/1/authPolicy/context/singlestate.app';
      const patch = JSON.stringify([{ op: 'replace', path, value: 'billing' }]);
      await inner.kubectl(['patch', 'httpproxy', 'app', '--type=json', '--patch', patch]);
    },
  },
  (running) => {
    test('E3 in cleartext nothing is served', async () => {
      const { rig, address } = running();
      const plain = { service: address.service, host: address.host };
      const answer = await askGateway(rig.inner, plain, '/invoices');
      expect(answer).toMatchObject({ status: 301, headers: { location: `https://${HOST}/invoices` } });
    });

    test('a forged header with `_` passes where nothing is checked, as the page warns', async () => {
      expect(await seenUnchecked(running(), 'x_session_subject')).toBe('mallory');
      expect(await seenUnchecked(running(), 'x-session-attr-email')).toBe('mallory');
    });
  },
);

async function seenUnchecked(
  { rig, address }: GatewayInCluster,
  header: string,
): Promise<string | undefined> {
  return (await askGateway(rig.inner, address, '/healthz', { [header]: 'mallory' })).received[header];
}

/** Contour's own manifests, with images that are there, and without ports of the node. */
async function installController(namespace: Namespace, undo: AsyncDisposableStack): Promise<void> {
  const folder = join(await gatewayFiles('contour'), 'examples', 'contour');
  await claimDefinitions(namespace, await definitionsIn(join(folder, '01-crds.yaml')), undo);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const objects = texts.flatMap(objectsIn).map(withImages);
  const isDefinition = ({ kind }: ShippedObject) => kind === 'CustomResourceDefinition';
  const list = (items: readonly ShippedObject[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const others = list(objects.filter((object) => !isDefinition(object)));
  const there = ['--namespace', SYSTEM];
  undo.defer(async () => {
    await namespace.kubectl([...there, 'delete', '--ignore-not-found', '--wait', '-f', '-'], others);
  });
  // `apply` would keep each definition a second time in an annotation, which is too long.
  await namespace.kubectl(['create', '-f', '-'], list(objects.filter(isDefinition)));
  await namespace.kubectl([...there, 'create', '-f', '-'], others);
  for (const made of ['deployment/contour', 'daemonset/envoy'])
    await namespace.kubectl([...there, 'rollout', 'status', made, '--timeout=180s']);
}

function withImages(object: ShippedObject): ShippedObject {
  return replaced(object, (key, value) => {
    if (key === 'hostPort') return undefined;
    if (key !== 'image' || typeof value !== 'string') return value;
    return value.includes('/contour:') ? GATEWAY_IMAGES.contour : GATEWAY_IMAGES.envoy;
  });
}
