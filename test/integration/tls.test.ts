/** TLS on the listeners: who gets in, what changes while it runs, and how it ends. Clients are those of node:tls. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { formatAddress, parseAddress } from '../../src/net/address.ts';
import {
  createHttp1And2Server,
  type Http1And2Handler,
  type Http1And2Limits,
} from '../../src/net/http1-and-2.ts';
import { listen, type Listening } from '../../src/net/listener.ts';
import { clientCertificateNames } from '../../src/net/tls-client-names.ts';
import type { TlsMaterial } from '../../src/net/tls-material.ts';
import {
  createTlsTermination,
  type TlsRefusal,
  type TlsTermination,
  type TlsTerminationOptions,
} from '../../src/net/tls-termination.ts';
import { createHealth } from '../../src/ops/health.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { startOpsServer } from '../../src/ops/ops-server.ts';
import { createTestCa, type CertificateOptions, type Identity, type TestCa } from '../parts/certificates.ts';

const SPIFFE_ID = 'spiffe://td/ns/envoy/sa/envoy';

const ca = createTestCa('root');
const otherCa = createTestCa('other root');
const server = ca.issue({ dns: ['localhost'] });
const envoy = ca.issue({ uris: [SPIFFE_ID] });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function materialOf(
  identity: Identity,
  cas: readonly TestCa[] = [],
  clients?: readonly string[],
): TlsMaterial {
  return {
    certificates: identity.certificate,
    key: identity.key,
    ...(cas.length > 0 && { clientCas: cas.map(({ certificate }) => new X509Certificate(certificate)) }),
    ...(clients !== undefined && { clients: new Set(clients) }),
  };
}

interface Running {
  readonly port: number;
  readonly listening: Listening;
  readonly secure: TlsTermination;
  readonly refusals: TlsRefusal[];
  /** Connections that got as far as a request. */
  readonly requests: () => number;
}

type Options = Partial<TlsTerminationOptions> & {
  readonly handler?: Http1And2Handler;
  readonly limits?: Http1And2Limits;
  readonly address?: string;
};

/** Answers with the protocol and the names of the client. */
const whoAmI: Http1And2Handler = (request, response) => {
  const names = clientCertificateNames(request.socket);
  (response as http.ServerResponse).end(`${request.httpVersion} [${names.join(' ')}]`);
};

async function start({
  handler = whoAmI,
  limits,
  address = '127.0.0.1:0',
  ...options
}: Options = {}): Promise<Running> {
  const refusals: TlsRefusal[] = [];
  const secure = createTlsTermination({
    material: materialOf(server),
    protocols: ['h2', 'http/1.1'],
    clientCertificate: 'required',
    onRefused: (refusal) => refusals.push(refusal),
    ...options,
  });
  let requests = 0;
  const web = createHttp1And2Server((request, response) => {
    requests += 1;
    handler(request, response);
  }, limits);
  const listening = await listen(web, parseAddress(address), { name: 'api', tls: secure });
  cleanups.push(() => listening.close(0));
  const port = listening.address.kind === 'tcp' ? listening.address.port : 0;
  return { port, listening, secure, refusals, requests: () => requests };
}

function clientOptions(port: number, identity?: Identity): tls.ConnectionOptions {
  return {
    host: '127.0.0.1',
    port,
    ca: ca.certificate,
    servername: 'localhost',
    ...(identity && { cert: identity.certificate, key: identity.key }),
  };
}

function ignored(): void {
  // The test looks at what becomes of the connection.
}

function connect(port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  const socket = tls.connect({ ...clientOptions(port), ...options });
  socket.on('error', ignored);
  cleanups.push(() => socket.destroy());
  return socket;
}

/** Also where an error comes first. */
function closed(connection: net.Socket | http2.ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => void connection.once('close', () => resolve()));
}

const REQUEST = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n';

/** What one HTTP/1.1 request on a connection of its own is answered; undefined where the connection is cut instead. */
async function ask(
  port: number,
  identity?: Identity,
  options: tls.ConnectionOptions = {},
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const own = { ...clientOptions(port, identity), ALPNProtocols: ['http/1.1'], ...options };
    const request = https.get({ ...own, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
      response.on('error', () => resolve(undefined));
    });
    request.on('error', () => resolve(undefined));
  });
}

function http2To(port: number, identity?: Identity): http2.ClientHttp2Session {
  const session = http2.connect(
    `https://localhost:${port}`,
    clientOptions(port, identity) as http2.SecureClientSessionOptions,
  );
  session.on('error', ignored);
  cleanups.push(() => session.destroy());
  return session;
}

async function askHttp2(session: http2.ClientHttp2Session, path = '/'): Promise<string> {
  const stream = session.request({ ':path': path });
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk as string;
  return text;
}

describe('E4 a TLS listener', () => {
  it('speaks HTTP/1.1 and HTTP/2, as the client names them', async () => {
    const { port, refusals } = await start();
    expect(await ask(port)).toBe('1.1 []');
    expect(await askHttp2(http2To(port))).toBe('2.0 []');
    expect(refusals).toEqual([]);
  });

  it('speaks HTTP/1.1 with a client that names no protocol', async () => {
    const { port } = await start();
    const socket = connect(port, { ALPNProtocols: [] });
    socket.write(REQUEST);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect([socket.alpnProtocol, chunk.toString()]).toEqual([
      false,
      expect.stringMatching(/^HTTP\/1.1 200 /),
    ]);
  });

  it.each([
    ['that names no protocol', { ALPNProtocols: [] }, 'the client names no protocol (ALPN)'],
    ['of another protocol', { ALPNProtocols: ['http/1.1'] }, 'ERR_SSL_NO_APPLICATION_PROTOCOL'],
  ])('of HTTP/2 alone has no client %s', async (_, options, detail) => {
    const { port, refusals } = await start({ protocols: ['h2'] });
    await closed(connect(port, options));
    expect(refusals).toEqual([{ reason: 'handshake_failed', detail, address: '127.0.0.1' }]);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    const { port } = await start();
    const socket = connect(port, { minVersion: version, maxVersion: version });
    await once(socket, 'secureConnect');
    expect(socket.getProtocol()).toBe(version);
  });

  it.each<[string, tls.ConnectionOptions]>([
    ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
    ['no cipher but one without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
    ['no cipher but one in CBC mode', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }],
  ])('refuses a client that has %s', async (_, options) => {
    const { port, refusals } = await start();
    await closed(connect(port, options));
    expect(refusals).toMatchObject([{ reason: 'handshake_failed' }]);
    expect(await ask(port)).toBe('1.1 []');
  });

  it('hears that a client does not trust it', async () => {
    const { port, refusals, requests } = await start();
    expect(await ask(port, undefined, { ca: otherCa.certificate })).toBeUndefined();
    await vi.waitFor(() => expect(requests()).toBe(0));
    expect(refusals.every(({ reason }) => reason === 'handshake_failed')).toBe(true);
  });

  it('does not let a client renegotiate', async () => {
    const { port } = await start();
    const socket = connect(port, { maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    const refusal = new Promise((resolve) => void socket.once('error', resolve));
    socket.renegotiate({}, ignored);
    socket.write(REQUEST);
    expect(String(await refusal)).toContain('no renegotiation');
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('resumes no session of %s', async (version) => {
    const { port } = await start();
    const first = connect(port, { minVersion: version, maxVersion: version });
    let session: Buffer | undefined;
    first.on('session', (offered: Buffer) => (session = offered));
    first.write(REQUEST);
    await once(first, 'data');
    session ??= first.getSession();
    const second = connect(port, { minVersion: version, maxVersion: version, ...(session && { session }) });
    await once(second, 'secureConnect');
    expect(second.isSessionReused()).toBe(false);
  });

  it('works on a unix socket too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tls-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 'api.sock');
    const { refusals } = await start({ address: `unix:${path}`, material: materialOf(server, [ca]) });
    const socket = tls.connect({ ...clientOptions(0, envoy), path });
    cleanups.push(() => socket.destroy());
    socket.write(REQUEST);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toContain(SPIFFE_ID);
    expect(refusals).toEqual([]);
  });

  it('guards /metrics, and gives them to who may have them', async () => {
    const refusals: TlsRefusal[] = [];
    const secure = createTlsTermination({
      material: materialOf(server, [ca]),
      protocols: ['http/1.1'],
      clientCertificate: 'required',
      onRefused: (refusal) => refusals.push(refusal),
    });
    const listening = await startOpsServer({
      address: parseAddress('127.0.0.1:0'),
      metrics: createMetrics({ version: '1' }),
      health: createHealth([]),
      tls: secure,
    });
    cleanups.push(() => listening.close(0));
    const port = Number(formatAddress(listening.address).split(':')[1]);
    const options = { path: '/metrics' } as tls.ConnectionOptions;
    expect(await ask(port, envoy, options)).toContain('singlestate_build_info');
    expect(await ask(port, undefined, options)).toBeUndefined();
    expect(refusals).toMatchObject([{ reason: 'no_certificate' }]);
  });
});

describe('D5 a connection to it', () => {
  it.each([
    ['says nothing', Buffer.alloc(0)],
    ['stops within its hello', Buffer.from('160301020001', 'hex')],
  ])('that %s is cut', async (_, sent) => {
    const { port, refusals } = await start({ handshakeTimeoutMs: 50 });
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('error', ignored).write(sent);
    await closed(socket);
    expect(refusals).toMatchObject([{ reason: 'handshake_timeout' }]);
  });

  it.each([
    ['speaks HTTP in cleartext', REQUEST],
    ['speaks HTTP/2 in cleartext', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['speaks nothing known', 'x'.repeat(1_000)],
  ])('that %s is cut', async (_, sent) => {
    const { port, refusals, requests } = await start();
    const socket = net.connect({ host: '127.0.0.1', port });
    let received = '';
    socket.on('error', ignored).on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    socket.write(sent);
    await closed(socket);
    expect(received).not.toContain('HTTP/1.1 200');
    expect([refusals.map(({ reason }) => reason), requests()]).toEqual([['handshake_failed'], 0]);
  });

  it.each(['h2', 'http/1.1'])('that does nothing after its handshake is cut: %s', async (protocol) => {
    const limits = { headersTimeoutMs: 100, requestTimeoutMs: 60_000, idleTimeoutMs: 100 };
    const { port, refusals } = await start({ limits });
    await closed(connect(port, { ALPNProtocols: [protocol] }).resume());
    expect(refusals).toEqual([]);
  });

  it('that is reset at any point harms no other, and is no refusal', async () => {
    const { port, refusals } = await start();
    for (const sent of ['', '160301020001', '1603010200010001fc0303']) {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.on('error', ignored);
      await once(socket, 'connect');
      await new Promise((resolve) => socket.write(Buffer.from(sent, 'hex'), resolve));
      socket.resetAndDestroy();
      await closed(socket);
    }
    const secured = connect(port);
    await once(secured, 'secureConnect');
    secured.destroy();
    expect(await ask(port)).toBe('1.1 []');
    expect(refusals).toEqual([]);
  });
});

describe('E4 mutual TLS', () => {
  const DAY_MS = 86_400_000;
  const ago = (days: number) => new Date(Date.now() - days * DAY_MS);

  it.each<[string, Identity | undefined, TlsRefusal['reason'], string]>([
    ['none', undefined, 'no_certificate', 'the client shows no certificate'],
    [
      'one of another CA',
      otherCa.issue({ uris: [SPIFFE_ID] }),
      'untrusted_certificate',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    [
      'one that a CA of the same name signed',
      createTestCa('root').issue({ uris: [SPIFFE_ID] }),
      'untrusted_certificate',
      '',
    ],
    [
      'one that has expired',
      ca.issue({ uris: [SPIFFE_ID], notBefore: ago(2), notAfter: ago(1) }),
      'untrusted_certificate',
      'CERT_HAS_EXPIRED',
    ],
    [
      'one of the future',
      ca.issue({ uris: [SPIFFE_ID], notBefore: ago(-0.5) }),
      'untrusted_certificate',
      'CERT_NOT_YET_VALID',
    ],
    [
      'one for servers',
      ca.issue({ uris: [SPIFFE_ID], usages: ['serverAuth'] }),
      'untrusted_certificate',
      'INVALID_PURPOSE',
    ],
    [
      'one whose intermediate CA has expired',
      ca.intermediate('mid', { notBefore: ago(2), notAfter: ago(1) }).issue({ uris: [SPIFFE_ID] }),
      'untrusted_certificate',
      'CERT_HAS_EXPIRED',
    ],
    [
      'one of an intermediate CA that it does not send',
      { ...ca.intermediate('mid').issue({ uris: [SPIFFE_ID] }) },
      'untrusted_certificate',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    [
      'the right name as common name alone',
      ca.issue({ commonName: 'envoy.example.com' }),
      'client_not_allowed',
      'the certificate has no name',
    ],
    [
      'another SPIFFE id',
      ca.issue({ uris: ['spiffe://td/ns/envoy/sa/other'] }),
      'client_not_allowed',
      'spiffe://td/ns/envoy/sa/other',
    ],
    [
      'one above the right SPIFFE id',
      ca.issue({ uris: ['spiffe://td/ns/envoy/sa'] }),
      'client_not_allowed',
      '',
    ],
    [
      'the right SPIFFE id in other case',
      ca.issue({ uris: [SPIFFE_ID.toUpperCase()] }),
      'client_not_allowed',
      '',
    ],
    ['the right SPIFFE id as a DNS name', ca.issue({ dns: [SPIFFE_ID] }), 'client_not_allowed', ''],
    ['a wildcard over the right DNS name', ca.issue({ dns: ['*.example.com'] }), 'client_not_allowed', ''],
    [
      'the right SPIFFE id and another one',
      ca.issue({ uris: [SPIFFE_ID, 'spiffe://td/b'] }),
      'ambiguous_certificate',
      'more than one URI name',
    ],
    [
      'the right SPIFFE id within another name',
      ca.issue({ dns: [`a, URI:${SPIFFE_ID}`] }),
      'ambiguous_certificate',
      '',
    ],
    [
      'the certificate of an intermediate CA',
      ca.issue({ isCa: true, uris: [SPIFFE_ID] }),
      'untrusted_certificate',
      'INVALID_PURPOSE',
    ],
  ])('refuses a client with %s, before it reads a request', async (what, identity, reason, detail) => {
    const material = materialOf(server, [ca], [SPIFFE_ID, 'envoy.example.com']);
    const { port, refusals, requests } = await start({ material });
    const shown = what.includes('does not send')
      ? { certificate: identity?.certificate.split(/(?=-----BEGIN)/)[0] ?? '', key: identity?.key ?? '' }
      : identity;
    expect(await ask(port, shown)).toBeUndefined();
    expect(await askHttp2(http2To(port, shown)).catch(() => '')).toBe('');
    const refusal = { reason, detail: expect.stringContaining(detail) as string, address: '127.0.0.1' };
    expect([refusals, requests()]).toEqual([[refusal, refusal], 0]);
  });

  it.each<[string, CertificateOptions, string]>([
    ['the right SPIFFE id', { uris: [SPIFFE_ID] }, SPIFFE_ID],
    ['the right DNS name among others', { dns: ['a', 'Envoy.example.com'] }, 'a envoy.example.com'],
    ['both', { dns: ['a'], uris: [SPIFFE_ID] }, `${SPIFFE_ID} a`],
  ])('lets a client in that has %s, and tells its names', async (_, options, names) => {
    const material = materialOf(server, [ca], [SPIFFE_ID, 'envoy.example.com']);
    const { port, refusals } = await start({ material });
    for (const issuer of [ca, ca.intermediate('mid'), ca.intermediate('mid').intermediate('lower')]) {
      const identity = issuer.issue(options);
      expect(await ask(port, identity)).toBe(`1.1 [${names}]`);
      expect(await askHttp2(http2To(port, identity))).toBe(`2.0 [${names}]`);
    }
    expect(refusals).toEqual([]);
  });

  it('cuts a connection when the certificate of its client expires, and no other', async () => {
    const { port } = await start({ material: materialOf(server, [ca], [SPIFFE_ID]) });
    const notAfter = new Date(Date.now() + 2_000);
    const [expiring, lasting] = [
      http2To(port, ca.issue({ uris: [SPIFFE_ID], notAfter })),
      http2To(port, envoy),
    ];
    const end = closed(expiring);
    expect(await Promise.all([expiring, lasting].map((session) => askHttp2(session)))).toEqual([
      `2.0 [${SPIFFE_ID}]`,
      `2.0 [${SPIFFE_ID}]`,
    ]);
    await end;
    expect(await askHttp2(lasting)).toBe(`2.0 [${SPIFFE_ID}]`);
  });

  it('takes a chain up to the root as one without it', async () => {
    const { port } = await start({ material: materialOf(server, [ca], [SPIFFE_ID]) });
    const { certificate, key } = ca.intermediate('mid').issue({ uris: [SPIFFE_ID] });
    expect(await ask(port, { certificate: certificate + ca.certificate, key })).toBe(`1.1 [${SPIFFE_ID}]`);
  });

  it('without a list lets in whoever the CA signed, also without a name', async () => {
    const { port } = await start({ material: materialOf(server, [otherCa, ca]) });
    expect(await ask(port, ca.issue({ commonName: 'anybody' }))).toBe('1.1 []');
    expect(await ask(port, otherCa.issue({ dns: ['b'] }))).toBe('1.1 [b]');
    expect(await ask(port)).toBeUndefined();
  });

  it('where it is optional lets in who shows no certificate, and nobody who shows a bad one', async () => {
    const { port, refusals } = await start({
      material: materialOf(server, [ca]),
      clientCertificate: 'optional',
    });
    expect(await ask(port)).toBe('1.1 []');
    expect(await ask(port, envoy)).toBe(`1.1 [${SPIFFE_ID}]`);
    expect(await ask(port, otherCa.issue({ uris: [SPIFFE_ID] }))).toBeUndefined();
    expect(refusals).toMatchObject([{ reason: 'untrusted_certificate' }]);
  });

  it('is not optional where there is a list', async () => {
    const material = materialOf(server, [ca], [SPIFFE_ID]);
    const { port, refusals } = await start({ material, clientCertificate: 'optional' });
    expect(await ask(port)).toBeUndefined();
    expect(await ask(port, envoy)).toBe(`1.1 [${SPIFFE_ID}]`);
    expect(refusals).toMatchObject([{ reason: 'no_certificate' }]);
  });

  it('believes no certificate that it did not ask for', async () => {
    const { port } = await start();
    expect(await ask(port, envoy)).toBe('1.1 []');
  });
});

describe('E4 new material', () => {
  const fingerprint = ({ certificate }: Identity) => new X509Certificate(certificate).fingerprint256;

  it('shows its certificate to new connections, and cuts no open one', async () => {
    const { port, secure } = await start();
    const [before, session] = [connect(port), http2To(port)];
    await Promise.all([once(before, 'secureConnect'), askHttp2(session)]);
    const renewed = ca.issue({ dns: ['localhost'] });
    secure.update(materialOf(renewed));
    const after = connect(port);
    await once(after, 'secureConnect');
    expect([before, after].map((socket) => socket.getPeerCertificate().fingerprint256)).toEqual([
      fingerprint(server),
      fingerprint(renewed),
    ]);
    before.write(REQUEST);
    await once(before, 'data');
    expect(await askHttp2(session)).toBe('2.0 []');
  });

  it('is taken up under load without a failed request', async () => {
    const { port, secure, refusals } = await start({ material: materialOf(server, [ca], [SPIFFE_ID]) });
    const seen = new Set<string>();
    let going = true;
    const session = http2To(port, envoy);
    const load = async () => {
      while (going) {
        expect(await ask(port, envoy)).toBe(`1.1 [${SPIFFE_ID}]`);
        expect(await askHttp2(session)).toBe(`2.0 [${SPIFFE_ID}]`);
      }
    };
    const loads = Promise.all([load(), load(), load(), load()]);
    for (let turn = 0; turn < 10; turn += 1) {
      const renewed = ca.issue({ dns: ['localhost'] });
      secure.update(materialOf(renewed, [ca, otherCa], [SPIFFE_ID, `spiffe://td/${turn}`]));
      await vi.waitFor(async () => {
        const socket = connect(port, { cert: envoy.certificate, key: envoy.key });
        await once(socket, 'secureConnect');
        seen.add(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
        expect(seen).toContain(fingerprint(renewed));
      });
    }
    going = false;
    await loads;
    expect([seen.size, refusals]).toEqual([10, []]);
  });

  it.each<[string, TlsMaterial]>([
    ['no longer lists it', materialOf(server, [ca], ['spiffe://td/other'])],
    ['no longer trusts its CA', materialOf(server, [otherCa], [SPIFFE_ID])],
    ['trusts another CA of the same name', materialOf(server, [createTestCa('root')])],
    [
      'trusts one that only its key tells apart',
      materialOf(server, [createTestCa('root', { keyIds: false })]),
    ],
  ])('that %s ends a client with its open connections', async (_, material) => {
    const { port, secure, refusals } = await start({ material: materialOf(server, [ca], [SPIFFE_ID]) });
    const session = http2To(port, envoy);
    await askHttp2(session);
    secure.update(material);
    await closed(session);
    expect(await ask(port, envoy)).toBeUndefined();
    expect(refusals).toHaveLength(1);
  });

  it.each<[string, TlsMaterial]>([
    ['asks for certificates for the first time', materialOf(server, [ca])],
    ['has a list for the first time', materialOf(server, [ca], [SPIFFE_ID])],
  ])('that %s ends clients that have none', async (_, material) => {
    const { port, secure } = await start();
    const session = http2To(port);
    await askHttp2(session);
    secure.update(material);
    await closed(session);
    expect(await ask(port)).toBeUndefined();
    expect(await ask(port, envoy)).toBe(`1.1 [${SPIFFE_ID}]`);
  });

  it.each<[string, TlsMaterial, TlsRefusal['reason']]>([
    ['no longer trusts its CA', materialOf(server, [otherCa]), 'untrusted_certificate'],
    ['no longer lists it', materialOf(server, [ca], ['spiffe://td/other']), 'client_not_allowed'],
  ])('that %s refuses a client in the middle of its handshake', async (_, material, reason) => {
    const { port, secure, refusals, requests } = await start({ material: materialOf(server, [ca]) });
    const raw = net.connect({ host: '127.0.0.1', port });
    await once(raw, 'connect');
    // Of two connections the server accepts the older one first.
    await ask(port, envoy);
    secure.update(material);
    const socket = connect(port, { socket: raw, cert: envoy.certificate, key: envoy.key });
    socket.resume().write(REQUEST);
    await closed(socket);
    expect([refusals.map((refusal) => refusal.reason), requests()]).toEqual([[reason], 1]);
  });

  it('that asks for no certificates any more believes none, also of clients that have shown theirs', async () => {
    const { port, secure } = await start({ material: materialOf(server, [ca]) });
    const session = http2To(port, envoy);
    expect(await askHttp2(session)).toBe(`2.0 [${SPIFFE_ID}]`);
    secure.update(materialOf(server));
    expect(await askHttp2(session)).toBe('2.0 []');
  });

  it('that adds a CA, or replaces an intermediate one, leaves its clients alone', async () => {
    const identity = ca.intermediate('mid').issue({ uris: [SPIFFE_ID] });
    const { port, secure } = await start({ material: materialOf(server, [ca]) });
    const session = http2To(port, identity);
    await askHttp2(session);
    secure.update(materialOf(server, [otherCa, ca], [SPIFFE_ID]));
    expect(await askHttp2(session)).toBe(`2.0 [${SPIFFE_ID}]`);
    expect(await ask(port, otherCa.issue({ uris: [SPIFFE_ID] }))).toBe(`1.1 [${SPIFFE_ID}]`);
  });
});

describe('closing a TLS listener', () => {
  it('lets running requests of both protocols end, and their connections with them', async () => {
    const started: (() => void)[] = [];
    const { port, listening } = await start({
      handler: (_request, response) => started.push(() => (response as http.ServerResponse).end('done')),
    });
    const session = http2To(port);
    const answers = [ask(port), askHttp2(session)];
    await vi.waitFor(() => expect(started).toHaveLength(2));
    const ended = listening.close();
    started.forEach((go) => go());
    expect(await Promise.all(answers)).toEqual(['done', 'done']);
    await Promise.all([ended, closed(session)]);
  });

  it('closes idle connections at once, and those whose handshake comes too late', async () => {
    const { port, listening } = await start();
    const session = http2To(port);
    await askHttp2(session);
    const kept = connect(port);
    kept.write(REQUEST);
    await once(kept, 'data');
    const late = net.connect({ host: '127.0.0.1', port });
    await once(late, 'connect');
    // A later request on another connection shows that the server has accepted it.
    await ask(port);
    const ended = listening.close();
    const socket = tls.connect({ ...clientOptions(port), socket: late });
    socket.on('error', ignored);
    await Promise.all([ended, closed(session), closed(kept), closed(socket)]);
  });

  it('cuts requests, and handshakes, that outlast the time given', async () => {
    const { port, listening, requests } = await start({ handler: ignored });
    const answer = ask(port);
    const silent = net.connect({ host: '127.0.0.1', port });
    await vi.waitFor(() => expect(requests()).toBe(1));
    await Promise.all([listening.close(10), closed(silent)]);
    expect(await answer).toBeUndefined();
  });
});
