/** A collector of traces: takes OTLP over HTTP in protobuf, as Envoy and Singlestate send it, and keeps every span. */
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { loadSync } from 'protobufjs';
import { waitUntil } from '../../quickstart/wait.ts';

export interface ReceivedSpan {
  /** `service.name` of who sent it. */
  readonly service: string;
  readonly name: string;
  /** As the protocol has it: 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** Ids are in hexadecimal; a root has no parent. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message: string };
  readonly attributes: Readonly<Record<string, Scalar>>;
  readonly resource: Readonly<Record<string, Scalar>>;
  readonly events: number;
  readonly links: number;
}

type Scalar = string | number | boolean | undefined;

/** `hang` takes requests and never answers; a number is the status of each answer. */
export type Behaviour = 'answer' | 'hang' | number;

export interface OtlpCollector extends AsyncDisposable {
  /** What `tracing.endpoint` is set to. */
  readonly url: string;
  readonly port: number;
  readonly spans: readonly ReceivedSpan[];
  /** The headers of each request, also of those that it did not answer well. */
  readonly requests: readonly IncomingHttpHeaders[];
  behave(behaviour: Behaviour): void;
  /** Resolves once a span is there that fits, to the first one. */
  spanWhere(what: string, fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
  /** Everything of one service. */
  of(service: string): readonly ReceivedSpan[];
}

export interface CollectorOptions {
  /** PEM; with them it speaks TLS. */
  readonly tls?: {
    readonly cert: string;
    readonly key: string;
    readonly ca?: string;
    readonly requestCert?: boolean;
  };
  /** Default: any free one. */
  readonly port?: number;
}

export async function startCollector({ tls, port = 0 }: CollectorOptions = {}): Promise<OtlpCollector> {
  const spans: ReceivedSpan[] = [];
  const requests: IncomingHttpHeaders[] = [];
  let behaviour: Behaviour = 'answer';

  const listener: RequestListener = (request, response) => {
    requests.push(request.headers);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (behaviour === 'hang') return;
      const isTraces = request.method === 'POST' && request.url === '/v1/traces';
      const status = isTraces ? (behaviour === 'answer' ? 200 : behaviour) : 404;
      if (status === 200) spans.push(...decode(Buffer.concat(chunks)));
      // An empty message: everything was taken.
      response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  const taken = (server.address() as AddressInfo).port;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${taken}`,
    port: taken,
    spans,
    requests,
    behave: (next) => (behaviour = next),
    async spanWhere(what, fits) {
      await waitUntil(() => Promise.resolve(spans.some(fits)), { what, timeoutMs: 15_000 });
      const [found] = spans.filter(fits);
      if (found === undefined) throw new Error(`${what} is gone`);
      return found;
    },
    of: (service) => spans.filter((span) => span.service === service),
    [Symbol.asyncDispose]: () => close(server),
  };
}

function close(server: Server & { closeAllConnections(): void }): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

const Request = loadSync(join(import.meta.dirname, 'otlp.proto')).lookupType('ExportTraceServiceRequest');

/** What protobufjs makes of one request, with bytes as Buffers and 64-bit numbers as text. */
interface Decoded {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] } | null;
    readonly scopeSpans: readonly { readonly spans: readonly DecodedSpan[] }[];
  }[];
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>> | null;
}

interface DecodedSpan {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly events: readonly unknown[];
  readonly links: readonly unknown[];
  readonly status: { readonly code: number; readonly message: string } | null;
}

function decode(bytes: Buffer): readonly ReceivedSpan[] {
  const options = { longs: String, bytes: Buffer, defaults: true, arrays: true };
  const { resourceSpans } = Request.toObject(Request.decode(bytes), options) as Decoded;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const about = scalars(resource?.attributes ?? []);
    return scopeSpans.flatMap((scope) => scope.spans.map((span) => received(span, about)));
  });
}

function received(span: DecodedSpan, resource: ReceivedSpan['resource']): ReceivedSpan {
  return {
    service: String(resource['service.name']),
    name: span.name,
    kind: span.kind,
    traceId: span.traceId.toString('hex'),
    spanId: span.spanId.toString('hex'),
    parentSpanId: span.parentSpanId.toString('hex'),
    traceState: span.traceState,
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    status: span.status ?? { code: 0, message: '' },
    attributes: scalars(span.attributes),
    resource,
    events: span.events.length,
    links: span.links.length,
  };
}

function scalars(list: readonly KeyValue[]): Record<string, Scalar> {
  return Object.fromEntries(
    list.map(({ key, value }) => {
      const [given] = Object.values(value ?? {});
      return [key, given as Scalar];
    }),
  );
}
