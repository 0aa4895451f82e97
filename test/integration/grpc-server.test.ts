/** The check listener as its callers meet it: a gRPC client that shares no code with it, and callers that mean ill. */
import {
  connect as connectHttp2,
  constants,
  type ClientHttp2Session,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  status,
  type ChannelOptions,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SessionReader } from '../../src/authz/authorize.ts';
import { createChecker, type Checker } from '../../src/authz/checker.ts';
import { CHECK_METHOD, createCheckMethod } from '../../src/envoy/check-service.ts';
import { createGrpcServer, type GrpcMethod } from '../../src/envoy/grpc-server.ts';
import { createHealthMethods } from '../../src/envoy/health-service.ts';
import { formatAddress, parseAddress, type Address } from '../../src/net/address.ts';
import { listen, type Listening } from '../../src/net/listener.ts';
import { createHealth, type Health } from '../../src/ops/health.ts';
import { createScene, NOW } from '../unit/authz/scene.ts';
import { decodeResponse, encodeRequest, type WireRequest } from '../unit/envoy/ext-authz-wire.ts';

const MAX_MESSAGE_BYTES = 64 * 1024;

const HEALTH_PROTO = fileURLToPath(new URL('../../proto/grpc/health.proto', import.meta.url));
const health = loadSync(HEALTH_PROTO, { enums: String })['grpc.health.v1.Health'] as ServiceDefinition;

const scene = await createScene({
  routes: [
    { match: { path: '/session' }, require: { session: true } },
    { match: { path: '/public/{rest*}' }, require: { public: true } },
  ],
});
const alice = await scene.open();

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Running {
  readonly listening: Listening;
  readonly target: string;
  readonly checker: Checker;
  readonly health: Health;
  readonly faults: unknown[];
  /** What is open now, and how many connections there ever were. */
  readonly open: { streams: number; connections: number; watches: number; everConnected: number };
  readonly drain: () => void;
}

interface StartOptions {
  readonly address?: Address;
  readonly sessions?: SessionReader;
  readonly deadlineMs?: number;
  readonly maxConnectionAgeMs?: number;
  readonly methods?: readonly [string, GrpcMethod][];
}

async function start(options: StartOptions = {}): Promise<Running> {
  const { address = parseAddress('127.0.0.1:0'), sessions = scene.store, deadlineMs = 20_000 } = options;
  const { maxConnectionAgeMs = 3_600_000, methods = [] } = options;
  const state = createHealth(['store']);
  state.pass('store');
  const faults: unknown[] = [];
  const open = { streams: 0, connections: 0, watches: 0, everConnected: 0 };
  const readiness = {
    get ready() {
      return state.ready;
    },
    subscribe(listener: () => void) {
      open.watches += 1;
      const unsubscribe = state.subscribe(listener);
      return () => {
        open.watches -= 1;
        unsubscribe();
      };
    },
  };
  const checker = createChecker({
    policy: () => scene.policy,
    limits: () => ({ deadlineMs, maxInFlight: 100_000 }),
    sessions,
    rates: scene.store,
    renewals: { renew: () => undefined },
    now: () => NOW,
    report: () => undefined,
    used: () => undefined,
  });
  const grpc = createGrpcServer({
    methods: new Map([
      [CHECK_METHOD, createCheckMethod(checker, (error) => faults.push(error))],
      ...createHealthMethods(readiness),
      ...methods,
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
  grpc.server.on('stream', (stream) => {
    open.streams += 1;
    stream.once('close', () => (open.streams -= 1));
  });
  const listening = await listen(grpc.server, address, { name: 'check' });
  cleanups.push(() => listening.close(0));
  const target = formatAddress(listening.address);
  return { listening, target, checker, health: state, faults, open, drain: () => grpc.drain() };
}

interface Called {
  readonly code: status;
  readonly details: string;
  readonly response: unknown;
}

/** An independent gRPC client. */
function clientOf(target: string, options: ChannelOptions = {}) {
  const client = new Client(target, credentials.createInsecure(), {
    // Else clients of one target would share a connection.
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  });
  cleanups.push(() => client.close());
  const call = (path: string, message: Buffer, timeoutMs?: number) => {
    const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const { promise, resolve } = Promise.withResolvers<Called>();
    const done = (error: ServiceError | null, response?: Buffer) =>
      resolve({ code: error?.code ?? status.OK, details: error?.details ?? '', response });
    const bytes = (value: Buffer) => value;
    const under = client.makeUnaryRequest(path, bytes, bytes, message, new Metadata(), options, done);
    return { promise, cancel: () => under.cancel() };
  };
  const check = async (request: WireRequest, timeoutMs?: number): Promise<Called> => {
    const called = await call(CHECK_METHOD, encodeRequest(request), timeoutMs).promise;
    return called.code === status.OK
      ? { ...called, response: decodeResponse(called.response as Buffer) }
      : called;
  };
  return { client, call, check };
}

function asking(path: string, headers: Readonly<Record<string, string>> = alice.bearer): WireRequest {
  return { attributes: { request: { http: { method: 'GET', host: 'app.example.com', path, headers } } } };
}

const ALLOWED = { code: status.OK, response: { status: {}, httpResponse: 'okResponse' } };
const DENIED = {
  code: status.OK,
  response: { status: { code: 16 }, deniedResponse: { status: { code: 401 } } },
};

/** A session reader whose answers wait for `release`. */
function gated(): SessionReader & { release(): void; waiting: number } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const gate = {
    waiting: 0,
    release: () => resolve(undefined),
    async read(ref: Parameters<SessionReader['read']>[0]) {
      gate.waiting += 1;
      await promise;
      return scene.store.read(ref);
    },
  };
  return gate;
}

/** How many timers this process keeps. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

const NEVER: SessionReader = { read: () => new Promise(() => undefined) };

function framed(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

async function http2To(target: string): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://${target}`);
  session.on('error', () => undefined);
  cleanups.push(() => session.destroy());
  await new Promise((resolve) => session.once('connect', resolve));
  return session;
}

interface RawAnswer {
  readonly httpStatus: unknown;
  readonly grpcStatus: unknown;
  readonly resetCode: number;
}

/** One stream by hand. Without `end` the client's side of it stays open. */
function raw(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Uint8Array,
  end = true,
): Promise<RawAnswer> {
  const stream = session.request(
    {
      ':method': 'POST',
      ':path': CHECK_METHOD,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    },
    { endStream: false },
  );
  return new Promise((resolve) => {
    let seen: OutgoingHttpHeaders = {};
    stream.on('error', () => undefined);
    stream.on('response', (fields) => (seen = { ...seen, ...fields }));
    stream.on('trailers', (fields) => (seen = { ...seen, ...fields }));
    stream.on('close', () =>
      resolve({ httpStatus: seen[':status'], grpcStatus: seen['grpc-status'], resetCode: stream.rstCode }),
    );
    stream.resume();
    if (body !== undefined) stream.write(body);
    if (end) stream.end();
  });
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
async function wireTo(target: string) {
  const { hostname, port } = new URL(`http://${target}`);
  const socket = connectTcp(Number(port), hostname);
  cleanups.push(() => socket.destroy());
  let rest = Buffer.alloc(0);
  const frames: Frame[] = [];
  socket.on('error', () => undefined);
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
    /** One check on stream 1, its header fields as literals (RFC 7541 section 6.2.2). */
    call(body: Buffer) {
      const fields = {
        ':method': 'POST',
        ':scheme': 'http',
        ':authority': target,
        ':path': CHECK_METHOD,
        'content-type': 'application/grpc',
        te: 'trailers',
      };
      const literal = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
      const block = Object.entries(fields).map(([name, value]) =>
        Buffer.concat([Buffer.from([0]), literal(name), literal(value)]),
      );
      send(HEADERS, 0x4, 1, Buffer.concat(block));
      send(DATA, 0x1, 1, body);
    },
  };
}

describe('a check', () => {
  it.each(['127.0.0.1:0', '[::1]:0', 'unix'])('H1 is answered on %s', async (where) => {
    const folder = await mkdtemp(join(tmpdir(), 'singlestate-grpc-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const address = parseAddress(where === 'unix' ? `unix:${join(folder, 'check.sock')}` : where);
    const { target, checker, open } = await start({ address });
    const { check } = clientOf(target);
    expect(await check(asking('/session'))).toMatchObject(ALLOWED);
    expect(await check(asking('/session', {}))).toMatchObject(DENIED);
    expect(await check({})).toMatchObject({ response: { deniedResponse: { status: { code: 403 } } } });
    expect(checker.inFlight).toBe(0);
    await vi.waitFor(() => expect(open.streams).toBe(0));
  });

  it('E3 bytes that are no CheckRequest are a call that failed, and no fault of the server', async () => {
    const { target, faults } = await start();
    const { call } = clientOf(target);
    for (const bytes of [Buffer.alloc(20, 0xff), Buffer.from([0x0b]), Buffer.alloc(60_000, 0x0b)]) {
      expect(await call(CHECK_METHOD, bytes).promise).toMatchObject({
        code: status.INVALID_ARGUMENT,
        response: undefined,
      });
    }
    expect(faults).toEqual([]);
  });

  it('1,000 at once are answered, each by its own answer', async () => {
    const gate = gated();
    const { target, checker, open } = await start({ sessions: gate });
    const { check } = clientOf(target);
    const calls = Array.from({ length: 1_000 }, (_, at) =>
      check(asking('/session', at % 3 === 0 ? {} : alice.bearer)),
    );
    await vi.waitFor(() => expect(gate.waiting).toBe(666), { timeout: 10_000 });
    gate.release();
    for (const [at, answer] of (await Promise.all(calls)).entries()) {
      expect(answer).toMatchObject(at % 3 === 0 ? DENIED : ALLOWED);
    }
    expect(open.everConnected).toBe(1);
    expect(checker.inFlight).toBe(0);
  });

  it('D9 4,000 at once with large headers fit on one connection', async () => {
    const gate = gated();
    const { target, open } = await start({ sessions: gate });
    const { check } = clientOf(target);
    const request = asking('/session', { ...alice.bearer, 'x-large': 'a'.repeat(3_000) });
    const calls = Array.from({ length: 4_000 }, () => check(request));
    await vi.waitFor(() => expect(gate.waiting).toBe(4_000), { timeout: 20_000 });
    gate.release();
    for (const answer of await Promise.all(calls)) expect(answer).toMatchObject(ALLOWED);
    expect(open.everConnected).toBe(1);
  });
});

describe('D5 the time that a caller gives', () => {
  const late = { response: { status: { code: 14 }, deniedResponse: { status: { code: 503 } } } };

  it('grpc-timeout ends a check before the deadline of the server, with an answer', async () => {
    const { target, checker } = await start({ sessions: NEVER, deadlineMs: 600_000 });
    const session = await http2To(target);
    const message = framed(encodeRequest(asking('/session')));
    expect(await raw(session, { 'grpc-timeout': '20m' }, message)).toMatchObject({
      httpStatus: 200,
      grpcStatus: '0',
    });
    expect(checker.inFlight).toBe(0);
  });

  it('the deadline of the server ends a check before that of the caller', async () => {
    const { target, checker } = await start({ sessions: NEVER, deadlineMs: 20 });
    expect(await clientOf(target).check(asking('/session'), 60_000)).toMatchObject(late);
    expect(checker.inFlight).toBe(0);
  });

  it('a caller whose time is over leaves nothing behind', async () => {
    const { target, checker, open } = await start({ sessions: NEVER, deadlineMs: 100 });
    expect(await clientOf(target).check(asking('/session'), 20)).toMatchObject(
      // Either side may be the first to notice.
      expect.toSatisfy(({ code }: Called) => code === status.DEADLINE_EXCEEDED || code === status.OK),
    );
    await vi.waitFor(() => expect([checker.inFlight, open.streams]).toEqual([0, 0]));
  });

  it.each(['soon', '1', '-1m', '1m, 1m'])('a malformed one is refused: %s', async (timeout) => {
    const session = await http2To((await start()).target);
    const message = framed(encodeRequest(asking('/public/a')));
    expect(await raw(session, { 'grpc-timeout': timeout }, message)).toMatchObject({
      httpStatus: 200,
      grpcStatus: '3',
    });
  });

  it('counts for the arrival of the message too', async () => {
    const { target, open } = await start();
    const session = await http2To(target);
    const part = framed(encodeRequest(asking('/public/a'))).subarray(0, 10);
    expect(await raw(session, { 'grpc-timeout': '20m' }, part, false)).toMatchObject({
      grpcStatus: '4',
      resetCode: 0,
    });
    await vi.waitFor(() => expect(open.streams).toBe(0));
  });
});

describe('a cancelled call', () => {
  it('leaves nothing behind: no check, no stream, no timer', async () => {
    const gate = gated();
    const { target, checker, open, faults } = await start({ sessions: gate, deadlineMs: 60_000 });
    const { call, check } = clientOf(target);
    expect(await check(asking('/session', {}))).toMatchObject(DENIED);
    const before = timers();
    const calls = Array.from({ length: 200 }, () => call(CHECK_METHOD, encodeRequest(asking('/session'))));
    await vi.waitFor(() => expect(gate.waiting).toBe(200));
    for (const { cancel } of calls) cancel();
    for (const { promise } of calls) expect(await promise).toMatchObject({ code: status.CANCELLED });
    await vi.waitFor(() => expect(open.streams).toBe(0));
    gate.release();
    await vi.waitFor(() => expect(checker.inFlight).toBe(0));
    expect(timers()).toBeLessThanOrEqual(before);
    expect(faults).toEqual([]);
    expect(await check(asking('/session'))).toMatchObject(ALLOWED);
    expect(open.connections).toBe(1);
  });

  it('is no attack, however many there are', async () => {
    const { target, open } = await start({ sessions: NEVER });
    const session = await http2To(target);
    for (let round = 0; round < 20; round += 1) {
      const streams = Array.from({ length: 100 }, () =>
        session.request({ ':method': 'POST', ':path': CHECK_METHOD, 'content-type': 'application/grpc' }),
      );
      for (const stream of streams) {
        stream.on('error', () => undefined);
        stream.close(constants.NGHTTP2_CANCEL);
      }
      await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('close', resolve))));
    }
    expect(await raw(session, {}, framed(encodeRequest(asking('/public/a'))))).toMatchObject({
      grpcStatus: '0',
    });
    await vi.waitFor(() => expect(open.streams).toBe(0));
  });

  it.each([
    constants.NGHTTP2_NO_ERROR,
    constants.NGHTTP2_PROTOCOL_ERROR,
    constants.NGHTTP2_INTERNAL_ERROR,
    constants.NGHTTP2_FLOW_CONTROL_ERROR,
    constants.NGHTTP2_ENHANCE_YOUR_CALM,
    0xff,
  ])('is one for whatever reason: code %d', async (code) => {
    const gate = gated();
    const { target, open, checker, faults } = await start({ sessions: gate });
    const session = await http2To(target);
    const stream = session.request({
      ':method': 'POST',
      ':path': CHECK_METHOD,
      'content-type': 'application/grpc',
    });
    stream.on('error', () => undefined);
    stream.end(framed(encodeRequest(asking('/session'))));
    await vi.waitFor(() => expect(gate.waiting).toBe(1));
    stream.close(code);
    await vi.waitFor(() => expect(open.streams).toBe(0));
    gate.release();
    await vi.waitFor(() => expect(checker.inFlight).toBe(0));
    expect(faults).toEqual([]);
  });

  it.each([
    ['a cancellation', constants.NGHTTP2_CANCEL],
    ['an error', constants.NGHTTP2_INTERNAL_ERROR],
  ])('of which only a part had come, by %s', async (_, code) => {
    const { target, open, checker } = await start();
    const session = await http2To(target);
    const before = timers();
    const stream = session.request({
      ':method': 'POST',
      ':path': CHECK_METHOD,
      'content-type': 'application/grpc',
    });
    stream.on('error', () => undefined);
    stream.write(framed(encodeRequest(asking('/session'))).subarray(0, 9));
    await vi.waitFor(() => expect(open.streams).toBe(1));
    stream.close(code);
    await vi.waitFor(() => expect([open.streams, checker.inFlight]).toEqual([0, 0]));
    expect(timers()).toBeLessThanOrEqual(before);
  });
});

describe('what is no call', () => {
  it.each([
    '/envoy.service.auth.v3.Authorization/Other',
    '/other.Service/Check',
    '/',
    '/envoy.service.auth.v3.Authorization/Check/',
  ])('the method %s is UNIMPLEMENTED', async (path) => {
    const { call } = clientOf((await start()).target);
    expect(await call(path, Buffer.alloc(0)).promise).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: 'no such method',
    });
  });

  it.each<[string, OutgoingHttpHeaders, number]>([
    ['another content type', { 'content-type': 'application/json' }, 415],
    ['a content type that only begins alike', { 'content-type': 'application/grpc-web' }, 415],
    ['no content type', { 'content-type': undefined }, 415],
    ['another verb', { ':method': 'PUT' }, 405],
    ['a page load', { ':method': 'GET', 'content-type': undefined }, 405],
  ])('%s has an answer in HTTP', async (_, headers, httpStatus) => {
    const { target, open } = await start();
    const session = await http2To(target);
    expect(await raw(session, headers, framed(encodeRequest(asking('/public/a'))))).toMatchObject({
      httpStatus,
      grpcStatus: undefined,
    });
    expect(await raw(session, headers, Buffer.alloc(100), false)).toMatchObject({ httpStatus });
    await vi.waitFor(() => expect(open.streams).toBe(0));
  });

  it.each<[string, Buffer, string]>([
    ['no message', Buffer.alloc(0), '3'],
    ['a cut prefix', Buffer.alloc(4), '3'],
    ['less than was said', framed(Buffer.alloc(10)).subarray(0, 14), '3'],
    ['more than was said', Buffer.concat([framed(Buffer.alloc(10)), Buffer.alloc(1)]), '3'],
    ['two messages', Buffer.concat([framed(Buffer.alloc(0)), framed(Buffer.alloc(0))]), '3'],
    ['a length of 4 GiB', Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]), '3'],
    ['a compressed message', framed(Buffer.alloc(10), 1), '12'],
    ['an unknown flag', framed(Buffer.alloc(10), 0x80), '12'],
  ])('%s', async (_, body, grpcStatus) => {
    const { target, open, faults } = await start();
    const session = await http2To(target);
    expect(await raw(session, {}, body)).toMatchObject({ httpStatus: 200, grpcStatus });
    await vi.waitFor(() => expect(open.streams).toBe(0));
    expect(faults).toEqual([]);
  });

  it('a client that compresses is told', async () => {
    const { check } = clientOf((await start()).target, {
      'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
    });
    expect(await check(asking('/public/a'))).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: 'compression is not supported',
    });
  });

  it('a message that is too large is RESOURCE_EXHAUSTED, and the next one is answered', async () => {
    const { target, open } = await start();
    const { check } = clientOf(target);
    expect(await check(asking(`/public/${'a'.repeat(MAX_MESSAGE_BYTES)}`))).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: `a message may have ${MAX_MESSAGE_BYTES} bytes`,
    });
    expect(await check(asking(`/public/${'a'.repeat(MAX_MESSAGE_BYTES - 1_000)}`))).toMatchObject(ALLOWED);
    expect(open.connections).toBe(1);
  });

  it('one that never ends is answered as soon as it is too large', async () => {
    const { target, open } = await start();
    const session = await http2To(target);
    expect(await raw(session, {}, Buffer.alloc(2 * MAX_MESSAGE_BYTES), false)).toMatchObject({
      grpcStatus: '8',
      resetCode: 0,
    });
    await vi.waitFor(() => expect(open.streams).toBe(0));
  });

  it('a method that throws is INTERNAL, and says so to the log alone', async () => {
    const fault = new Error('secret detail');
    const { target, faults } = await start({
      methods: [
        [
          '/test/Throw',
          () => {
            throw fault;
          },
        ],
      ],
    });
    const called = await clientOf(target).call('/test/Throw', Buffer.alloc(0)).promise;
    expect(called).toMatchObject({ code: status.INTERNAL, details: 'internal error' });
    expect(faults).toEqual([fault]);
  });

  it('a call ends once, whatever its method does after', async () => {
    const twice: GrpcMethod = (message, call) => {
      call.respond(message);
      call.respond(message);
      call.send(message);
      call.end(status.INTERNAL);
    };
    const { target, faults } = await start({ methods: [['/test/Twice', twice]] });
    const called = await clientOf(target).call('/test/Twice', Buffer.from('once')).promise;
    expect(called).toMatchObject({ code: status.OK, response: Buffer.from('once') });
    expect(faults).toEqual([]);
  });
});

describe('connections that mean ill', () => {
  /** Sends bytes on a connection of its own, and waits for its end. */
  function throwBytes(target: string, bytes: Uint8Array): Promise<void> {
    const { hostname, port } = new URL(`http://${target}`);
    return new Promise((resolve) => {
      const socket = connectTcp(Number(port), hostname, () => socket.end(bytes));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.resume();
    });
  }

  const frame = fc
    .record({
      type: fc.nat(12),
      flags: fc.nat(255),
      stream: fc.nat(9),
      payload: fc.uint8Array({ maxLength: 40 }),
      cut: fc.nat(3),
    })
    .map(({ type, flags, stream, payload, cut }) => {
      const header = Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]);
      return Buffer.concat([header, payload.subarray(cut)]);
    });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((garbage) => Buffer.from(garbage)),
    fc
      .constantFrom(
        'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
        '\x16\x03\x01\x00\xa5\x01',
        'PRI * HTTP/2.0\r\n\r\nXX',
      )
      .map((text) => Buffer.from(text, 'latin1')),
    fc.array(frame, { maxLength: 8 }).map((frames) => Buffer.concat([PREFACE, SETTINGS, ...frames])),
  );

  it('E3 crash nothing, and disturb nobody', { timeout: 60_000 }, async () => {
    const { target, open, faults } = await start();
    const { check } = clientOf(target);
    expect(await check(asking('/session'))).toMatchObject(ALLOWED);
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 10 }), async (all) => {
        const [answer] = await Promise.all([
          check(asking('/session')),
          ...all.map((one) => throwBytes(target, one)),
        ]);
        expect(answer).toMatchObject(ALLOWED);
      }),
      { numRuns: 60 },
    );
    await vi.waitFor(() => expect(open).toMatchObject({ streams: 0, connections: 1 }));
    expect(faults).toEqual([]);
  });

  it('are cut in the middle of a call without harm', async () => {
    const gate = gated();
    const { target, checker, open, faults } = await start({ sessions: gate });
    const { check } = clientOf(target);
    expect(await check(asking('/public/a'))).toMatchObject(ALLOWED);
    const session = await http2To(target);
    const cut = Array.from({ length: 50 }, () => raw(session, {}, framed(encodeRequest(asking('/session')))));
    await vi.waitFor(() => expect(gate.waiting).toBe(50));
    session.destroy();
    await Promise.all(cut);
    await vi.waitFor(() => expect(open).toMatchObject({ streams: 0, connections: 1 }));
    gate.release();
    await vi.waitFor(() => expect(checker.inFlight).toBe(0));
    expect(faults).toEqual([]);
    expect(await check(asking('/session'))).toMatchObject(ALLOWED);
  });
});

describe('gRPC health', () => {
  type Report = readonly [servingStatus: string] | readonly ['end', code: status];

  function watch(client: Client, service: string) {
    const { path, requestSerialize, responseDeserialize } = health['Watch'] ?? {};
    if (path === undefined || requestSerialize === undefined || responseDeserialize === undefined)
      throw new Error('no Watch');
    const reports: Report[] = [];
    const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service });
    stream.on('data', (message: { status: string }) => reports.push([message.status]));
    stream.on('error', (error: ServiceError) => reports.push(['end', error.code]));
    return { reports, cancel: () => stream.cancel() };
  }

  async function checkHealth(client: Client, service: string): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = health['Check'] ?? {};
    if (path === undefined || requestSerialize === undefined || responseDeserialize === undefined)
      throw new Error('no Check');
    return new Promise((resolve) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service }, (error, response) =>
        resolve(error === null ? (response as { status: string }).status : error.code),
      );
    });
  }

  const SERVICE = 'envoy.service.auth.v3.Authorization';

  it('says whether checks should be sent here', async () => {
    const { target, health: state } = await start();
    const { client } = clientOf(target);
    for (const service of ['', SERVICE]) expect(await checkHealth(client, service)).toBe('SERVING');
    expect(await checkHealth(client, 'other')).toBe(status.NOT_FOUND);
    state.fail('store', 'gone');
    for (const service of ['', SERVICE]) expect(await checkHealth(client, service)).toBe('NOT_SERVING');
    state.pass('store');
    expect(await checkHealth(client, '')).toBe('SERVING');
    state.drain();
    expect(await checkHealth(client, SERVICE)).toBe('NOT_SERVING');
  });

  it('tells each change to whoever watches, once, until they leave', async () => {
    const { target, health: state, open, faults } = await start();
    const { client } = clientOf(target);
    const [one, other, unknown] = [watch(client, ''), watch(client, SERVICE), watch(client, 'other')];
    await vi.waitFor(() =>
      expect([one.reports, other.reports, unknown.reports]).toEqual([
        [['SERVING']],
        [['SERVING']],
        [['SERVICE_UNKNOWN']],
      ]),
    );
    state.fail('store', 'gone');
    state.fail('store', 'still gone');
    await vi.waitFor(() => expect(one.reports).toEqual([['SERVING'], ['NOT_SERVING']]));
    state.pass('store');
    await vi.waitFor(() => expect(other.reports).toEqual([['SERVING'], ['NOT_SERVING'], ['SERVING']]));
    expect(open.watches).toBe(2);
    one.cancel();
    await vi.waitFor(() => expect(open).toMatchObject({ streams: 2, watches: 1 }));
    state.drain();
    await vi.waitFor(() => expect(other.reports).toHaveLength(4));
    expect(one.reports).toHaveLength(4);
    expect(one.reports.at(-1)).toEqual(['end', status.CANCELLED]);
    expect(unknown.reports).toEqual([['SERVICE_UNKNOWN']]);
    expect(faults).toEqual([]);
  });

  it('bytes that are no HealthCheckRequest are no fault of the server', async () => {
    const { target, faults } = await start();
    const { call } = clientOf(target);
    for (const method of ['Check', 'Watch']) {
      const called = await call(`/grpc.health.v1.Health/${method}`, Buffer.alloc(9, 0xff)).promise;
      expect(called.code).toBe(status.INVALID_ARGUMENT);
    }
    expect(faults).toEqual([]);
  });

  it('a drain tells them, and then ends what would never end', async () => {
    const gate = gated();
    const { target, listening, health: state, drain, open } = await start({ sessions: gate });
    const { client, check } = clientOf(target);
    const watching = watch(client, '');
    const calls = Array.from({ length: 50 }, () => check(asking('/session')));
    await vi.waitFor(() => expect([watching.reports.length, gate.waiting]).toEqual([1, 50]));

    state.drain();
    drain();
    const closed = listening.close();
    await vi.waitFor(() =>
      expect(watching.reports).toEqual([['SERVING'], ['NOT_SERVING'], ['end', status.UNAVAILABLE]]),
    );
    expect(open.connections).toBe(1);
    gate.release();
    for (const answer of await Promise.all(calls)) expect(answer).toMatchObject(ALLOWED);
    // Without a time limit: every connection has ended by itself.
    await closed;
    await vi.waitFor(() => expect(open).toMatchObject({ streams: 0, connections: 0 }));
  });
});

describe('connections come to an end', () => {
  it('by age, and no call is lost', { timeout: 30_000 }, async () => {
    const { target, open, faults } = await start({ maxConnectionAgeMs: 60 });
    const { check } = clientOf(target);
    let answered = 0;
    const keepAsking = async () => {
      while (open.everConnected < 6) {
        expect(await check(asking('/session'))).toMatchObject(ALLOWED);
        answered += 1;
      }
    };
    await Promise.all(Array.from({ length: 20 }, keepAsking));
    expect(answered).toBeGreaterThan(100);
    await vi.waitFor(() => expect(open.connections).toBeLessThanOrEqual(1), { timeout: 5_000 });
    expect(faults).toEqual([]);
  });

  it('by age, but not before the calls on them', async () => {
    const gate = gated();
    const { target, open } = await start({ maxConnectionAgeMs: 20, sessions: gate });
    const { check } = clientOf(target);
    const slow = check(asking('/session'));
    await vi.waitFor(() => expect(gate.waiting).toBe(1));
    // The second connection shows that the first one was asked to go.
    await vi.waitFor(async () => {
      await check(asking('/public/a'));
      expect(open.everConnected).toBeGreaterThan(1);
    });
    gate.release();
    expect(await slow).toMatchObject(ALLOWED);
  });

  it('by a drain, and the calls under way are answered first', async () => {
    const gate = gated();
    const { target, listening, drain, open, checker } = await start({ sessions: gate });
    const sessions = await Promise.all(Array.from({ length: 4 }, () => http2To(target)));
    const message = framed(encodeRequest(asking('/session')));
    const calls = sessions.flatMap((session) => Array.from({ length: 25 }, () => raw(session, {}, message)));
    await vi.waitFor(() => expect(gate.waiting).toBe(100));
    drain();
    const closed = listening.close();
    // By now every client was told to go, and none of them was cut.
    await vi.waitFor(() => expect(sessions.every((session) => session.closed)).toBe(true));
    expect(open.connections).toBe(4);
    gate.release();
    for (const answer of await Promise.all(calls)) {
      expect(answer).toMatchObject({ httpStatus: 200, grpcStatus: '0' });
    }
    await closed;
    await vi.waitFor(() => expect(open).toMatchObject({ streams: 0, connections: 0 }));
    expect(checker.inFlight).toBe(0);
  });

  it.each<[string, StartOptions, (running: Running) => unknown]>([
    ['a drain', {}, ({ drain }) => drain()],
    ['closing the listener', {}, ({ listening }) => void listening.close()],
    ['age', { maxConnectionAgeMs: 20 }, () => undefined],
  ])('by %s, and a call that crosses the notice on its way is answered', async (_, options, begin) => {
    const running = await start(options);
    const wire = await wireTo(running.target);
    begin(running);
    const notice = await wire.frame((frame) => frame.type === GOAWAY);
    expect(notice.payload.toString('hex')).toBe('7fffffff00000000');
    wire.call(framed(encodeRequest(asking('/session'))));
    expect(await wire.frame((frame) => frame.type === DATA && frame.stream === 1)).toBeDefined();
    const last = await wire.frame((frame) => frame.type === GOAWAY && frame !== notice);
    expect(last.payload.readUInt32BE(0)).toBe(1);
    await wire.closed;
  });

  it('by a drain of connections that have no call', async () => {
    const { target, listening, drain, open } = await start();
    await clientOf(target).check(asking('/public/a'));
    const idle = await http2To(target);
    await vi.waitFor(() => expect(open.connections).toBe(2));
    drain();
    await listening.close();
    await vi.waitFor(() => expect([open.connections, idle.destroyed]).toEqual([0, true]));
  });
});
