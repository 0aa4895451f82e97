/** Traces through a real Envoy that traces too: both send their spans to one collector. */
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { waitUntil } from '../../quickstart/wait.ts';
import { createLog } from '../../src/ops/log.ts';
import { StoreError } from '../../src/session/store.ts';
import { CHECK_ATTRIBUTES, STORE_CALL_ATTRIBUTES } from '../../src/tracing/span-attributes.ts';
import { createFaults } from '../fakes/faulty-store.ts';
import { envoyOverHttp } from '../parts/gateways.ts';
import { startCollector, type OtlpCollector, type ReceivedSpan } from '../parts/otlp-collector.ts';
import { traceEnvoy, traceEnvoyText } from '../parts/traced-envoy.ts';
import { changeConfig, createBed, revoke, type Bed, type BedOptions } from './bed.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const parentOf = (flags: '00' | '01', traceId = TRACE_ID) => ({
  traceparent: `00-${traceId}-b7ad6b7169203331-${flags}`,
  tracestate: 'vendor=1',
});

/** How Envoy asks, the names that spans then have, and a bed in which Envoy traces. */
const TRANSPORTS = {
  grpc: {
    egress: 'async envoy.service.auth.v3.Authorization.Check egress',
    check: 'envoy.service.auth.v3.Authorization/Check',
    bed: async ({ port, url }: OtlpCollector, options: BedOptions = {}) =>
      createBed({
        ...options,
        envoy: await traceEnvoy(port),
        config: { ...options.config, tracing: { endpoint: url } },
      }),
  },
  http: {
    egress: 'async singlestate egress',
    check: 'check',
    bed: async ({ port, url }: OtlpCollector, options: BedOptions = {}) =>
      createBed({
        ...options,
        gateway: envoyOverHttp(await traceEnvoyText(port)),
        config: { ...options.config, tracing: { endpoint: url } },
      }),
  },
} as const;

type TransportName = keyof typeof TRANSPORTS;
const NAMES = Object.keys(TRANSPORTS) as TransportName[];

interface TraceParts {
  readonly ingress: ReceivedSpan;
  readonly egress: ReceivedSpan;
  readonly check: ReceivedSpan;
}

/** The three spans of a request, once all of them are there. */
async function traceOf(
  collector: OtlpCollector,
  transport: TransportName,
  traceId?: string,
): Promise<TraceParts> {
  const check = await collector.spanWhere('the span of the check', (span) => isCheck(span, traceId));
  const egress = await collector.spanWhere(
    "Envoy's span of the check",
    ({ spanId }) => spanId === check.parentSpanId,
  );
  const ingress = await collector.spanWhere("Envoy's span", ({ spanId }) => spanId === egress.parentSpanId);
  expect([ingress.name, egress.name, check.name]).toEqual([
    'ingress',
    TRANSPORTS[transport].egress,
    TRANSPORTS[transport].check,
  ]);
  return { ingress, egress, check };
}

function isCheck({ service, kind, traceId }: ReceivedSpan, wanted = traceId): boolean {
  return service === 'singlestate' && kind === 2 && traceId === wanted;
}

function lineOf(bed: Bed, decisionId: unknown): Readonly<Record<string, unknown>> {
  const lines = bed.lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  return lines.find(({ decision_id }) => decision_id === decisionId) ?? {};
}

/** Switching it on takes effect once its code is loaded. */
async function reloaded(bed: Bed, tracing: object | undefined): Promise<void> {
  const applied = bed.lines.filter((line) => line.includes('configuration was applied')).length;
  await changeConfig(bed, (text) => {
    const rest = text.replace(/^tracing:\n(?: .*\n)+/m, '');
    return tracing === undefined ? rest : `${rest}${stringify({ tracing })}`;
  });
  await waitUntil(
    () =>
      Promise.resolve(
        bed.lines.filter((line) => line.includes('configuration was applied')).length > applied,
      ),
    { what: 'the reload', timeoutMs: 10_000 },
  );
}

describe.each(NAMES)('a check over %s', (transport) => {
  const { bed: start } = TRANSPORTS[transport];

  it("is below Envoy's span in Envoy's trace, with the store's call inside", async () => {
    await using collector = await startCollector();
    await using bed = await start(collector);
    const { token } = await bed.open();
    expect((await bed.ask('/me', { token })).status).toBe(200);
    const { ingress, egress, check } = await traceOf(collector, transport);
    expect(new Set([ingress, egress, check].map(({ traceId }) => traceId)).size).toBe(1);
    const read = await collector.spanWhere('the read', ({ parentSpanId }) => parentSpanId === check.spanId);
    const { port } = new URL(bed.valkey.url);
    expect(read).toMatchObject({
      service: 'singlestate',
      name: `read 127.0.0.1:${port}`,
      kind: 3,
      traceId: check.traceId,
      status: { code: 0 },
      attributes: {
        'db.system.name': 'redis',
        'db.operation.name': 'read',
        'server.address': '127.0.0.1',
        'server.port': port,
        'singlestate.store.outcome': 'ok',
      },
    });
    expect(check.attributes).toMatchObject({
      'singlestate.decision': 'allow',
      'singlestate.route': '*/me',
    });
    const isInside = (inner: ReceivedSpan, outer: ReceivedSpan, toleranceNs: bigint) =>
      outer.startNs - inner.startNs <= toleranceNs && inner.endNs - outer.endNs <= toleranceNs;
    expect(isInside(read, check, 0n)).toBe(true);
    // Two processes read the system's clock, of which one tells it in milliseconds.
    expect(isInside(check, egress, 1_000_000n)).toBe(true);
    expect(lineOf(bed, check.attributes['singlestate.decision_id'])['trace_id']).toBe(check.traceId);
  });

  it("is in the client's trace, below Envoy, and sampled where that is", async () => {
    await using collector = await startCollector();
    await using bed = await start(collector);
    const { token } = await bed.open();
    const unsampled = 'f'.repeat(32);
    await bed.ask('/me', { token, headers: parentOf('00', unsampled) });
    await bed.ask('/me', { token, headers: parentOf('01') });
    const { ingress, check } = await traceOf(collector, transport, TRACE_ID);
    expect(ingress.parentSpanId).toBe('b7ad6b7169203331');
    expect(check.traceState).toBe('vendor=1');
    // Sent after it, and over the same way.
    expect(collector.spans.filter(({ traceId }) => traceId === unsampled)).toEqual([]);
    const traces = bed.lines.flatMap((line) => /"trace_id":"(\w+)"/.exec(line)?.[1] ?? []);
    expect(traces).toEqual([unsampled, TRACE_ID]);
  });

  it('E2 tells of nothing but the closed list, whatever the request holds and however it ends', async () => {
    await using collector = await startCollector();
    const { faults, wrapStore } = createFaults();
    const lines: string[] = [];
    const log = createLog({
      level: 'debug',
      decisions: 'all',
      stream: { write: (line) => void lines.push(line) },
    });
    await using bed = await start(collector, {
      seams: { wrapStore, log },
      config: { rateLimits: { perSession: { limit: 6, window: '1h' } } },
    });
    const subject = 'sub-5ecret';
    const identity = { provider: 'test', issuer: 'https://idp.test', subject };
    const session = await bed.open({
      identity,
      scopes: ['invoices:5cope'],
      attributes: { email_domain: '5ecret.example' },
      slices: { cart: { note: '5lice' } },
    });
    const other = await bed.open();
    const { token, cookie, ref, id } = session;
    const headers = { 'x-secret': '5header', 'user-agent': '5agent' };
    const asked = [
      bed.ask('/me?query=5query', { token, headers }),
      bed.ask('/me', { headers: { ...cookie, ...headers } }),
      bed.ask('/me', { method: 'PUT', headers: cookie }),
      bed.ask('/me/5path?query=5query', { token }),
      bed.ask('/billing/invoices/5id', { token }),
      bed.ask('/me', { headers: { authorization: 'Bearer 5token' } }),
      bed.ask('/shadow', { token }),
      bed.ask('/public/5path', {}),
      bed.ask('/tenants/5tenant/users', { token }),
      bed.ask('/vault', { token }),
    ];
    await Promise.all(asked);
    // Beyond the limit of the session.
    for (let more = 0; more < 6; more += 1) await bed.ask('/me', { token });
    await revoke(bed, other.ref);
    await bed.ask('/me', { token: other.token });
    faults.read = () => Promise.reject(new StoreError('ERR_STORE_TIMEOUT', 'no answer to read: 5store'));
    await bed.ask('/me', { token: other.token });
    faults.read = () => Promise.reject(new TypeError('5fault'));
    await bed.ask('/me', { token: other.token });
    const decisions = () => lines.filter((line) => line.includes('"msg":"decision"'));
    await waitUntil(
      () => Promise.resolve(collector.spans.filter((span) => isCheck(span)).length === decisions().length),
      {
        what: 'a span of each check',
        timeoutMs: 15_000,
      },
    );

    const spans = collector.of('singlestate');
    const reasons = new Set(spans.map(({ attributes }) => attributes['singlestate.reason']));
    for (const reason of [
      'no_route',
      'malformed_token',
      'csrf',
      'insufficient_scope',
      'rate_limited',
      'revoked',
      'store_timeout',
      'internal',
    ])
      expect(reasons).toContain(reason);
    const allowed: ReadonlySet<string> = new Set([...CHECK_ATTRIBUTES, ...STORE_CALL_ATTRIBUTES]);
    const resource = ['service.name', 'service.version', 'service.instance.id', 'host.name'];
    for (const span of spans) {
      expect(Object.keys(span.attributes).filter((name) => !allowed.has(name))).toEqual([]);
      const described = Object.keys(span.resource).filter((name) => !name.startsWith('telemetry.sdk.'));
      expect(described.sort()).toEqual(resource.sort());
      expect([span.events, span.links, span.status.message]).toEqual([0, 0, '']);
    }
    const told = JSON.stringify(spans, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    for (const secret of [subject, id, ref, token, ...token.split('.'), 'invoices:']) {
      expect(told).not.toContain(secret);
    }
    expect(told).not.toMatch(/5(ecret|cope|lice|header|agent|query|path|id"|token|tenant|store|fault)/);

    const failed = spans.filter(({ status }) => status.code === 2);
    expect(new Set(failed.map(({ attributes }) => attributes['error.type']))).toEqual(
      new Set(['timeout', 'store_timeout', 'fault', 'internal']),
    );
    for (const { kind, attributes } of failed) {
      if (kind === 2) expect(attributes['singlestate.decision']).toBe('error');
    }
  });
});

describe('tracing', () => {
  it('that is off sends nothing, is switched on while it runs, and off again', async () => {
    await using collector = await startCollector();
    await using bed = await createBed();
    const { token } = await bed.open();
    const ask = () => bed.ask('/me', { token, headers: parentOf('01') });
    await ask();
    await reloaded(bed, { endpoint: collector.url, serviceName: 'edge-sessions' });
    await waitUntil(
      async () => {
        await ask();
        return collector.of('edge-sessions').length > 0;
      },
      { what: 'a span', timeoutMs: 15_000 },
    );
    // Envoy does not trace here: what the client says is the nearest.
    expect(collector.spans.find(({ kind }) => kind === 2)).toMatchObject({
      traceId: TRACE_ID,
      parentSpanId: 'b7ad6b7169203331',
    });
    const checks = async () =>
      Number(/singlestate_checks_total\{.*"allow".*\} (\d+)/.exec(await bed.metrics())?.[1]);
    // The first check, before it was on, has no span.
    expect(collector.spans.filter(({ kind }) => kind === 2).length).toBeLessThan(await checks());
    await reloaded(bed, undefined);
    await waitUntil(() => Promise.resolve(exportedAll(collector, bed)), {
      what: 'the last spans',
      timeoutMs: 10_000,
    });
    const before = collector.requests.length;
    await ask();
    await bed.server.stop();
    expect(collector.requests.length).toBe(before);
  });

  it.each(['hangs', 'is down', 'refuses'])('E3 D5 fails no check where the collector %s', async (how) => {
    await using collector = await startCollector();
    if (how === 'hangs') collector.behave('hang');
    if (how === 'refuses') collector.behave(401);
    if (how === 'is down') await collector[Symbol.asyncDispose]();
    await using bed = await createBed({ config: { tracing: { endpoint: collector.url } } });
    const { token } = await bed.open();
    for (let asked = 0; asked < 50; asked += 1) {
      expect((await bed.ask('/me', { token })).status).toBe(200);
    }
    const failed = async () =>
      /^singlestate_trace_spans_total\{outcome="failed"\} [1-9]/m.test(await bed.metrics());
    await waitUntil(failed, { what: 'a batch that is given up', timeoutMs: 15_000 });
    expect((await bed.ask('/me', { token })).status).toBe(200);
    const warnings = bed.lines.filter((line) => line.includes('traces could not be sent to the collector'));
    expect(warnings).toHaveLength(1);
    const stoppingAt = performance.now();
    await bed[Symbol.asyncDispose]();
    expect(performance.now() - stoppingAt).toBeLessThan(8_000);
  });
});

/** Nothing is on its way: the collector has what the metrics say that it took. */
async function exportedAll(collector: OtlpCollector, bed: Bed): Promise<boolean> {
  const exported = /trace_spans_total\{outcome="exported"\} (\d+)/.exec(await bed.metrics())?.[1];
  return Number(exported) === collector.spans.length;
}
