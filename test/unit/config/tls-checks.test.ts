import { describe, expect, it } from 'vitest';
import { MINIMAL, problemsOf } from './minimal.ts';

const FILES = 'certFile: c, keyFile: k';

/** The store in lines 2 and 3. */
const store = (url: string, tls: string) =>
  MINIMAL.replace('  url: "memory:"', `  url: "${url}"\n  tls: { ${tls} }`);

describe('E4 TLS to the store', () => {
  it.each([
    ['rediss://a', ''],
    ['rediss://a', 'caFile: ca'],
    ['rediss://a', FILES],
    ['rediss://a', 'serverName: a'],
  ])('of %s may have { %s }', (url, tls) => {
    expect(problemsOf(store(url, tls))).toEqual([]);
  });

  it('may be left to the system', () => {
    expect(problemsOf(MINIMAL.replace('memory:', 'rediss://a'))).toEqual([]);
  });

  it.each([
    ['redis://a', 'caFile: ca', '3:3 store.tls: needs a "rediss:" URL: that of store.url is without TLS'],
    ['memory:', 'caFile: ca', '3:3 store.tls: needs a "rediss:" URL: that of store.url is without TLS'],
    ['rediss://a', 'certFile: c', '3:20 store.tls.certFile: needs keyFile beside it'],
    ['rediss://a', 'keyFile: k', '3:19 store.tls.keyFile: needs certFile beside it'],
  ])('of %s may not have { %s }', (url, tls, problem) => {
    expect(problemsOf(store(url, tls))).toEqual([problem]);
  });
});

describe('E4 TLS to the collector of traces', () => {
  const collector = (endpoint: string, tls: string) =>
    `${MINIMAL}tracing:\n  endpoint: ${endpoint}\n  tls: { ${tls} }`;

  it.each(['', 'caFile: ca', FILES])('may have { %s }', (tls) => {
    expect(problemsOf(collector('https://a', tls))).toEqual([]);
  });

  it.each([
    [
      'http://a',
      'caFile: ca',
      '9:3 tracing.tls: needs an "https:" URL: that of tracing.endpoint is without TLS',
    ],
    ['https://a', 'certFile: c', '9:20 tracing.tls.certFile: needs keyFile beside it'],
    ['https://a', 'keyFile: k', '9:19 tracing.tls.keyFile: needs certFile beside it'],
  ])('of %s may not have { %s }', (endpoint, tls, problem) => {
    expect(problemsOf(collector(endpoint, tls))).toEqual([problem]);
  });
});

describe('E4 TLS of a listener', () => {
  it.each(['check', 'http', 'api', 'ops'])(
    'is right for %s with a certificate, a key and an allow-list',
    (name) => {
      expect(problemsOf(`${MINIMAL}tls: { ${name}: { ${FILES} } }`)).toEqual([]);
      expect(problemsOf(`${MINIMAL}tls: { ${name}: { ${FILES}, clientCaFile: ca, clients: [a] } }`)).toEqual(
        [],
      );
    },
  );

  it.each<[string, string]>([
    [
      `check: { ${FILES}, clients: [a] }`,
      '7:42 tls.check.clients: needs clientCaFile beside it: without it no client shows a certificate',
    ],
    [
      `ops: { ${FILES}, clientCaFile: ca, clients: [] }`,
      '7:58 tls.ops.clients: must have at least one name: nobody could connect',
    ],
  ])('is told of { %s }', (text, problem) => {
    expect(problemsOf(`${MINIMAL}tls: { ${text} }`)).toEqual([problem]);
  });

  it.each(['certFile', 'keyFile'])('needs %s', (key) => {
    const other = key === 'certFile' ? 'keyFile' : 'certFile';
    expect(problemsOf(`${MINIMAL}tls: { api: { ${other}: x } }`)).toEqual([
      expect.stringContaining(`tls.api.${key}: is missing, but needed`),
    ]);
  });
});
