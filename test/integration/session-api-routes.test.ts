import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTlsTermination } from '../../src/net/tls-termination.ts';
import type { WebHandler } from '../../src/net/web-handler.ts';
import { createTestCa } from '../parts/certificates.ts';
import { startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';

let issuers: Issuers;
const open: SessionApi[] = [];

beforeAll(async () => {
  issuers = await startIssuers();
});
afterEach(async () => {
  for (const api of open.splice(0)) await api[Symbol.asyncDispose]();
});
afterAll(() => issuers[Symbol.asyncDispose]());

async function serving(handler: WebHandler, path = '/auth/test'): Promise<SessionApi> {
  const api = await startSessionApi(issuers, { routes: new Map([[path, handler]]) });
  open.push(api);
  return api;
}

interface Http2Answer {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  readonly body: string;
}

async function overHttp2(
  url: string,
  headers: http2.OutgoingHttpHeaders,
  body?: string,
  ca?: string,
): Promise<Http2Answer> {
  const session = http2.connect(url, ca === undefined ? {} : { ca });
  try {
    const stream = session.request(headers, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    const [answer] = (await once(stream, 'response')) as [Http2Answer['headers']];
    const chunks = (await stream.toArray()) as Buffer[];
    return { headers: answer, body: Buffer.concat(chunks).toString() };
  } finally {
    session.close();
  }
}

const echo: WebHandler = async (request, peer) =>
  Response.json({
    url: request.url,
    method: request.method,
    cookie: request.headers.get('cookie'),
    body: await request.text(),
    peer,
  });

describe('a route', () => {
  test('is given the request as it was sent, over HTTP/1.1 and HTTP/2', async () => {
    const { url } = await serving(echo);
    const sent = { cookie: 'a=1; b=2', 'content-type': 'text/plain' };
    const first = await fetch(`${url}/auth/test?x=%2F`, { method: 'POST', headers: sent, body: 'hello' });
    const second = await overHttp2(url, { ':method': 'POST', ':path': '/auth/test?x=%2F', ...sent }, 'hello');
    const expected = {
      url: `${url}/auth/test?x=%2F`,
      method: 'POST',
      cookie: 'a=1; b=2',
      body: 'hello',
      peer: { address: '127.0.0.1', certificateNames: [] },
    };
    expect(await first.json()).toEqual(expected);
    expect(JSON.parse(second.body)).toEqual(expected);
  });

  test('answers with several cookies, and headers on the safe side where it sets none', async () => {
    const headers = new Headers({ location: 'https://shop.test/' });
    headers.append('set-cookie', 'a=1; Path=/');
    headers.append('set-cookie', 'b=2; Path=/');
    const { url } = await serving(() => Promise.resolve(new Response(null, { status: 302, headers })));
    const response = await fetch(`${url}/auth/test`, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2; Path=/']);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      location: 'https://shop.test/',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const second = await overHttp2(url, { ':path': '/auth/test' });
    expect(second.headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2; Path=/']);
  });

  test('keeps the caching that it chose', async () => {
    const headers = { 'cache-control': 'public, max-age=60' };
    const { url } = await serving(() => Promise.resolve(new Response('x', { headers })));
    const response = await fetch(`${url}/auth/test`);
    expect(response.headers.get('cache-control')).toBe('public, max-age=60');
  });

  test('asked by HEAD answers with the length and no body', async () => {
    const { port } = await serving(() => Promise.resolve(new Response('hello')));
    const request = http.request({ port, host: '127.0.0.1', path: '/auth/test', method: 'HEAD' }).end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(response.headers['content-length']).toBe('5');
    expect(await response.toArray()).toEqual([]);
  });

  test('E3 that throws is a 500 that says nothing, with the fault in the log', async () => {
    const api = await serving(() => Promise.reject(new Error('the token was s3cret')));
    const response = await fetch(`${api.url}/auth/test`);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
    });
    expect(api.log.calls()).toMatchObject([{ path: '/auth/test', fault: { name: 'Error' } }]);
    expect(api.log.text).not.toContain('s3cret');
  });

  test('is told when its client has gone', async () => {
    const gone = vi.fn();
    const asked = Promise.withResolvers<undefined>();
    const { url } = await serving((request) => {
      asked.resolve(undefined);
      return new Promise((resolve) => {
        request.signal.addEventListener('abort', () => {
          gone();
          resolve(new Response('too late'));
        });
      });
    });
    const client = new AbortController();
    const response = fetch(`${url}/auth/test`, { signal: client.signal }).catch(() => undefined);
    await asked.promise;
    client.abort();
    await response;
    await vi.waitFor(() => expect(gone).toHaveBeenCalled());
    expect((await fetch(`${url}/.well-known/jwks.json`)).status).toBe(200);
  });

  test('can not take the place of one of the Session API', async () => {
    const { url } = await serving(echo, '/oauth2/introspect');
    expect((await fetch(`${url}/oauth2/introspect`, { method: 'POST' })).status).toBe(401);
  });
});

test('E4 a route knows that it was asked over TLS, with either protocol', async () => {
  const ca = createTestCa('test');
  const { certificate, key } = ca.issue({ ips: ['127.0.0.1'] });
  const tls = createTlsTermination({
    material: { certificates: certificate, key },
    protocols: ['h2', 'http/1.1'],
    clientCertificate: 'optional',
    onRefused: () => undefined,
  });
  const api = await startSessionApi(issuers, { tls, routes: new Map([['/auth/test', echo]]) });
  open.push(api);
  const first = https.get(`${api.url}/auth/test`, { ca: ca.certificate, agent: false });
  const [response] = (await once(first, 'response')) as [http.IncomingMessage];
  const chunks = (await response.toArray()) as Buffer[];
  const second = await overHttp2(api.url, { ':path': '/auth/test' }, undefined, ca.certificate);
  for (const body of [Buffer.concat(chunks).toString(), second.body]) {
    expect(JSON.parse(body)).toMatchObject({ url: `${api.url}/auth/test` });
  }
});

describe('D9 a body', () => {
  const read: WebHandler = async (request) => new Response(String((await request.text()).length));

  test('of 64 KiB is read', async () => {
    const { url } = await serving(read);
    const response = await fetch(`${url}/auth/test`, { method: 'POST', body: 'a'.repeat(65_536) });
    expect(await response.text()).toBe('65536');
  });

  test('beyond that is 413, whatever its handler makes of it', async () => {
    const lenient: WebHandler = async (request) => new Response(await request.text().catch(() => 'fine'));
    for (const handler of [read, lenient]) {
      const { url } = await serving(handler);
      const response = await fetch(`${url}/auth/test`, { method: 'POST', body: 'a'.repeat(65_537) });
      expect(response.status).toBe(413);
    }
  });

  test('gives its handler no more than that, however much is sent', async () => {
    let received = 0;
    const { url } = await serving(async (request) => {
      const body = request.body as AsyncIterable<Uint8Array>;
      for await (const chunk of body) received += chunk.byteLength;
      return new Response('unreachable');
    });
    const large = 'a'.repeat(1_000_000);
    const response = await fetch(`${url}/auth/test`, { method: 'POST', body: large });
    expect(response.status).toBe(413);
    const second = await overHttp2(url, { ':method': 'POST', ':path': '/auth/test' }, large);
    expect(second.headers[':status']).toBe(413);
    expect(received).toBeLessThanOrEqual(2 * 65_536);
  });

  test('that nobody reads does not stand in the way of the answer', async () => {
    const { url } = await serving(() => Promise.resolve(new Response('unread')));
    const response = await fetch(`${url}/auth/test`, { method: 'POST', body: 'a'.repeat(65_537) });
    expect(await response.text()).toBe('unread');
  });
});

test.each([
  ['GET', '/auth/test/'],
  ['GET', '/auth//test'],
  ['GET', '/AUTH/test'],
  ['GET', '/auth/%74est'],
  ['GET', '/x/../auth/test'],
])('only the exact path is a route: %s %s is not', async (method, path) => {
  const { port } = await serving(echo);
  const answer = await rawHttp(port, `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 404 /);
});

test.each(['a/b', 'user@host', 'a?b', 'a#b', 'a b', 'a,b', ''])(
  'a request for the host "%s" is refused',
  async (host) => {
    const { port } = await serving(echo);
    const answer = await rawHttp(
      port,
      `GET /auth/test HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  },
);

test('a method that the web platform forbids is refused', async () => {
  const { port } = await serving(echo);
  const answer = await rawHttp(port, 'TRACE /auth/test HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
});

function rawHttp(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
}
