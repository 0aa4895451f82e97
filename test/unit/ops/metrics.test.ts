import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  DURATION_BUCKETS,
  METRICS,
  createMetrics,
  type BreakerReading,
  type Metrics,
} from '../../../src/ops/metrics.ts';
import { parseExposition, type Family } from './exposition.ts';

let metrics: Metrics;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000, toFake: ['Date'] });
  metrics = createMetrics({ version: '1.2.3' });
});
afterEach(() => vi.useRealTimers());

async function family(name: string): Promise<Family> {
  const found = parseExposition(await metrics.expose()).get(name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

async function samples(name: string) {
  return (await family(name)).samples.map(({ labels, value }) => ({ ...labels, value }));
}

/** One of each thing that can be counted, with values that stand for themselves. */
function observeEverything() {
  metrics.observeCheck('grpc', 'billing', 'deny', 'revoked', 0.000_3);
  metrics.observeStore('read', 'timeout', 0.05);
  metrics.watchBreakers(() => [{ dependency: 'store', state: 'half_open' }]);
  metrics.shed('overloaded');
  metrics.tlsRefused('check', 'no_certificate');
  metrics.sessionCreated('main');
  metrics.sessionEnded('operator');
  metrics.sessionWritten('billing', 'written');
  metrics.tokenIssued('created');
  metrics.spansEnded('exported', 128);
  metrics.configReloaded('applied');
  metrics.deadlines(150, 50);
  metrics.certificates([{ listener: 'check', fromMs: 1_700_000_000_000, toMs: 1_700_086_400_000 }]);
  metrics.sessionRoutesJudged(2, 1);
  metrics.sessionRoutePoliciesRead(3, 1);
  metrics.sessionRoutesApplied('applied');
  metrics.kubernetesWatched('namespaces', false);
  metrics.kubernetesWritten('status', 'written');
}

describe('the metrics', () => {
  it('H4 are well-formed, each with the name, type, help and labels of the table', async () => {
    observeEverything();
    const families = parseExposition(await metrics.expose());
    const own = [...families.values()].filter(({ name }) => name.startsWith('singlestate_'));
    expect(own.map(({ name }) => name).sort()).toEqual(
      Object.values(METRICS)
        .map(({ name }) => name)
        .sort(),
    );
    for (const facts of Object.values(METRICS)) {
      const found = families.get(facts.name);
      expect(found).toMatchObject({ help: facts.help, type: facts.type });
      for (const { labels } of found?.samples ?? []) {
        const names = Object.keys(labels).filter((name) => name !== 'le');
        expect(names.sort()).toEqual(Object.keys(facts.labels).sort());
      }
      expect(found?.samples.length).toBeGreaterThan(0);
    }
  });

  it('H4 are named as Prometheus asks: counters end in _total, times in _seconds', () => {
    for (const { name, type } of Object.values(METRICS)) {
      expect(name.endsWith('_total')).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  it('H4 come with those of Node', async () => {
    const names = [...parseExposition(await metrics.expose()).keys()];
    expect(names).toEqual(
      expect.arrayContaining(['process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds']),
    );
  });

  it('count each check once by transport, app, decision and reason', async () => {
    metrics.observeCheck('grpc', 'billing', 'allow', 'none', 0.000_2);
    metrics.observeCheck('grpc', 'billing', 'allow', 'none', 0.000_2);
    metrics.observeCheck('http', 'none', 'error', 'store_timeout', 0.05);
    expect(await samples('singlestate_checks_total')).toEqual([
      { transport: 'grpc', app: 'billing', decision: 'allow', reason: 'none', value: 2 },
      { transport: 'http', app: 'none', decision: 'error', reason: 'store_timeout', value: 1 },
    ]);
  });

  it('time each check by transport and decision, in cumulative buckets from 50 µs to 1 s', async () => {
    metrics.observeCheck('grpc', 'billing', 'allow', 'none', 0.000_05);
    metrics.observeCheck('grpc', 'reports', 'allow', 'none', 0.000_3);
    metrics.observeCheck('grpc', 'reports', 'allow', 'none', 2);
    const found = (await family('singlestate_check_duration_seconds')).samples;
    const buckets = found.filter(({ name }) => name.endsWith('_bucket'));
    expect(buckets.map(({ labels }) => labels['le'])).toEqual([...DURATION_BUCKETS.map(String), '+Inf']);
    expect(buckets.map(({ value }) => value)).toEqual([1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]);
    expect(found.find(({ name }) => name.endsWith('_count'))?.value).toBe(3);
    expect(found.find(({ name }) => name.endsWith('_sum'))?.value).toBeCloseTo(2.000_35, 9);
    expect(buckets.every(({ labels }) => labels['transport'] === 'grpc')).toBe(true);
  });

  it('count and time each operation of the store, failed ones included', async () => {
    metrics.observeStore('read', 'ok', 0.001);
    metrics.observeStore('read', 'timeout', 0.05);
    expect(await samples('singlestate_store_operations_total')).toEqual([
      { operation: 'read', outcome: 'ok', value: 1 },
      { operation: 'read', outcome: 'timeout', value: 1 },
    ]);
    const timed = (await family('singlestate_store_duration_seconds')).samples;
    expect(timed.find(({ name }) => name.endsWith('_count'))).toMatchObject({
      labels: { operation: 'read' },
      value: 2,
    });
  });

  it('D8 do not take what the store was not asked for as the time of an operation', async () => {
    metrics.observeStore('read', 'ok', 0.001);
    metrics.observeStore('read', 'breaker_open', 0.000_01);
    const timed = (await family('singlestate_store_duration_seconds')).samples;
    expect(timed.find(({ name }) => name.endsWith('_count'))).toMatchObject({ value: 1 });
    expect(await samples('singlestate_store_operations_total')).toContainEqual({
      operation: 'read',
      outcome: 'breaker_open',
      value: 1,
    });
  });

  it('D8 show the state that each breaker is in at the scrape, and none that is there no more', async () => {
    let readings: BreakerReading[] = [
      { dependency: 'store', state: 'closed' },
      { dependency: 'identity_provider/main', state: 'open' },
    ];
    metrics.watchBreakers(() => readings);
    expect(await samples('singlestate_breaker_state')).toEqual([
      { dependency: 'store', state: 'closed', value: 1 },
      { dependency: 'store', state: 'open', value: 0 },
      { dependency: 'store', state: 'half_open', value: 0 },
      { dependency: 'identity_provider/main', state: 'closed', value: 0 },
      { dependency: 'identity_provider/main', state: 'open', value: 1 },
      { dependency: 'identity_provider/main', state: 'half_open', value: 0 },
    ]);
    readings = [{ dependency: 'store', state: 'half_open' }];
    expect(await samples('singlestate_breaker_state')).toEqual([
      { dependency: 'store', state: 'closed', value: 0 },
      { dependency: 'store', state: 'open', value: 0 },
      { dependency: 'store', state: 'half_open', value: 1 },
    ]);
  });

  it.each([
    ['singlestate_shed_total', { reason: 'overloaded' }],
    ['singlestate_sessions_created_total', { provider: 'main' }],
    ['singlestate_sessions_ended_total', { cause: 'operator' }],
    ['singlestate_session_writes_total', { app: 'billing', outcome: 'written' }],
    ['singlestate_tokens_issued_total', { cause: 'created' }],
  ])('count %s', async (name, labels) => {
    observeEverything();
    observeEverything();
    expect(await samples(name)).toEqual([{ ...labels, value: 2 }]);
  });

  it('count sessions that ended together one by one', async () => {
    metrics.sessionEnded('operator', 1_000);
    metrics.sessionEnded('operator');
    expect(await samples('singlestate_sessions_ended_total')).toEqual([{ cause: 'operator', value: 1_001 }]);
  });

  it('D5 say how long a check and an operation of the store may take, as last told', async () => {
    metrics.deadlines(150, 50);
    metrics.deadlines(100, 40);
    expect(await samples('singlestate_check_deadline_seconds')).toEqual([{ value: 0.1 }]);
    expect(await samples('singlestate_store_deadline_seconds')).toEqual([{ value: 0.04 }]);
  });

  it('E4 say from when to when the certificate of each listener is valid', async () => {
    metrics.certificates([{ listener: 'api', fromMs: 1_700_000_000_000, toMs: 1_700_086_400_000 }]);
    const life = (edge: string) => samples(`singlestate_tls_certificate_${edge}_timestamp_seconds`);
    expect(await life('not_before')).toEqual([{ listener: 'api', value: 1_700_000_000 }]);
    expect(await life('not_after')).toEqual([{ listener: 'api', value: 1_700_086_400 }]);
  });

  it('E6 show at 0 what has not happened yet, so that its first time is a rise', async () => {
    metrics.awaitStore('revoke', 'timeout');
    metrics.sessionEnded('refresh_reuse', 0);
    expect(await samples('singlestate_store_operations_total')).toEqual([
      { operation: 'revoke', outcome: 'timeout', value: 0 },
    ]);
    expect(await samples('singlestate_sessions_ended_total')).toEqual([{ cause: 'refresh_reuse', value: 0 }]);
    metrics.observeStore('revoke', 'timeout', 0.05);
    expect((await samples('singlestate_store_operations_total'))[0]?.value).toBe(1);
  });

  it('say which version runs on which Node', async () => {
    expect(await samples('singlestate_build_info')).toEqual([
      { version: '1.2.3', node: process.version, value: 1 },
    ]);
  });

  it('show a refused reload until one is applied, and from when the configuration in use is', async () => {
    const values = async (name: string) => (await samples(name)).map(({ value }) => value);
    const read = async () => ({
      reloads: await samples('singlestate_config_reloads_total'),
      successful: await values('singlestate_config_last_reload_successful'),
      at: await values('singlestate_config_last_reload_success_timestamp_seconds'),
    });
    const reloads = (applied: number, refused: number) => [
      { outcome: 'applied', value: applied },
      { outcome: 'refused', value: refused },
    ];
    expect(await read()).toEqual({ reloads: reloads(0, 0), successful: [1], at: [1_700_000_000] });
    vi.setSystemTime(1_700_000_060_000);
    metrics.configReloaded('refused');
    expect(await read()).toEqual({ reloads: reloads(0, 1), successful: [0], at: [1_700_000_000] });
    metrics.configReloaded('applied');
    expect(await read()).toEqual({ reloads: reloads(1, 1), successful: [1], at: [1_700_000_060] });
  });

  it('E2 of two servers in one process do not mix', async () => {
    const other = createMetrics({ version: '1.2.3' });
    other.shed('overloaded');
    expect(await samples('singlestate_shed_total')).toEqual([]);
  });
});

describe('the reader of the text format', () => {
  it.each([
    ['a sample without its family', 'a 1\n'],
    ['a sample of another family', '# HELP a x\n# TYPE a counter\nb 1\n'],
    ['TYPE without HELP', '# TYPE a counter\na 1\n'],
    ['an unknown type', '# HELP a x\n# TYPE a count\na 1\n'],
    ['a family twice', '# HELP a x\n# TYPE a gauge\n# HELP a x\n# TYPE a gauge\n'],
    ['a sample twice', '# HELP a x\n# TYPE a gauge\na{b="1"} 1\na{b="1"} 2\n'],
    ['a label twice', '# HELP a x\n# TYPE a gauge\na{b="1",b="2"} 1\n'],
    ['a raw quote in a label', '# HELP a x\n# TYPE a gauge\na{b="""} 1\n'],
    ['a value that is no number', '# HELP a x\n# TYPE a gauge\na one\n'],
    ['an unfinished line', '# HELP a x\n# TYPE a gauge\na 1'],
  ])('refuses %s', (_what, text) => {
    expect(() => parseExposition(text)).toThrow();
  });
});
