import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog, type DecisionEntry, type LogSettings } from '../../../src/ops/log.ts';

let lines: string[];
const stream = { write: (line: string) => void lines.push(line) };

beforeEach(() => {
  lines = [];
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 2, 3, 4, 5, 6) });
});
afterEach(() => vi.useRealTimers());

const ALL: LogSettings = { level: 'info', decisions: 'all' };

const ENTRY: DecisionEntry = {
  decisionId: 'd1',
  decision: 'allow',
  reason: 'none',
  transport: 'grpc',
  method: 'GET',
  host: 'billing.example.com',
  path: '/invoices/7',
  durationMs: 0.312_345,
};

function records(): Record<string, unknown>[] {
  return lines.map((line) => {
    expect(line.indexOf('\n')).toBe(line.length - 1);
    return JSON.parse(line) as Record<string, unknown>;
  });
}

function only(): Record<string, unknown> {
  const [record, ...more] = records();
  expect(more).toEqual([]);
  return record ?? {};
}

describe('the log', () => {
  it('writes one line of JSON with level, time, service and message', () => {
    createLog({ ...ALL, stream }).warn('the file was refused', { file: 'config.yaml' });
    expect(only()).toEqual({
      level: 'warn',
      time: '2026-01-02T03:04:05.006Z',
      service: 'singlestate',
      msg: 'the file was refused',
      file: 'config.yaml',
    });
  });

  it('leaves out what is below its level, and follows a change of level', () => {
    const log = createLog({ level: 'warn', decisions: 'off', stream });
    log.info('no');
    log.debug('no');
    log.configure({ level: 'debug', decisions: 'off' });
    log.debug('yes');
    log.configure({ level: 'silent', decisions: 'off' });
    log.error('no');
    expect(records().map(({ msg }) => msg)).toEqual(['yes']);
  });

  it('E2 hides what is named like a secret, at the top and one level below', () => {
    const secrets = { token: 's3', cookie: 's3', authorization: 's3', id_token: 's3', password: 's3' };
    createLog({ ...ALL, stream }).info('x', { ...secrets, headers: secrets });
    expect(lines.join('')).not.toContain('s3');
    expect(only()).toMatchObject({ token: '[redacted]', headers: { authorization: '[redacted]' } });
  });

  it('E2 logs an error with its code and causes, and nothing else that it carries', () => {
    const command = Object.assign(new Error('the command failed'), {
      args: ['s3-document'],
      code: 'ECONNRESET',
    });
    const err = new Error('the store did not answer', { cause: command });
    createLog({ ...ALL, stream }).error('x', { err });
    expect(lines.join('')).not.toContain('s3-document');
    expect(only()['err']).toMatchObject({
      name: 'Error',
      message: 'the store did not answer',
      stack: expect.stringContaining('log.test.ts') as string,
      cause: { code: 'ECONNRESET', message: 'the command failed' },
    });
  });

  it('survives a thrown value that is no error, and causes that run in a circle', () => {
    const loop = new Error('loop');
    loop.cause = loop;
    const log = createLog({ ...ALL, stream });
    log.error('x', { err: 'text that may hold anything' });
    log.error('x', { err: loop });
    expect(records()[0]?.['err']).toEqual({ name: 'string', message: 'not an Error' });
    expect(lines).toHaveLength(2);
  });
});

describe('a decision line', () => {
  it('says everything about the decision, and leaves out what there was none of', () => {
    const log = createLog({ ...ALL, stream });
    log.logDecision({ ...ENTRY, route: 'billing.example.com/invoices/{id}', app: 'billing', ref: '7f.ref' });
    expect(only()).toEqual({
      level: 'info',
      time: '2026-01-02T03:04:05.006Z',
      service: 'singlestate',
      msg: 'decision',
      decision_id: 'd1',
      decision: 'allow',
      reason: 'none',
      route: 'billing.example.com/invoices/{id}',
      app: 'billing',
      ref: '7f.ref',
      method: 'GET',
      host: 'billing.example.com',
      path: '/invoices/7',
      duration_ms: 0.312,
      transport: 'grpc',
    });
  });

  it('carries status, detail, shadow mode and the ids of the request and its trace', () => {
    const log = createLog({ ...ALL, stream });
    log.logDecision({
      ...ENTRY,
      decision: 'deny',
      status: 403,
      shadow: true,
      detail: 'missing invoices:read',
      requestId: 'r1',
      traceId: 't1',
    });
    expect(only()).toMatchObject({
      status: 403,
      shadow: true,
      detail: 'missing invoices:read',
      request_id: 'r1',
      trace_id: 't1',
    });
  });

  it.each(['/a?token=s3', '/a?', '/a#s3', '/a#?s3', '/a?x#s3'])('E2 of %s holds no query', (path) => {
    createLog({ ...ALL, stream }).logDecision({ ...ENTRY, path });
    expect(only()['path']).toBe('/a');
  });

  it('is one bounded line whatever the client sends', () => {
    const wild = `\r\n{"level":"error"}\u2028\0\ud800${'x'.repeat(100_000)}`;
    const sent = { method: wild, host: wild, path: `/${wild}`, detail: wild, requestId: wild, traceId: wild };
    createLog({ ...ALL, stream }).logDecision({ ...ENTRY, ...sent });
    expect(lines[0]?.length).toBeLessThan(2_500);
    expect(only()).toMatchObject({ level: 'info', decision: 'allow' });
  });

  it('has the level error for an error decision, and info for an allow and a deny', () => {
    const log = createLog({ ...ALL, stream });
    for (const decision of ['allow', 'deny', 'error'] as const) log.logDecision({ ...ENTRY, decision });
    expect(records().map(({ level }) => level)).toEqual(['info', 'info', 'error']);
  });

  it('carries the time of its own millisecond', () => {
    const log = createLog({ ...ALL, stream });
    log.logDecision(ENTRY);
    vi.advanceTimersByTime(1);
    log.logDecision(ENTRY);
    expect(records().map(({ time }) => time)).toEqual([
      '2026-01-02T03:04:05.006Z',
      '2026-01-02T03:04:05.007Z',
    ]);
  });

  const KINDS: readonly Pick<DecisionEntry, 'decision' | 'shadow'>[] = [
    { decision: 'allow' },
    { decision: 'deny' },
    { decision: 'deny', shadow: true },
    { decision: 'allow', shadow: true },
    { decision: 'error' },
  ];
  it.each([
    ['all', 'info', [true, true, true, true, true]],
    ['denied', 'info', [false, true, true, true, true]],
    ['off', 'info', [false, false, false, false, false]],
    ['all', 'warn', [false, false, false, false, true]],
    ['all', 'silent', [false, false, false, false, false]],
  ] as const)(
    'with decisions: %s and level: %s is written or not, as told before',
    (decisions, level, expected) => {
      const log = createLog({ decisions, level, stream });
      const written = KINDS.map((kind) => {
        lines = [];
        log.logDecision({ ...ENTRY, ...kind });
        return lines.length === 1;
      });
      expect(written).toEqual(expected);
      expect(KINDS.map(({ decision, shadow }) => log.logsDecision(decision, shadow))).toEqual(expected);
    },
  );
});
