import { once } from 'node:events';
import type http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { createClient } from '@connectrpc/connect';
import {
  connectNodeAdapter,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { SessionService } from '../../src/gen/singlestate/session/v1/session_pb.ts';
import {
  createHttp1And2Server,
  type Http1And2Handler,
  type Http1And2Limits,
  type Http1And2Response,
} from '../../src/net/http1-and-2.ts';
import { listen, type Listening } from '../../src/net/listener.ts';

let listening: Listening;
const ends: (() => void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await listening.close(0);
});

async function serve(handler: Http1And2Handler, limits?: Http1And2Limits): Promise<number> {
  const server = createHttp1And2Server(handler, limits);
  listening = await listen(server, { kind: 'tcp', host: '127.0.0.1', port: 0 }, { name: 'api' });
  if (listening.address.kind === 'unix') throw new Error('a unix socket has no port');
  return listening.address.port;
}

function ignored(): void {
  // The test looks at what becomes of the connection.
}

/** Answers with the protocol, the method, the path, and the length of the body. */
const echo: Http1And2Handler = (request, response) => {
  let length = 0;
  request.on('data', (chunk: Buffer) => (length += chunk.length));
  request.on('end', () => {
    end(response, `${request.httpVersion} ${request.method ?? ''} ${request.url ?? ''} ${length}`);
  });
};

function end(response: Http1And2Response, body: string): void {
  (response as http.ServerResponse).end(body);
}

function raw(port: number): net.Socket {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', ignored);
  ends.push(() => socket.destroy());
  return socket;
}

/** All that the server sends until it closes. */
async function received(socket: net.Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  await once(socket, 'close');
  return text;
}

function session(port: number, socket?: net.Socket): http2.ClientHttp2Session {
  const connection = socket === undefined ? {} : { createConnection: () => socket };
  const client = http2.connect(`http://127.0.0.1:${port}`, connection);
  client.on('error', ignored);
  ends.push(() => client.destroy());
  return client;
}

async function body(stream: http2.ClientHttp2Stream): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk as string;
  return text;
}

/** A proxy that passes on what the client sends byte by byte, each in a segment of its own as far as TCP allows. */
async function trickle(port: number, bytes: number): Promise<number> {
  const proxy = net.createServer((client) => {
    const server = raw(port);
    server.pipe(client);
    client.on('error', ignored);
    ends.push(() => client.destroy());
    let passed = 0;
    void (async () => {
      for await (const chunk of client as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; passed += 1) {
          const size = passed < bytes ? 1 : chunk.length;
          await new Promise((resolve) => server.write(chunk.subarray(at, at + size), resolve));
          await new Promise(setImmediate);
          at += size;
        }
      }
    })().catch(ignored);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  ends.push(() => proxy.close());
  return (proxy.address() as net.AddressInfo).port;
}

describe('HTTP/1.1 and HTTP/2 on one port', () => {
  it('are each served in their own protocol', async () => {
    const port = await serve(echo);
    const one = await fetch(`http://127.0.0.1:${port}/one`, { method: 'POST', body: 'x'.repeat(200_000) });
    expect(await one.text()).toBe('1.1 POST /one 200000');
    const stream = session(port).request({ ':path': '/two', ':method': 'POST' });
    stream.end('x'.repeat(200_000));
    expect(await body(stream)).toBe('2.0 POST /two 200000');
  });

  it('are told apart when the first bytes come one by one', async () => {
    const port = await trickle(await serve(echo), 40);
    expect(await (await fetch(`http://127.0.0.1:${port}/one`)).text()).toBe('1.1 GET /one 0');
    expect(await body(session(port).request({ ':path': '/two' }))).toBe('2.0 GET /two 0');
  });

  it.each([
    ['a method that begins like the preface', 'PROPFIND /a HTTP/1.1\r\nhost: a\r\n', '1.1 PROPFIND /a 0'],
    ['a body in the same segment', 'POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n', '1.1 POST /a 3'],
  ])('serve %s', async (_what, head, answer) => {
    const socket = raw(await serve(echo));
    const text = received(socket);
    socket.write(`${head}connection: close\r\n\r\nabc`.slice(0, answer.endsWith('3') ? undefined : -3));
    expect(await text).toContain(answer);
  });

  it('serve requests that are sent without waiting for answers, in order', async () => {
    const socket = raw(await serve(echo));
    const text = received(socket);
    const request = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: a\r\n${more}\r\n`;
    socket.write(request('/1') + request('/2') + request('/3', 'connection: close\r\n'));
    expect((await text).match(/GET \/\d/g)).toEqual(['GET /1', 'GET /2', 'GET /3']);
  });

  it.each(['garbage\r\n\r\n', 'PRI * HTTP/1.1\r\n\r\n', '\x16\x03\x01\x02\x00\x01'])(
    'answer %j with 400 and close the connection',
    async (sent) => {
      const socket = raw(await serve(echo));
      const text = received(socket);
      socket.write(`${sent}\r\n\r\n`);
      expect(await text).toMatch(/^HTTP\/1.1 400 /);
    },
  );

  it('close a connection whose preface goes wrong after its first line', async () => {
    const socket = raw(await serve(echo));
    const text = received(socket);
    socket.write('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n');
    expect(await text).not.toContain('HTTP/1.1');
  });
});

describe('a Connect handler on it', () => {
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(SessionService, {
        getSession: ({ ref }) => ({ session: { ref } }),
      }),
  });

  it.each([
    ['Connect over HTTP/1.1', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
    ['Connect over HTTP/2', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '2' })],
    ['gRPC-Web over HTTP/1.1', (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
    ['gRPC over HTTP/2', (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ])('answers %s', async (_what, transport) => {
    const port = await serve(handler);
    const client = createClient(SessionService, transport(`http://127.0.0.1:${port}`));
    const { session: found } = await client.getSession({ ref: 'a.b' });
    expect(found?.ref).toBe('a.b');
  });

  it('answers JSON that curl would send', async () => {
    const port = await serve(handler);
    const response = await fetch(
      `http://127.0.0.1:${port}/singlestate.session.v1.SessionService/GetSession`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"ref":"a.b"}',
      },
    );
    expect(await response.json()).toEqual({ session: { ref: 'a.b' } });
  });

  it('answers a gRPC client of another make', async () => {
    const client = new Client(`127.0.0.1:${await serve(handler)}`, credentials.createInsecure());
    ends.push(() => client.close());
    const bytes = (value: Buffer) => value;
    const message = Buffer.from([0x0a, 3, ...Buffer.from('a.b')]);
    const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
      const method = '/singlestate.session.v1.SessionService/GetSession';
      client.makeUnaryRequest(method, bytes, bytes, message, (error, value) => {
        if (error === null) resolve(value);
        else reject(error);
      });
    });
    expect(answer?.toString('latin1')).toContain('a.b');
  });
});

describe('D5 a connection on it', () => {
  it.each([
    ['never speaks', ''],
    ['stops within the first line of the preface', 'PRI * HT'],
    ['stops within the headers of HTTP/1.1', 'GET / HTTP/1.1\r\nhost:'],
    ['does nothing after its preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['does nothing after its request', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ])('that %s is closed', async (_what, sent) => {
    const port = await serve(echo, { headersTimeoutMs: 100, requestTimeoutMs: 60_000, idleTimeoutMs: 100 });
    const socket = raw(port);
    socket.write(sent);
    await received(socket);
  });

  it('that ends before it has shown its protocol is closed', async () => {
    const socket = raw(await serve(echo));
    socket.end('PRI');
    await received(socket);
  });

  it.each([
    ['before the first byte', ''],
    ['within the preface', 'PRI * H'],
    ['after the preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['within a request', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc'],
    ['after a request', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ])('that is reset %s harms no other', async (_what, sent) => {
    const port = await serve(echo);
    for (let turn = 0; turn < 5; turn++) {
      const socket = raw(port);
      await once(socket, 'connect');
      await new Promise((resolve) => socket.write(sent, resolve));
      socket.resetAndDestroy();
      await once(socket, 'close');
    }
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('1.1 GET / 0');
  });

  it('has the HTTP/2 request cancelled whose body does not arrive in time, and serves the others', async () => {
    const client = session(await serve(echo, { headersTimeoutMs: 100, requestTimeoutMs: 100 }));
    const slow = client.request({ ':path': '/slow', ':method': 'POST' }, { endStream: false });
    slow.write('a');
    slow.on('error', ignored);
    await once(slow, 'close');
    expect(slow.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
    expect(await body(client.request({ ':path': '/fast' }))).toBe('2.0 GET /fast 0');
  });

  it.each(['GET', 'POST'])('has a %s that takes longer to answer than to send left alone', async (method) => {
    const received: Http1And2Response[] = [];
    const limits = { headersTimeoutMs: 50, requestTimeoutMs: 50 };
    const port = await serve((request, response) => {
      received.push(response);
      if (method === 'POST') request.resume();
    }, limits);
    const client = session(port);
    const stream = client.request({ ':path': '/', ':method': method });
    stream.end();
    const text = body(stream);
    // A request that came later and does not arrive is cancelled: by then, the time of the first is over too.
    const slow = client.request({ ':path': '/slow', ':method': 'POST' }, { endStream: false });
    slow.on('error', ignored);
    await once(slow, 'close');
    for (const response of received) if (!response.writableEnded) end(response, 'late');
    expect(await text).toBe('late');
  });
});

describe('closing it', () => {
  /** A server whose requests wait until they are let go. */
  async function waiting() {
    const started: (() => void)[] = [];
    let tell: (() => void) | undefined;
    const port = await serve((_request, response) => {
      started.push(() => end(response, 'done'));
      tell?.();
    });
    const running = async (count: number) => {
      while (started.length < count) await new Promise<void>((resolve) => (tell = resolve));
    };
    const letGo = () => started.splice(0).forEach((go) => go());
    return { port, running, letGo };
  }

  it('says GOAWAY, lets running requests of both protocols end, and closes their connections', async () => {
    const { port, running, letGo } = await waiting();
    const client = session(port);
    const goaway = once(client, 'goaway');
    const stream = client.request({ ':path': '/' });
    const answer = fetch(`http://127.0.0.1:${port}/`);
    await running(2);
    const closed = listening.close();
    await goaway;
    letGo();
    expect(await body(stream)).toBe('done');
    const response = await answer;
    expect(response.headers.get('connection')).toBe('close');
    expect(await response.text()).toBe('done');
    await closed;
  });

  it('closes idle connections of both protocols, and those that have not spoken, at once', async () => {
    const port = await serve(echo);
    const client = session(port);
    expect(await body(client.request({ ':path': '/' }))).toBe('2.0 GET / 0');
    const kept = raw(port);
    kept.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(kept, 'data');
    const silent = raw(port);
    await once(silent, 'connect');
    // A later request on another connection shows that the server has accepted the silent one.
    await (await fetch(`http://127.0.0.1:${port}/`)).text();
    await Promise.all([listening.close(), once(client, 'close'), once(kept, 'close'), once(silent, 'close')]);
  });

  it('cuts requests of both protocols that outlast the time given', async () => {
    const { port, running } = await waiting();
    const stream = session(port).request({ ':path': '/' });
    stream.on('error', ignored);
    const answer = fetch(`http://127.0.0.1:${port}/`);
    await running(2);
    await Promise.all([
      listening.close(10),
      once(stream, 'close'),
      expect(answer).rejects.toThrow('fetch failed'),
    ]);
  });
});
