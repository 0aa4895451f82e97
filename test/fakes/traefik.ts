/**
 * What Traefik's documentation says that its forwardAuth does, acted out on deploy/traefik/dynamic.yaml: it shows that the
 * file and the listener `http` fit each other. It is no Traefik, which takes too long to build for a test.
 */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { BedGateway, GatewayPorts } from '../e2e/bed.ts';

const FILE = join(import.meta.dirname, '..', '..', 'deploy', 'traefik', 'dynamic.yaml');

/** The keys of forwardAuth that are acted out; the file may have no other. */
export interface ForwardAuth {
  readonly address: string;
  readonly authResponseHeadersRegex: string;
  readonly authResponseHeaders: readonly string[];
  readonly addAuthCookiesToResponse: readonly string[];
  readonly preserveLocationHeader: true;
}

interface Router {
  readonly rule: string;
  readonly middlewares?: readonly string[];
  readonly service: string;
}

export interface DynamicConfiguration {
  readonly http: {
    readonly middlewares: {
      readonly singlestate: { readonly forwardAuth: ForwardAuth };
      readonly 'no-connection-header': {
        readonly headers: { readonly customRequestHeaders: Readonly<Record<string, ''>> };
      };
    };
    readonly routers: Readonly<Record<string, Router>>;
    readonly services: Readonly<
      Record<string, { readonly loadBalancer: { readonly servers: readonly { readonly url: string }[] } }>
    >;
  };
}

export async function shippedTraefik(): Promise<DynamicConfiguration> {
  return parse(await readFile(FILE, 'utf8')) as DynamicConfiguration;
}

type Fields = readonly (readonly [name: string, value: string])[];

interface Reply {
  readonly status: number;
  readonly fields: Fields;
  readonly body: Buffer;
}

/** Acts out the shipped file, all in this process. */
export const traefik: BedGateway = {
  kind: 'traefik',
  async start(ports, _folder, undo) {
    const shipped = await shippedTraefik();
    const server = createServer((asked, response) => {
      serve(asked, response, shipped, ports).catch(() => {
        // Traefik's answer where the one that it asks gives none.
        response.writeHead(500).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    undo.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  },
};

async function serve(
  asked: IncomingMessage,
  response: ServerResponse,
  { http }: DynamicConfiguration,
  ports: GatewayPorts,
): Promise<void> {
  const router = routerFor(http.routers, asked.url ?? '');
  const service = http.services[router.service]?.loadBalancer.servers[0]?.url ?? '';
  const forwarded = { 9002: ports.checks, 9003: ports.api, 8081: ports.app };
  const moved = (url: string) => {
    const port = Number(new URL(url).port) as keyof typeof forwarded;
    return forwarded[port];
  };
  let fields = fieldsOf(asked);
  if (router.middlewares?.includes('no-connection-header')) {
    const { customRequestHeaders } = http.middlewares['no-connection-header'].headers;
    const removed = new Set(Object.keys(customRequestHeaders).map((name) => name.toLowerCase()));
    fields = fields.filter(([name]) => !removed.has(name.toLowerCase()));
  }
  let answer: Reply | undefined;
  const { forwardAuth } = http.middlewares.singlestate;
  if (router.middlewares?.includes('singlestate')) {
    answer = await send(moved(forwardAuth.address), 'GET', '/', subrequestFields(asked, fields));
    if (answer.status < 200 || answer.status > 299) {
      write(response, answer);
      return;
    }
    fields = toApp(fields, answer.fields, forwardAuth);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of asked) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const reply = await send(moved(service), asked.method ?? '', asked.url ?? '', endToEnd(fields), body);
  write(response, answer === undefined ? reply : withCookies(reply, answer, forwardAuth));
}

/** The longest rule comes first; a rule here is one PathPrefix. */
function routerFor(routers: DynamicConfiguration['http']['routers'], path: string): Router {
  const prefixOf = ({ rule }: Router) => /^PathPrefix\(`([^`]+)`\)$/.exec(rule)?.[1] ?? 'unknown rule';
  const [found] = Object.values(routers)
    .filter((router) => path.startsWith(prefixOf(router)))
    .sort((a, b) => b.rule.length - a.rule.length);
  if (found === undefined) throw new Error(`no router has ${path}`);
  return found;
}

/** All that the client sent, but what a subrequest does not have, and with the request that it made. */
function subrequestFields({ method, url, headers, socket }: IncomingMessage, fields: Fields): Fields {
  const told: Fields = [
    ['X-Forwarded-For', socket.remoteAddress ?? ''],
    ['X-Forwarded-Method', method ?? ''],
    ['X-Forwarded-Proto', 'http'],
    ['X-Forwarded-Host', headers.host ?? ''],
    ['X-Forwarded-Uri', url ?? ''],
  ];
  const names = new Set(told.map(([name]) => name.toLowerCase()));
  const left = /^(host|content-length|transfer-encoding|connection|keep-alive|te|trailers|upgrade)$/i;
  return [
    ...fields.filter(([name]) => !names.has(name.toLowerCase()) && !left.test(name)),
    ...told,
    ['Host', 'singlestate'],
  ];
}

/** RFC 9110 section 7.6.1: what `connection` names goes no further. */
function endToEnd(fields: Fields): Fields {
  const nominated = fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((name) => name.trim());
  const dropped = new Set([...nominated, 'connection', 'transfer-encoding', 'content-length']);
  return fields.filter(([name]) => !dropped.has(name.toLowerCase()));
}

function toApp(fields: Fields, answered: Fields, options: ForwardAuth): Fields {
  const { authResponseHeaders, authResponseHeadersRegex } = options;
  const pattern = new RegExp(authResponseHeadersRegex.replace('(?i)', ''), 'i');
  const named = new Set(authResponseHeaders.map((name) => name.toLowerCase()));
  const isReplaced = (name: string) => named.has(name.toLowerCase()) || pattern.test(name);
  return [...fields.filter(([name]) => !isReplaced(name)), ...answered.filter(([name]) => isReplaced(name))];
}

function withCookies(reply: Reply, answer: Reply, { addAuthCookiesToResponse: named }: ForwardAuth): Reply {
  const isCookie = ([name]: readonly [string, string]) => name.toLowerCase() === 'set-cookie';
  const isNamed = ([, value]: readonly [string, string]) =>
    named.some((name) => value.startsWith(`${name}=`));
  const added = answer.fields.filter((field) => isCookie(field) && isNamed(field));
  const kept = reply.fields.filter((field) => !isCookie(field) || !isNamed(field));
  return { ...reply, fields: added.length === 0 ? reply.fields : [...kept, ...added] };
}

function fieldsOf({ rawHeaders }: IncomingMessage): Fields {
  return Array.from({ length: rawHeaders.length / 2 }, (_, at) => [
    rawHeaders[2 * at] ?? '',
    rawHeaders[2 * at + 1] ?? '',
  ]);
}

async function send(
  port: number,
  method: string,
  path: string,
  fields: Fields,
  body?: Buffer,
): Promise<Reply> {
  const length: Fields = body === undefined ? [] : [['Content-Length', String(body.length)]];
  const headers = [...fields, ...length].flat();
  const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }).end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, fields: fieldsOf(response), body: Buffer.concat(chunks) };
}

function write(response: ServerResponse, { status, fields, body }: Reply): void {
  const kept = fields.filter(([name]) => !/^(connection|keep-alive|transfer-encoding)$/i.test(name));
  response.writeHead(status, kept.flat()).end(body);
}
