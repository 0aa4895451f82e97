import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { withSidecarChart } from '../chart/sidecar-app.ts';
import { createTestCa } from '../parts/certificates.ts';
import { createNamespace, type Namespace } from './kubernetes.ts';
import { clientPod, IMAGES, LOCAL_APP, providerPod } from './pods.ts';
import {
  ask,
  callApi,
  createIssuer,
  openSession,
  operatorToken,
  type Issuer,
  type OpenSession,
} from './sessions.ts';
import { chartValues } from './values.ts';

const CHART = join(import.meta.dirname, '..', '..', 'helm', 'singlestate');
const MINUTE = 60_000;
const NAME = `sidecar-${randomBytes(3).toString('hex')}`;

let namespace: Namespace;
let issuer: Issuer;
let session: OpenSession;
let folder: string;
let values: ReturnType<typeof chartValues>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-'));
  namespace = await createNamespace(NAME);
  issuer = await createIssuer('https://provider');
  const ca = createTestCa('provider');
  values = chartValues({ namespace: NAME, issuer, ca: ca.certificate, clusterIssuer: 'https://unused' });
  await namespace.apply(
    ...providerPod(issuer.url, { keys: [issuer.key.publicJwk] }, ca.issue({ dns: ['provider'] })),
    clientPod(),
  );
}, 4 * MINUTE);

afterAll(async () => {
  await namespace.remove();
  await rm(folder, { recursive: true });
}, 3 * MINUTE);

async function install(name: string, chart: string, given: object): Promise<void> {
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify(given));
  await namespace.helm(['install', name, chart, '--values', file, '--wait', '--timeout', '180s']);
}

describe('the sidecar beside an Envoy, in a namespace that enforces Pod Security "restricted"', () => {
  test(
    'H3 starts before its Envoy, from the snippet for other charts',
    async () => {
      await install('singlestate', CHART, {
        ...values,
        mode: 'sidecar',
        serviceAccount: { mountToken: false },
      });
      const { image, resources } = { image: IMAGES.singlestate, resources: values.resources };
      const secrets = { tokenKeys: 'singlestate-token-keys', sealingKeys: 'singlestate-sealing-keys' };
      const files = Object.keys(values.files);
      const singlestate = {
        image,
        resources,
        files,
        mountToken: true,
        env: values.env,
        config: 'singlestate',
        ...secrets,
      };
      const app = { image: IMAGES.singlestate, command: LOCAL_APP };
      await withSidecarChart((chart) =>
        install('app', chart, { singlestate, app, envoy: { image: IMAGES.envoy } }),
      );
      await namespace.kubectl(['wait', 'pod', '--all', '--for=condition=Ready', '--timeout=120s']);
    },
    5 * MINUTE,
  );

  test(
    'E3 E6 decides over the socket: 401, 200 with headers, and 401 right after the revocation',
    async () => {
      await namespace.apply(apiService());
      const jwks = 'http://singlestate:9003/.well-known/jwks.json';
      const reachable = async () => (await ask(namespace, jwks)).status === 200;
      await waitUntil(reachable, { what: 'the Service', timeoutMs: MINUTE });
      expect((await ask(namespace, 'http://app/invoices')).status).toBe(401);
      session = await openSession(namespace, issuer, 'invoices:read');
      const headers = { authorization: `Bearer ${session.token}`, 'x-session-subject': 'mallory' };
      const shown = await ask(namespace, 'http://app/invoices', { headers });
      expect(shown.status).toBe(200);
      expect(JSON.parse(shown.body)).toMatchObject({
        'x-session-subject': 'alice',
        'x-session-ref': session.ref,
      });
      const revocation = { ref: session.ref, reason: 'test' };
      await callApi(namespace, 'RevokeSession', await operatorToken(issuer), revocation);
      expect((await ask(namespace, 'http://app/invoices', { headers })).status).toBe(401);
    },
    2 * MINUTE,
  );

  test(
    'H3 ends after its Envoy, in time',
    async () => {
      const [name = ''] = await namespace.names('pods', '-l', 'app=app');
      const started = Date.now();
      await namespace.kubectl(['delete', name, '--wait', '--timeout=60s']);
      expect(Date.now() - started).toBeLessThan(29_000);
      const again = async () => (await ask(namespace, 'http://app/invoices')).status === 401;
      await waitUntil(again, { what: 'the next pod', timeoutMs: MINUTE });
    },
    3 * MINUTE,
  );
});

/** The Session API of the sidecars, by the name that the tests' calls go to. */
function apiService(): object {
  const spec = { selector: { app: 'app' }, ports: [{ port: 9003, targetPort: 'session-api' }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 'singlestate' }, spec };
}
