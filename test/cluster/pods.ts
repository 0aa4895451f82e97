/** The pods that the chart is tested with: an identity provider, an Envoy, an app, a client. Their images hold no more than Node or Envoy. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';

/** By default those that test/images/archives.sh makes. */
export const IMAGES = {
  singlestate: process.env['SINGLESTATE_IMAGE'] ?? 'localhost/singlestate:1',
  /** What an upgrade is to. */
  next: process.env['SINGLESTATE_NEXT_IMAGE'] ?? 'localhost/singlestate-next:1',
  envoy: process.env['ENVOY_IMAGE'] ?? 'localhost/envoy:1',
  valkey: process.env['VALKEY_IMAGE'] ?? 'localhost/valkey:1',
} as const;

const CONTAINER_SECURITY = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};
const POD = {
  securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
  terminationGracePeriodSeconds: 1,
  automountServiceAccountToken: false,
};
const container = (name: string, image: string, rest: object) => ({
  name,
  image,
  imagePullPolicy: 'IfNotPresent',
  securityContext: CONTAINER_SECURITY,
  ...rest,
});
/** As the first process of its container it ends by SIGTERM only if it says so. */
const node = (script: string) => ({
  command: [
    '/usr/bin/node',
    '--input-type=module',
    '-e',
    `process.on('SIGTERM', () => process.exit());${script}`,
  ],
});

function service(name: string, port: number, targetPort: number, app = name): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app }, ports: [{ port, targetPort }] },
  };
}

/** Another host name of the pod of `envoyPod`. */
export const envoyService = (name: string) => service(name, 80, 8080, 'envoy');

function pod(name: string, spec: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { ...POD, ...spec },
  };
}

/** Shows the headers that reach an app, as JSON. */
const ECHO = (port: number, host: string) => `
import { createServer } from 'node:http';
createServer((request, response) => response.end(JSON.stringify(request.headers))).listen(${port}, '${host}');`;

/** An app that shows what reached it, with an identity for the Session API at /identity/token. */
export function appPod(name: string, audience: string): readonly object[] {
  const volumes = [
    { name: 'identity', projected: { sources: [{ serviceAccountToken: { path: 'token', audience } }] } },
  ];
  const app = container('app', IMAGES.singlestate, {
    ...node(ECHO(8081, '0.0.0.0')),
    volumeMounts: [{ name: 'identity', mountPath: '/identity', readOnly: true }],
    readinessProbe: { tcpSocket: { port: 8081 }, periodSeconds: 1 },
  });
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } };
  return [
    account,
    pod(name, { serviceAccountName: name, containers: [app], volumes }),
    service(name, 8081, 8081),
  ];
}

/** What an app beside an Envoy runs: the same, for its own pod alone. */
export const LOCAL_APP = node(ECHO(8081, '127.0.0.1')).command;

/** Does nothing by itself: scripts run in it. */
export function clientPod(): object {
  return pod('client', {
    containers: [container('client', IMAGES.singlestate, node('setInterval(() => undefined, 1e6);'))],
  });
}

const PROVIDER = `
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
const file = (name) => readFileSync('/provider/' + name, 'utf8');
const documents = { '/.well-known/openid-configuration': file('discovery'), '/jwks': file('jwks') };
createServer({ cert: file('tls.crt'), key: file('tls.key') }, (request, response) => {
  const found = documents[request.url];
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' }).end(found);
}).listen(8443);`;

/** An identity provider as far as ID tokens need one: discovery and keys, over TLS. */
export function providerPod(
  issuer: string,
  jwks: object,
  tls: { certificate: string; key: string },
): readonly object[] {
  const discovery = {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
  const files = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'provider' },
    stringData: {
      discovery: JSON.stringify(discovery),
      jwks: JSON.stringify(jwks),
      'tls.crt': tls.certificate,
      'tls.key': tls.key,
    },
  };
  const provider = container('provider', IMAGES.singlestate, {
    ...node(PROVIDER),
    volumeMounts: [{ name: 'provider', mountPath: '/provider', readOnly: true }],
    readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
  });
  const volumes = [{ name: 'provider', secret: { secretName: 'provider' } }];
  return [files, pod('provider', { containers: [provider], volumes }), service('provider', 443, 8443)];
}

const SHIPPED = join(import.meta.dirname, '..', '..', 'deploy', 'envoy', 'envoy.yaml');

const HTTP_FILTERS = [
  ...['static_resources', 'listeners', 0, 'filter_chains', 0],
  ...['filters', 0, 'typed_config', 'http_filters'],
];

/** deploy/envoy/envoy.yaml as it is shipped, with nothing changed but the addresses, and the timeout (values.ts says why). */
export async function envoyPod(addresses: Readonly<Record<string, readonly [host: string, port: number]>>) {
  const document = parseDocument(await readFile(SHIPPED, 'utf8'));
  const clusters = (document.toJS() as { static_resources: { clusters: { name: string }[] } })
    .static_resources.clusters;
  const socket = (path: readonly unknown[], address: string, port: number) => {
    document.setIn([...path, 'address', 'socket_address', 'address'], address);
    document.setIn([...path, 'address', 'socket_address', 'port_value'], port);
  };
  socket(['static_resources', 'listeners', 0], '0.0.0.0', 8080);
  clusters.forEach(({ name }, index) => {
    const [host, port] = addresses[name] ?? ['127.0.0.1', 1];
    const endpoint = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint'];
    socket(['static_resources', 'clusters', index, ...endpoint], host, port);
  });
  const filter = [...HTTP_FILTERS, 0, 'typed_config', 'grpc_service', 'timeout'];
  if (document.getIn(filter) !== '0.25s') throw new Error(`${SHIPPED} has no timeout at ${filter.join('.')}`);
  document.setIn(filter, '2s');
  const files = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'envoy' },
    data: { 'envoy.yaml': document.toString({ lineWidth: 0 }) },
  };
  const envoy = container('envoy', IMAGES.envoy, {
    args: ['-c', '/etc/envoy/envoy.yaml', '--log-level', 'warning', '--concurrency', '1'],
    volumeMounts: [{ name: 'envoy', mountPath: '/etc/envoy', readOnly: true }],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
  });
  const volumes = [{ name: 'envoy', configMap: { name: 'envoy' } }];
  return [files, pod('envoy', { containers: [envoy], volumes }), service('envoy', 80, 8080)];
}
