import { describe, expect, it } from 'vitest';
import { configOf, MINIMAL, problemsOf } from './minimal.ts';

describe('tracing', () => {
  it('is off unless it is asked for', () => {
    expect(configOf(MINIMAL).tracing).toBeUndefined();
    expect(configOf(`${MINIMAL}tracing: { endpoint: http://otel:4318 }`).tracing).toEqual({
      endpoint: 'http://otel:4318',
      sampleRatio: 1,
      serviceName: 'singlestate',
    });
  });

  it('takes a ratio out of the environment', () => {
    const config = configOf(`${MINIMAL}tracing:\n  endpoint: http://otel:4318\n  sampleRatio: \${RATIO}`, {
      RATIO: '0.05',
    });
    expect(config.tracing?.sampleRatio).toBe(0.05);
  });

  it.each([
    ['otel:4317', 'must be an http: or https: URL, without a user, password, query or fragment'],
    [
      'http://user:secret@otel',
      'must be an http: or https: URL, without a user, password, query or fragment',
    ],
    ['http://otel/?a=b', 'must be an http: or https: URL, without a user, password, query or fragment'],
    ['http://otel:4318/v1/traces', 'must be the base URL: "/v1/traces" is added to it'],
    ['http://otel:4318/v1/traces/', 'must be the base URL: "/v1/traces" is added to it'],
    ['http://[', 'must be a URL with a valid host and port'],
  ])('has no endpoint %s', (endpoint, wanted) => {
    expect(problemsOf(`${MINIMAL}tracing: { endpoint: '${endpoint}' }`)).toEqual([
      `7:22 tracing.endpoint: ${wanted}`,
    ]);
  });

  it.each(['1.5', '-0.1', 'all'])('samples no share of %s', (ratio) => {
    expect(problemsOf(`${MINIMAL}tracing: { endpoint: http://a, sampleRatio: ${ratio} }`)).toEqual([
      expect.stringMatching(/^7:\d+ tracing\.sampleRatio: must be /),
    ]);
  });
});
