/** The server of the `http` listener on real sockets: its limits, its connections and its end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest, type RequestOptions as TlsRequestOptions } from 'node:https';
import { X509Certificate } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Answer } from '../../src/authz/answer.ts';
import type { Checker } from '../../src/authz/checker.ts';
import type { AuthzRequest } from '../../src/authz/request.ts';
import { createForwardAuthServer } from '../../src/forward-auth/forward-auth-server.ts';
import { compileTrustedPeers } from '../../src/forward-auth/trusted-peers.ts';
import { parseAddress } from '../../src/net/address.ts';
import { listen, type ListenOptions } from '../../src/net/listener.ts';
import { createTlsTermination } from '../../src/net/tls-termination.ts';
import { createTestCa } from '../parts/certificates.ts';
import { createScene } from '../unit/authz/scene.ts';

const { policy } = await createScene({});
const METADATA = { decision: 'allow', decision_id: 'id' };
const PASSAGE: Answer = {
  allowed: true,
  set: [['x-session-ref', 'e1.a']],
  remove: [],
  response: [],
  metadata: METADATA,
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Setting {
  readonly check?: Checker['check'];
  readonly trusted?: readonly string[];
  readonly maxConnectionAgeMs?: number;
  readonly address?: string;
  readonly tls?: ListenOptions['tls'];
}

async function start(setting: Setting = {}) {
  const {
    check = () => Promise.resolve(PASSAGE),
    trusted = ['127.0.0.1'],
    address = '127.0.0.1:0',
  } = setting;
  const asked: AuthzRequest[] = [];
  const strangers: (string | undefined)[] = [];
  const faults: unknown[] = [];
  const state = { draining: false, peers: compileTrustedPeers(trusted) };
  const server = createForwardAuthServer({
    checker: {
      inFlight: 0,
      check(request) {
        asked.push(request);
        return check(request);
      },
    },
    settings: () => ({ gateway: 'envoy', peers: state.peers }),
    policy: () => policy,
    maxConnectionAgeMs: () => setting.maxConnectionAgeMs ?? 3_600_000,
    draining: () => state.draining,
    onStranger: (stranger) => strangers.push(stranger),
    onError: (error) => faults.push(error),
  });
  let connections = 0;
  server.on('connection', () => (connections += 1));
  const listening = await listen(server, parseAddress(address), { name: 'http', tls: setting.tls });
  cleanups.push(() => listening.close(0));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  cleanups.push(() => agent.destroy());
  const where =
    listening.address.kind === 'tcp'
      ? { host: '127.0.0.1', port: listening.address.port }
      : { socketPath: listening.address.path };
  return {
    asked,
    strangers,
    faults,
    state,
    listening,
    where,
    connections: () => connections,
    ask: (options: RequestOptions = {}, body?: string) => send({ ...where, agent, ...options }, body),
  };
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function send(options: RequestOptions, body?: string, request = httpRequest): Promise<Reply> {
  const sent = request(options).end(body);
  const cut = new Promise<never>((_, reject) => void sent.on('error', reject));
  const [response] = (await Promise.race([once(sent, 'response'), cut])) as [IncomingMessage];
  cut.catch(() => undefined);
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body: text };
}

describe('the listener `http`', () => {
  it('answers one check after the other on one connection', async () => {
    const { ask, asked, connections } = await start();
    for (const path of ['/a', '/b?c', '/%2e']) {
      expect(await ask({ path })).toMatchObject({
        status: 200,
        headers: { 'x-session-ref': 'e1.a' },
        body: '',
      });
    }
    expect(asked.map(({ path }) => path)).toEqual(['/a', '/b?c', '/%2e']);
    expect(connections()).toBe(1);
  });

  it('reads no body, and is not held up by one', async () => {
    const { ask, asked } = await start();
    expect(await ask({ method: 'POST' }, 'x'.repeat(100_000))).toMatchObject({ status: 200 });
    expect(await ask({ method: 'PUT', headers: { 'transfer-encoding': 'chunked' } }, 'x')).toMatchObject({
      status: 200,
    });
    expect(asked.map(({ method }) => method)).toEqual(['POST', 'PUT']);
  });

  it('sees every header, however many there are', async () => {
    const { ask, asked } = await start();
    const many = Array.from({ length: 2_500 }, (_, at) => [`h${at}`, 'x']);
    await ask({ headers: { ...(Object.fromEntries(many) as Record<string, string>), cookie: 'a=1' } });
    expect(asked[0]?.headers.get('cookie')).toBe('a=1');
    expect(asked[0]?.headers.size).toBeGreaterThan(2_500);
  });

  it('E3 answers what is too large, broken or no request with an error, unasked', async () => {
    const { ask, asked, where } = await start();
    // A client that still sends may lose the answer to the end of the connection.
    const tooLarge = ask({ headers: { cookie: 'a'.repeat(200_000) } });
    expect([431, 'cut']).toContain(await tooLarge.then(({ status }) => status).catch(() => 'cut'));
    for (const text of ['GET /a HTTP/1.1\r\n\r\n', 'GET /a b HTTP/1.1\r\nhost: a\r\n\r\n', 'hello\r\n\r\n']) {
      expect(await raw(where as { port: number }, text)).toMatch(/^HTTP\/1\.1 400 /);
    }
    expect(asked).toEqual([]);
  });

  it('E3 answers a fault of a check with 503, and the next one as ever', async () => {
    const { ask, faults } = await start({
      check: ({ path }) => (path === '/a' ? Promise.reject(new Error('injected')) : Promise.resolve(PASSAGE)),
    });
    expect(await ask({ path: '/a' })).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(faults).toEqual([new Error('injected')]);
    expect(await ask({ path: '/b' })).toMatchObject({ status: 200 });
  });

  it('E3 answers no peer that is not trusted, and follows who is', async () => {
    const { ask, asked, strangers, state } = await start({ trusted: ['192.0.2.0/24', 'unix'] });
    const answer = await ask();
    expect(answer).toMatchObject({ status: 421, headers: { connection: 'close' } });
    expect(answer.headers).not.toHaveProperty('x-session-ref');
    expect([asked, strangers]).toEqual([[], ['127.0.0.1']]);
    state.peers = compileTrustedPeers(['127.0.0.0/8']);
    expect(await ask()).toMatchObject({ status: 200 });
    state.peers = compileTrustedPeers(['192.0.2.0/24']);
    expect(await ask(), 'also on a connection that was trusted').toMatchObject({ status: 421 });
  });

  it('on a unix socket trusts whoever can open it, where that is said', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'http-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const address = `unix:${join(folder, 'http.sock')}`;
    const { ask, state } = await start({ address, trusted: ['unix'] });
    expect(await ask()).toMatchObject({ status: 200 });
    state.peers = compileTrustedPeers(['0.0.0.0/0', '::/0']);
    expect(await ask()).toMatchObject({ status: 421 });
  });

  it('E4 with mutual TLS answers who has a certificate', async () => {
    const ca = createTestCa('root');
    const server = ca.issue({ dns: ['localhost'], ips: ['127.0.0.1'] });
    const client = ca.issue({ dns: ['nginx.edge.svc'] });
    const refusals: string[] = [];
    const tls = createTlsTermination({
      material: {
        certificates: server.certificate,
        key: server.key,
        clientCas: [new X509Certificate(ca.certificate)],
        clients: new Set(['nginx.edge.svc']),
      },
      protocols: ['http/1.1'],
      clientCertificate: 'required',
      onRefused: ({ reason }) => refusals.push(reason),
    });
    const { where, asked } = await start({ tls });
    const options: TlsRequestOptions = { ...where, ca: ca.certificate, agent: false };
    const shown = { ...options, cert: client.certificate, key: client.key };
    expect(await send(shown, undefined, httpsRequest)).toMatchObject({ status: 200 });
    await expect(send(options, undefined, httpsRequest)).rejects.toThrow();
    expect([asked.length, refusals]).toEqual([1, ['no_certificate']]);
  });

  it('asks a connection that has come of age to move', async () => {
    const { ask, connections } = await start({ maxConnectionAgeMs: 0 });
    for (let at = 0; at < 3; at += 1) expect((await ask()).headers.connection).toBe('close');
    expect(connections()).toBe(3);
  });
});

describe('B5 the end of the listener `http`', () => {
  it('is told to each connection with its next answer', async () => {
    const { ask, state } = await start();
    expect((await ask()).headers.connection).toBe('keep-alive');
    state.draining = true;
    expect((await ask()).headers.connection).toBe('close');
  });

  it('comes after the checks that are under way', async () => {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const { ask, asked, listening } = await start({ check: () => promise });
    const answer = ask();
    while (asked.length === 0) await new Promise(setImmediate);
    const closed = listening.close(10_000);
    resolve(PASSAGE);
    expect(await answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await closed;
    await expect(ask()).rejects.toThrow('ECONNREFUSED');
  });
});

async function raw({ port }: { readonly port: number }, text: string): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.end(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}
