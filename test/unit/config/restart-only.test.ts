import { describe, expect, it } from 'vitest';
import { restartOnlyChanges } from '../../../src/config/restart-only.ts';
import { configOf, MINIMAL } from './minimal.ts';

const TLS = '{ certFile: c, keyFile: k }';
const BEFORE = configOf(MINIMAL);

describe('keys that take a restart', () => {
  it.each([
    ['nothing', MINIMAL, []],
    ['a default that is written out', `${MINIMAL}listen: { ops: ":9090" }`, []],
    [
      'what a running server takes over',
      `${MINIMAL}log: { level: debug }\nsession: { idleTimeout: 1m }\napps: { a: {} }\ntracing: { endpoint: http://a }`,
      [],
    ],
    ['a listener', `${MINIMAL}listen: { ops: ":9091" }`, ['listen.ops']],
    [
      'the store',
      MINIMAL.replace('"memory:"', 'redis://a\n  username: b\n  deadline: 5ms'),
      ['store.deadline', 'store.url', 'store.username'],
    ],
    [
      'TLS of a listener that had none',
      `${MINIMAL}tls: { check: ${TLS}, ops: ${TLS} }`,
      ['tls.check', 'tls.ops'],
    ],
  ])('are named where %s changed', (_what, text, changes) => {
    expect(restartOnlyChanges(BEFORE, configOf(text))).toEqual(changes);
  });

  it('are named where one was removed', () => {
    const before = configOf(MINIMAL.replace('"memory:"', '"memory:"\n  passwordFile: x'));
    expect(restartOnlyChanges(before, BEFORE)).toEqual(['store.passwordFile']);
  });

  it('E4 are not those of a certificate, a CA and an allow-list, but TLS itself can not be taken away', () => {
    const before = configOf(`${MINIMAL}tls: { api: ${TLS} }`);
    const other = configOf(
      `${MINIMAL}tls: { api: { certFile: d, keyFile: l, clientCaFile: ca, clients: [a] } }`,
    );
    expect(restartOnlyChanges(before, other)).toEqual([]);
    expect(restartOnlyChanges(before, BEFORE)).toEqual(['tls.api']);
  });

  it('E4 are those of the TLS to the store', () => {
    const store = (caFile: string) =>
      configOf(MINIMAL.replace('"memory:"', `rediss://a\n  tls: { caFile: ${caFile} }`));
    expect(restartOnlyChanges(store('a'), store('b'))).toEqual(['store.tls.caFile']);
  });
});
