/** The `ops` listener: `/metrics`, `/livez` and `/readyz` over HTTP, and nothing else. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Address } from '../net/address.ts';
import { listen, type Listening } from '../net/listener.ts';
import type { TlsTermination } from '../net/tls-termination.ts';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

export interface OpsServerOptions {
  readonly address: Address;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Without it, cleartext. */
  readonly tls?: TlsTermination | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 8 * 1024 } as const;
const PLAIN_TEXT = 'text/plain; charset=utf-8';

/**
 * `/livez` answers 200 as long as the event loop turns. `/readyz` answers 200 or 503, with one line a check; one that
 * `exclude` names counts no more once it has passed. Rejects with `ListenError` where the address can't be had.
 */
export function startOpsServer(options: OpsServerOptions): Promise<Listening> {
  const server = createServer(LIMITS, (request, response) => {
    answer(request, options).then(
      (result) => send(response, result),
      () => send(response, { status: 500, body: 'The metrics could not be collected\n' }),
    );
  });
  return listen(server, options.address, { name: 'ops', tls: options.tls });
}

async function answer(request: IncomingMessage, { metrics, health }: OpsServerOptions): Promise<Answer> {
  const [path, query] = (request.url ?? '').split('?', 2);
  if (path !== '/metrics' && path !== '/livez' && path !== '/readyz') {
    return { status: 404, body: 'Here are /metrics, /livez and /readyz\n' };
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, body: 'Use GET or HEAD\n', headers: { allow: 'GET, HEAD' } };
  }
  if (path === '/livez') return { status: 200, body: 'livez check passed\n' };
  if (path === '/readyz') return readiness(health, new URLSearchParams(query).getAll('exclude'));
  return { status: 200, body: await metrics.expose(), headers: { 'content-type': metrics.contentType } };
}

/** The shape of Kubernetes' own `/readyz?verbose`, with its `exclude`. */
function readiness(health: Health, excluded: readonly string[]): Answer {
  const ready = health.readyBut(excluded);
  const lines = health.checks.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  );
  if (health.draining) lines.push('[-]draining failed: the server is shutting down');
  lines.push(`readyz check ${ready ? 'passed' : 'failed'}`);
  return { status: ready ? 200 : 503, body: `${lines.join('\n')}\n` };
}

/** node:http leaves out the body of an answer to HEAD by itself. */
function send(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, {
    'content-type': PLAIN_TEXT,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(body);
}
