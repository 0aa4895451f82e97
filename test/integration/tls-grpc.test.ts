/** The gRPC server behind TLS: what it does in cleartext (grpc-server.test.ts) it does here too. The client shares no code with it. */
import { X509Certificate } from 'node:crypto';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import tls from 'node:tls';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createGrpcServer, type GrpcCall, type GrpcMethod } from '../../src/envoy/grpc-server.ts';
import { parseAddress } from '../../src/net/address.ts';
import { listen, type Listening } from '../../src/net/listener.ts';
import { createTlsTermination, type TlsRefusal, type TlsTermination } from '../../src/net/tls-termination.ts';
import { createTestCa, type Identity } from '../parts/certificates.ts';

const MAX_MESSAGE_BYTES = 64 * 1024;
const SPIFFE_ID = 'spiffe://td/ns/envoy/sa/envoy';

const ca = createTestCa('root');
const server = ca.issue({ dns: ['localhost'] });
const envoy = ca.issue({ uris: [SPIFFE_ID] });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Running {
  readonly listening: Listening;
  readonly port: number;
  readonly secure: TlsTermination;
  readonly refusals: TlsRefusal[];
  readonly faults: unknown[];
  /** Calls of /test/Wait and /test/Watch that are not over. */
  readonly waiting: Set<GrpcCall>;
  readonly open: { connections: number; everConnected: number };
}

const material = (identity = server) => ({
  certificates: identity.certificate,
  key: identity.key,
  clientCas: [new X509Certificate(ca.certificate)],
  clients: new Set([SPIFFE_ID]),
});

async function start(maxConnectionAgeMs = 3_600_000): Promise<Running> {
  const faults: unknown[] = [];
  const refusals: TlsRefusal[] = [];
  const waiting = new Set<GrpcCall>();
  const open = { connections: 0, everConnected: 0 };
  const wait: GrpcMethod = (_, call) => {
    waiting.add(call);
    call.onClose(() => waiting.delete(call));
  };
  const grpc = createGrpcServer({
    methods: new Map<string, GrpcMethod>([
      ['/test/Echo', (message, call) => call.respond(message)],
      ['/test/Wait', wait],
      [
        '/test/Watch',
        (message, call) => {
          wait(message, call);
          call.send(message);
        },
      ],
    ]),
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxConnectionAgeMs: () => maxConnectionAgeMs,
    onError: (error) => faults.push(error),
  });
  grpc.server.on('session', (session) => {
    open.connections += 1;
    open.everConnected += 1;
    session.once('close', () => (open.connections -= 1));
  });
  const secure = createTlsTermination({
    material: material(),
    protocols: ['h2'],
    clientCertificate: 'required',
    onRefused: (refusal) => refusals.push(refusal),
  });
  const listening = await listen(grpc.server, parseAddress('127.0.0.1:0'), { name: 'check', tls: secure });
  cleanups.push(() => listening.close(0));
  const port = listening.address.kind === 'tcp' ? listening.address.port : 0;
  return { listening, port, secure, refusals, faults, waiting, open };
}

interface Called {
  readonly code: status;
  readonly details: string;
  readonly response: Buffer | undefined;
}

const bytes = (value: Buffer) => value;

function clientOf(port: number, identity: Identity | undefined = envoy) {
  const [root, key, chain] = [ca.certificate, identity.key, identity.certificate].map((text) =>
    Buffer.from(text),
  );
  const client = new Client(`localhost:${port}`, credentials.createSsl(root, key, chain), {
    // Else clients of one target would share a connection.
    'grpc.use_local_subchannel_pool': 1,
  });
  cleanups.push(() => client.close());
  const call = (path: string, message: Buffer) => {
    const { promise, resolve } = Promise.withResolvers<Called>();
    const done = (error: ServiceError | null, response?: Buffer) =>
      resolve({ code: error?.code ?? status.OK, details: error?.details ?? '', response });
    const under = client.makeUnaryRequest(path, bytes, bytes, message, new Metadata(), done);
    return { promise, cancel: () => under.cancel() };
  };
  const echo = (message: Buffer) => call('/test/Echo', message).promise;
  return { client, call, echo };
}

const answered = (message: Buffer) => ({ code: status.OK, details: '', response: message });

async function http2To(port: number): Promise<ClientHttp2Session> {
  const options = { ca: ca.certificate, cert: envoy.certificate, key: envoy.key };
  const session = connectHttp2(`https://localhost:${port}`, options);
  session.on('error', () => undefined);
  cleanups.push(() => session.destroy());
  await new Promise((resolve) => session.once('connect', resolve));
  return session;
}

function secured(port: number, more: tls.ConnectionOptions = {}): tls.TLSSocket {
  const own = { ca: ca.certificate, cert: envoy.certificate, key: envoy.key, ALPNProtocols: ['h2'] };
  const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ...own, ...more });
  socket.on('error', () => undefined);
  cleanups.push(() => socket.destroy());
  return socket;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const [DATA, HEADERS, GOAWAY] = [0, 1, 7];

interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** An HTTP/2 client by hand (RFC 9113 section 4.1), which sends what it is told to, when it is told to. */
async function wireTo(port: number) {
  const socket = secured(port);
  let rest = Buffer.alloc(0);
  const frames: Frame[] = [];
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      frames.push({ type: rest[3] ?? -1, stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
      rest = rest.subarray(end);
    }
  });
  const send = (type: number, flags: number, stream: number, payload: Buffer) => {
    const header = Buffer.alloc(9);
    header.writeUIntBE(payload.length, 0, 3);
    header.writeUInt8(type, 3);
    header.writeUInt8(flags, 4);
    header.writeUInt32BE(stream, 5);
    socket.write(Buffer.concat([header, payload]));
  };
  socket.write(Buffer.concat([PREFACE, SETTINGS]));
  const frame = (wanted: (frame: Frame) => boolean): Promise<Frame> =>
    vi.waitFor(() => frames.find(wanted) ?? expect.fail('no such frame yet'), { timeout: 5_000 });
  await frame(({ type }) => type === 4);
  return {
    frame,
    closed: new Promise((resolve) => socket.once('close', resolve)),
    /** An echo of nothing on stream 1, its header fields as literals (RFC 7541 section 6.2.2). */
    call() {
      const fields = {
        ':method': 'POST',
        ':scheme': 'https',
        ':authority': 'localhost',
        ':path': '/test/Echo',
        'content-type': 'application/grpc',
      };
      const literal = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
      const block = Object.entries(fields).map(([name, value]) =>
        Buffer.concat([Buffer.from([0]), literal(name), literal(value)]),
      );
      send(HEADERS, 0x4, 1, Buffer.concat(block));
      send(DATA, 0x1, 1, Buffer.alloc(5));
    },
  };
}

describe('E4 a gRPC call over mutual TLS', () => {
  it('is answered, and 1,000 at once each by its own answer', async () => {
    const { port, open, faults } = await start();
    const { echo } = clientOf(port);
    const messages = Array.from({ length: 1_000 }, (_, at) => Buffer.from(String(at).repeat(at % 50)));
    const answers = await Promise.all(messages.map((message) => echo(message)));
    expect(answers).toEqual(messages.map(answered));
    expect([open.everConnected, faults]).toEqual([1, []]);
  });

  it('may have the largest message, and none larger', async () => {
    const { port, open } = await start();
    const { echo } = clientOf(port);
    const largest = Buffer.alloc(MAX_MESSAGE_BYTES, 7);
    expect(await Promise.all(Array.from({ length: 20 }, () => echo(largest)))).toEqual(
      Array.from({ length: 20 }, () => answered(largest)),
    );
    expect(await echo(Buffer.alloc(MAX_MESSAGE_BYTES + 1))).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    expect(await echo(largest)).toEqual(answered(largest));
    expect(open.connections).toBe(1);
  });

  it('that is cancelled leaves nothing behind', async () => {
    const { port, waiting, faults } = await start();
    const { call, echo } = clientOf(port);
    const calls = Array.from({ length: 200 }, () => call('/test/Wait', Buffer.alloc(0)));
    await vi.waitFor(() => expect(waiting.size).toBe(200));
    for (const { cancel } of calls) cancel();
    for (const { promise } of calls) expect(await promise).toMatchObject({ code: status.CANCELLED });
    await vi.waitFor(() => expect(waiting.size).toBe(0));
    expect(await echo(Buffer.from('a'))).toEqual(answered(Buffer.from('a')));
    expect(faults).toEqual([]);
  });

  it('is not taken from a client that the list does not name', async () => {
    const { port, refusals } = await start();
    const { echo } = clientOf(port, ca.issue({ uris: ['spiffe://td/other'] }));
    expect(await echo(Buffer.from('a'))).toMatchObject({ code: status.UNAVAILABLE });
    expect(refusals).toMatchObject([{ reason: 'client_not_allowed', detail: 'spiffe://td/other' }]);
  });

  it('is not lost when certificates are replaced under load', async () => {
    const { port, secure, refusals } = await start(60);
    let going = true;
    const load = async () => {
      const { echo } = clientOf(port);
      while (going) expect(await echo(Buffer.from('a'))).toMatchObject({ code: status.OK });
    };
    const loads = Promise.all([load(), load(), load()]);
    const shown = new Set<string>();
    for (let turn = 0; turn < 5; turn += 1) {
      const renewed = ca.issue({ dns: ['localhost'] });
      secure.update(material(renewed));
      const socket = secured(port);
      await new Promise((resolve) => socket.once('secureConnect', resolve));
      shown.add(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
      expect(shown).toContain(new X509Certificate(renewed.certificate).fingerprint256);
    }
    going = false;
    await loads;
    expect([shown.size, refusals]).toEqual([5, []]);
  });
});

describe('connections over TLS come to an end', () => {
  it('by age, and no call is lost', async () => {
    const { port, open, faults } = await start(60);
    const { echo } = clientOf(port);
    let count = 0;
    const keepAsking = async () => {
      while (open.everConnected < 6) {
        expect(await echo(Buffer.from('a'))).toMatchObject({ code: status.OK });
        count += 1;
      }
    };
    await Promise.all(Array.from({ length: 20 }, keepAsking));
    expect(count).toBeGreaterThan(100);
    await vi.waitFor(() => expect(open.connections).toBeLessThanOrEqual(1), { timeout: 5_000 });
    expect(faults).toEqual([]);
  });

  it('by closing, and the calls under way are answered first, and watches ended', async () => {
    const { port, listening, waiting, open } = await start();
    const clients = Array.from({ length: 4 }, () => clientOf(port));
    const calls = clients.flatMap(({ call }) =>
      Array.from({ length: 25 }, () => call('/test/Wait', Buffer.alloc(0))),
    );
    await vi.waitFor(() => expect(waiting.size).toBe(100));
    const asked = [...waiting];
    const watching = clientOf(port).client.makeServerStreamRequest(
      '/test/Watch',
      bytes,
      bytes,
      Buffer.from('a'),
    );
    const ended = new Promise((resolve) => watching.on('error', ({ code }: ServiceError) => resolve(code)));
    await new Promise((resolve) => watching.once('data', resolve));

    const closed = listening.close();
    expect(await ended).toBe(status.UNAVAILABLE);
    for (const call of asked) call.respond(Buffer.from('late'));
    for (const { promise } of calls) expect(await promise).toEqual(answered(Buffer.from('late')));
    // Without a time limit: every connection has ended by itself.
    await closed;
    await vi.waitFor(() => expect(open.connections).toBe(0));
  });

  it.each<[string, number, (running: Running) => unknown]>([
    ['closing the listener', 3_600_000, ({ listening }) => void listening.close()],
    ['age', 20, () => undefined],
  ])('by %s, and a call that crosses the notice on its way is answered', async (_, ageMs, begin) => {
    const running = await start(ageMs);
    const wire = await wireTo(running.port);
    begin(running);
    const notice = await wire.frame((frame) => frame.type === GOAWAY);
    expect(notice.payload.toString('hex')).toBe('7fffffff00000000');
    wire.call();
    expect(await wire.frame((frame) => frame.type === DATA && frame.stream === 1)).toBeDefined();
    const last = await wire.frame((frame) => frame.type === GOAWAY && frame !== notice);
    expect(last.payload.readUInt32BE(0)).toBe(1);
    await wire.closed;
  });

  it('by closing, also those whose handshake ends after it', async () => {
    const { port, listening } = await start();
    const late = connectTcp(port, '127.0.0.1');
    await new Promise((resolve) => late.once('connect', resolve));
    // Of two connections the server accepts the older one first.
    await clientOf(port).echo(Buffer.alloc(0));
    const closed = listening.close();
    const socket = secured(port, { socket: late });
    socket.write(Buffer.concat([PREFACE, SETTINGS]));
    await new Promise((resolve) => socket.resume().once('close', resolve));
    await closed;
  });

  it('by a client that cuts them in the middle of its calls', async () => {
    const { port, waiting, open, faults } = await start();
    const session = await http2To(port);
    for (let at = 0; at < 50; at += 1) {
      const headers = { ':method': 'POST', ':path': '/test/Wait', 'content-type': 'application/grpc' };
      session
        .request(headers)
        .on('error', () => undefined)
        .end(Buffer.alloc(5));
    }
    await vi.waitFor(() => expect(waiting.size).toBe(50));
    const late = [...waiting];
    session.destroy(undefined, constants.NGHTTP2_CANCEL);
    await vi.waitFor(() => expect([waiting.size, open.connections]).toEqual([0, 0]));
    for (const call of late) call.respond(Buffer.from('late'));
    expect(faults).toEqual([]);
  });
});

it('E3 bytes that are no HTTP/2 within TLS crash nothing, and disturb nobody', async () => {
  const { port, open, faults } = await start();
  const { echo } = clientOf(port);
  const throwBytes = (garbage: Uint8Array) =>
    new Promise((resolve) => {
      const socket = secured(port);
      socket.on('close', resolve).resume().end(garbage);
    });
  const garbage = fc
    .tuple(fc.boolean(), fc.uint8Array({ maxLength: 200 }))
    .map(([isHttp2, bytes]) =>
      Buffer.concat([isHttp2 ? Buffer.concat([PREFACE, SETTINGS]) : Buffer.alloc(0), bytes]),
    );
  await fc.assert(
    fc.asyncProperty(fc.array(garbage, { minLength: 1, maxLength: 5 }), async (all) => {
      const [answer] = await Promise.all([echo(Buffer.from('a')), ...all.map(throwBytes)]);
      expect(answer).toMatchObject({ code: status.OK });
    }),
    { numRuns: 40 },
  );
  await vi.waitFor(() => expect(open.connections).toBe(1));
  expect(faults).toEqual([]);
});
