import { describe, expect, it, vi } from 'vitest';
import type { CheckReport } from '../../../src/authz/checker.ts';
import { allow, deny, fail, openRoute, type Decision } from '../../../src/authz/decision.ts';
import { createCheckTracer } from '../../../src/server/trace-check.ts';
import type { RateOutcome } from '../../../src/session/rate-limit.ts';
import type { SessionRef } from '../../../src/session/ref.ts';
import { StoreError, type SessionLookup } from '../../../src/session/store.ts';
import type { CheckSpan, StoreCallSpan, Tracer } from '../../../src/tracing/tracer.ts';
import { request, routeOf } from '../authz/scene.ts';

const REF = 'aa.ref' as SessionRef;
const ABSENT: SessionLookup = { state: 'absent' };
const LIMITED: RateOutcome = { allowed: false, by: 'session', retryAfterMs: 1 };

function start(
  tracer: Tracer | undefined,
  read: () => Promise<SessionLookup> = () => Promise.resolve(ABSENT),
) {
  const onFault = vi.fn();
  const rates = { take: () => Promise.resolve(LIMITED) };
  return {
    begin: createCheckTracer({ tracer: () => tracer, sessions: { read }, rates, onFault }),
    onFault,
  };
}

function recording() {
  const storeEnds = vi.fn<StoreCallSpan['end']>();
  const startStoreCall = vi.fn<CheckSpan['startStoreCall']>(() => ({ end: storeEnds }));
  const checkEnds = vi.fn<CheckSpan['end']>();
  const startCheck = vi.fn<Tracer['startCheck']>(() => ({ traceId: 't', startStoreCall, end: checkEnds }));
  return { tracer: { startCheck }, startCheck, startStoreCall, storeEnds, checkEnds };
}

function reportOf(decision: Decision): CheckReport {
  return { decision, decisionId: 'd', request: request({}), status: undefined, durationMs: 1, traceId: 't' };
}

describe('a check as a span', () => {
  it('is none while tracing is off, and where the trace is not sampled', () => {
    expect(start(undefined).begin(request({}))).toBeUndefined();
    expect(start({ startCheck: () => undefined }).begin(request({}))).toBeUndefined();
  });

  it('has each call of the store inside, with its outcome', async () => {
    const { tracer, startCheck, startStoreCall, storeEnds } = recording();
    const asked = request({});
    const trace = start(tracer).begin(asked);
    expect(startCheck).toHaveBeenCalledExactlyOnceWith('grpc', asked);
    expect(await trace?.sessions.read(REF)).toBe(ABSENT);
    expect(await trace?.rates.take([])).toBe(LIMITED);
    expect(startStoreCall.mock.calls).toEqual([['read'], ['take']]);
    expect(storeEnds.mock.calls).toEqual([
      [{ outcome: 'absent', failed: false }],
      [{ outcome: 'limited', failed: false }],
    ]);
  });

  it.each([
    [new StoreError('ERR_STORE_TIMEOUT', 'late'), 'timeout'],
    [new StoreError('ERR_STORE_UNAVAILABLE', 'gone'), 'unavailable'],
    [new TypeError('mistake'), 'fault'],
  ])('passes on %s, and says that the call failed', async (error, outcome) => {
    const { tracer, storeEnds } = recording();
    const trace = start(tracer, () => Promise.reject(error)).begin(request({}));
    await expect(trace?.sessions.read(REF)).rejects.toBe(error);
    expect(storeEnds.mock.calls).toEqual([[{ outcome, failed: true }]]);
  });

  const route = routeOf({ name: 'r', app: 'billing', mode: 'shadow' });
  const open = openRoute(route, 'revoked');
  it.each<[string, Decision, object]>([
    [
      'a deny',
      deny('revoked', { route }),
      { decision: 'deny', reason: 'revoked', route: 'r', app: 'billing' },
    ],
    ['no route', deny('no_route'), { decision: 'deny', reason: 'no_route', route: undefined }],
    ['a failure', fail('store_timeout', new Error('x')), { decision: 'error', reason: 'store_timeout' }],
    [
      'a shadow route that would deny',
      allow({ open: open as NonNullable<typeof open>, reason: 'revoked' }),
      { decision: 'allow', reason: 'revoked', shadow: true },
    ],
  ])('ends in the words of metrics and log: %s', (_, decision, facts) => {
    const { tracer, checkEnds } = recording();
    start(tracer).begin(request({}))?.end(reportOf(decision));
    expect(checkEnds.mock.calls).toEqual([[expect.objectContaining({ decisionId: 'd', ...facts })]]);
  });

  it('E3 D5 goes on as if there were none where tracing fails, at whatever point', async () => {
    const fail = () => {
      throw new Error('tracing');
    };
    expect(start({ startCheck: fail }).begin(request({}))).toBeUndefined();
    for (const span of [
      { traceId: 't', startStoreCall: fail, end: fail },
      { traceId: 't', startStoreCall: () => ({ end: fail }), end: fail },
    ]) {
      const { begin, onFault } = start({ startCheck: () => span });
      const trace = begin(request({}));
      expect(await trace?.sessions.read(REF)).toBe(ABSENT);
      trace?.end(reportOf(deny('no_route')));
      expect(onFault).toHaveBeenCalledTimes(2);
    }
  });
});
