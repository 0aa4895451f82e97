/** The export of spans to a collector over the network: what is sent, what is dropped, and that nothing waits for it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { loadTracingSettings } from '../../src/server/trace-export.ts';
import type { SpanOutcome, TracingSettings } from '../../src/tracing/settings.ts';
import type { CheckFacts, TraceParent } from '../../src/tracing/tracer.ts';
import { createTracing, type Tracing } from '../../src/tracing/tracing.ts';
import { createTestCa } from '../parts/certificates.ts';
import { startCollector, type OtlpCollector } from '../parts/otlp-collector.ts';

const ALLOW: CheckFacts = {
  decision: 'allow',
  reason: 'none',
  shadow: false,
  decisionId: 'd',
  route: 'r',
  app: undefined,
};

function settingsFor({ url }: OtlpCollector, changes: Partial<TracingSettings> = {}): TracingSettings {
  return { endpoint: url, headers: {}, tls: {}, sampleRatio: 1, serviceName: 'singlestate', ...changes };
}

interface Started {
  readonly tracing: Tracing;
  /** What became of the spans that ended. */
  readonly ended: Record<SpanOutcome, number>;
  readonly failures: unknown[];
}

async function start(settings: TracingSettings): Promise<Started> {
  const ended = { exported: 0, dropped: 0, failed: 0 };
  const failures: unknown[] = [];
  const tracing = createTracing({
    version: '1.2.3',
    store: { host: 'valkey', port: 6379 },
    onSpans: (outcome, count) => (ended[outcome] += count),
    onFailure: (error) => failures.push(error),
  });
  await tracing.configure(settings);
  return { tracing, ended, failures };
}

/** Whether it was sampled. */
function check({ tracer }: Tracing, parent: TraceParent = {}, facts = ALLOW): boolean {
  const span = tracer?.startCheck('grpc', parent);
  span?.end(facts);
  return span !== undefined;
}

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

describe('the trace that a check is in', () => {
  it.each([
    ['', 'no text'],
    ['x', 'no traceparent'],
    [`00-${TRACE_ID}-b7ad6b7169203331`, 'one without flags'],
    [`00-${'0'.repeat(32)}-b7ad6b7169203331-01`, 'a trace of zeros'],
    [`00-${TRACE_ID}-${'0'.repeat(16)}-01`, 'a span of zeros'],
    [`ff-${TRACE_ID}-b7ad6b7169203331-01`, 'the version that is none'],
    [`00-${TRACE_ID.toUpperCase()}-b7ad6b7169203331-01`, 'capitals'],
    [`00-${TRACE_ID}-b7ad6b7169203331-01,00-${TRACE_ID}-b7ad6b7169203331-01`, 'two of them'],
    [`00-${TRACE_ID}-b7ad6b7169203331-01-more`, 'one that goes on'],
  ])('begins with it where it comes with "%s": %s', async (traceparent) => {
    await using collector = await startCollector();
    const { tracing } = await start(settingsFor(collector));
    expect(check(tracing, { traceparent, tracestate: 'a=b' })).toBe(true);
    await tracing.stop();
    expect(collector.spans).toMatchObject([{ parentSpanId: '', traceState: '' }]);
    expect(collector.spans[0]?.traceId).not.toBe(TRACE_ID);
  });

  it('E3 never fails it, whatever a client sends', async () => {
    await using collector = await startCollector();
    const { tracing } = await start(settingsFor(collector));
    const pieces = fc.constantFrom(
      '00',
      'ff',
      TRACE_ID,
      'b7ad6b7169203331',
      '01',
      '-',
      ',',
      '=',
      '\0',
      '\ud800',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces).map((list) => list.join('')),
    );
    fc.assert(
      fc.property(text, text, (traceparent, tracestate) => void check(tracing, { traceparent, tracestate })),
    );
    await tracing.stop();
  });

  it.each([
    [0, 0, 0],
    [0.25, 350, 650],
    [1, 2_000, 2_000],
  ])('is sampled with a ratio of %d where it begins with it', async (sampleRatio, least, most) => {
    await using collector = await startCollector();
    const { tracing } = await start(settingsFor(collector, { sampleRatio }));
    const sampled = Array.from({ length: 2_000 }, () => check(tracing)).filter(Boolean).length;
    expect(sampled).toBeGreaterThanOrEqual(least);
    expect(sampled).toBeLessThanOrEqual(most);
    // Others have decided about theirs.
    const with_ = (flags: string) => ({ traceparent: `00-${TRACE_ID}-b7ad6b7169203331-${flags}` });
    expect([check(tracing, with_('00')), check(tracing, with_('01')), check(tracing, with_('03'))]).toEqual([
      false,
      true,
      true,
    ]);
    await tracing.stop();
  });
});

describe('spans on their way to the collector', () => {
  it('say who sent them', async () => {
    await using collector = await startCollector();
    const { tracing } = await start(settingsFor(collector, { serviceName: 'edge' }));
    check(tracing);
    await tracing.stop();
    expect(collector.spans[0]?.resource).toMatchObject({
      'service.name': 'edge',
      'service.version': '1.2.3',
    });
  });

  it('are tried again where the collector is busy for a moment', async () => {
    await using collector = await startCollector();
    const { tracing, ended } = await start(settingsFor(collector));
    collector.behave(503);
    check(tracing);
    await waitUntil(() => Promise.resolve(collector.requests.length > 0), {
      what: 'a try',
      timeoutMs: 10_000,
    });
    collector.behave('answer');
    await tracing.stop();
    expect(ended).toEqual({ exported: 1, dropped: 0, failed: 0 });
  });

  it('D9 are no more than 4096 at a time: what is beyond is dropped, and each is counted once', async () => {
    await using collector = await startCollector();
    collector.behave('hang');
    const { tracing, ended, failures } = await start(settingsFor(collector));
    for (let checks = 0; checks < 6_000; checks += 1) check(tracing);
    // One batch is on its way, the others wait.
    expect(ended).toEqual({ exported: 0, dropped: 6_000 - 4_096 - 128, failed: 0 });
    await tracing.stop();
    await waitUntil(() => Promise.resolve(ended.failed === 4_096 + 128), {
      what: 'the end',
      timeoutMs: 10_000,
    });
    expect(failures.length).toBeGreaterThan(0);
  });

  it('D5 are waited for at the end for three seconds at the longest', async () => {
    await using collector = await startCollector();
    collector.behave('hang');
    const { tracing } = await start(settingsFor(collector));
    check(tracing);
    const before = performance.now();
    await tracing.stop();
    expect(performance.now() - before).toBeLessThan(4_500);
  });

  it('go to the collector of before where another one is configured, and to the new one from then on', async () => {
    await using before = await startCollector();
    await using after = await startCollector();
    const { tracing, ended } = await start(settingsFor(before));
    check(tracing);
    const late = tracing.tracer?.startCheck('http', {});
    const first = tracing.tracer;
    await tracing.configure(settingsFor(before));
    expect(tracing.tracer).toBe(first);
    await tracing.configure(settingsFor(after));
    check(tracing);
    late?.end(ALLOW);
    await tracing.stop();
    expect([before.spans.length, after.spans.length]).toEqual([1, 1]);
    expect(ended).toEqual({ exported: 2, dropped: 1, failed: 0 });
  });
});

describe('the settings of tracing', () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'singlestate-tracing-'))));
  afterAll(() => rm(folder, { recursive: true }));

  async function file(name: string, text: string): Promise<string> {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  }

  const BASE = { sampleRatio: 1, serviceName: 'singlestate' };

  it('E4 bring headers and certificates to a collector with mutual TLS', async () => {
    const ca = createTestCa('collectors');
    const server = ca.issue({ ips: ['127.0.0.1'] });
    const client = ca.issue({ commonName: 'singlestate' });
    const tls = { cert: server.certificate, key: server.key, ca: ca.certificate, requestCert: true };
    await using collector = await startCollector({ tls });
    const caFile = await file('ca.pem', ca.certificate);
    const [certFile, keyFile] = [await file('c.pem', client.certificate), await file('k.pem', client.key)];
    const headersFile = await file('headers', 'authorization=Bearer%20abc,x-tenant=a\n');
    const endpoint = `${collector.url}/`;

    const load = async (tls: Parameters<typeof loadTracingSettings>[0] & object) => {
      const loaded = await loadTracingSettings(tls, Date.now());
      if (!loaded.ok || loaded.value === undefined) throw new Error(JSON.stringify(loaded));
      return start(loaded.value);
    };
    const { tracing, ended } = await load({
      ...BASE,
      endpoint,
      headersFile,
      tls: { caFile, certFile, keyFile },
    });
    check(tracing);
    await tracing.stop();
    expect(ended.exported).toBe(1);
    expect(collector.requests[0]).toMatchObject({ authorization: 'Bearer abc', 'x-tenant': 'a' });

    for (const tls of [{}, { caFile }]) {
      const refused = await load({ ...BASE, endpoint, tls });
      check(refused.tracing);
      await refused.tracing.stop();
      expect(refused.ended).toEqual({ exported: 0, dropped: 0, failed: 1 });
    }
  });

  it('are refused with each file that is wrong, and without a word of a secret', async () => {
    const headersFile = await file('wrong', '5ecret');
    const caFile = await file('none.pem', 'none');
    const endpoint = 'https://otel:4318';
    expect(
      await loadTracingSettings({ ...BASE, endpoint, headersFile, tls: { caFile } }, Date.now()),
    ).toEqual({
      ok: false,
      findings: [
        {
          path: ['tracing', 'headersFile'],
          message: `${headersFile} must hold headers as NAME=VALUE with a percent-encoded value, as in OTEL_EXPORTER_OTLP_HEADERS; header 1 is none`,
        },
        {
          path: ['tracing', 'tls', 'caFile'],
          message: `${caFile} has no certificate: it must be PEM, with "BEGIN CERTIFICATE"`,
        },
      ],
    });
  });
});
