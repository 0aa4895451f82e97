/** Stands in for an API server where its coming and going is what matters: lists, and watches on which nothing happens. The real one is in test/cluster/. */
import type { RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { freePort } from '../../quickstart/ports.ts';
import type { ResourceKind } from '../../src/kubernetes/cluster.ts';
import type { Snapshot } from '../../src/kubernetes/resources.ts';
import { createTestCa } from './certificates.ts';

export interface StandInApiServer extends AsyncDisposable {
  /** The text of a kubeconfig for it, whether it is there or not. */
  readonly kubeconfig: string;
  /** What it lists; a test may put something else in its place, which no watch tells. */
  snapshot: Snapshot;
  /** Once; it is not there before. */
  start(): Promise<void>;
  /** Ends every watch with 410 `Expired`, as an API server does that no longer has what happened since the list. */
  expireWatches(): void;
}

const NOTHING: Snapshot = { routes: [], policies: [], namespaces: [] };

const EXPIRED = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', code: 410 };

export async function createStandInApiServer(snapshot = NOTHING): Promise<StandInApiServer> {
  const ca = createTestCa('api-server');
  const { certificate: cert, key } = ca.issue({ dns: ['localhost'] });
  const port = await freePort();
  const watches = new Set<ServerResponse>();
  const answer: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://localhost');
    response.setHeader('content-type', 'application/json');
    if (request.method !== 'GET') {
      request.resume();
      response.end('{}');
    } else if (searchParams.has('watch')) {
      watches.add(response);
      response.on('close', () => watches.delete(response)).flushHeaders();
    } else {
      const kind = pathname.slice(pathname.lastIndexOf('/') + 1) as ResourceKind;
      const list = { metadata: { resourceVersion: '1' }, items: itemsOf(standIn.snapshot, kind) };
      response.end(JSON.stringify(list));
    }
  };
  const server = createServer({ cert, key }, answer);
  const standIn: StandInApiServer = {
    kubeconfig: JSON.stringify(kubeconfigOf(`https://localhost:${port}`, ca.certificate)),
    snapshot,
    start: () =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen(port, 'localhost', resolve);
      }),
    expireWatches() {
      for (const watch of watches) watch.end(`${JSON.stringify({ type: 'ERROR', object: EXPIRED })}\n`);
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return standIn;
}

function itemsOf({ routes, policies, namespaces }: Snapshot, kind: ResourceKind): readonly object[] {
  return { sessionroutes: routes, sessionroutepolicies: policies, namespaces }[kind];
}

function kubeconfigOf(url: string, ca: string): object {
  const cluster = { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'stand-in', cluster }],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: 'stand-in', context: { cluster: 'stand-in', user: 'nobody' } }],
    'current-context': 'stand-in',
  };
}
