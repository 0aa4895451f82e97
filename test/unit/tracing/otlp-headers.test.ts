import { describe, expect, it } from 'vitest';
import { parseOtlpHeaders } from '../../../src/tracing/otlp-headers.ts';

describe('the headers for the collector', () => {
  it.each<[string, Record<string, string>]>([
    ['authorization=Bearer%20abc', { authorization: 'Bearer abc' }],
    ['x-tenant = a , api-key=b==', { 'x-tenant': 'a', 'api-key': 'b==' }],
    ['a=%2C%3D%25', { a: ',=%' }],
  ])('are read from %s', (text, headers) => {
    expect(parseOtlpHeaders(text)).toEqual({ ok: true, headers });
  });

  it.each([
    ['secret', 1],
    ['a=b,', 2],
    ['a=b,=secret', 2],
    ['a=', 1],
    ['a b=secret', 1],
    ['a=%0d%0asecret', 1],
    ['a=%zzsecret', 1],
    ['a: secret', 1],
    ['a=s\u{e9}cret', 1],
  ])('are refused in "%s", without a word of them', (text, which) => {
    const parsed = parseOtlpHeaders(text);
    expect(parsed).toEqual({
      ok: false,
      problem: `must hold headers as NAME=VALUE with a percent-encoded value, as in OTEL_EXPORTER_OTLP_HEADERS; header ${which} is none`,
    });
    expect(JSON.stringify(parsed)).not.toMatch(/s.cret/);
  });
});
