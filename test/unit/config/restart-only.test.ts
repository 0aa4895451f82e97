import { describe, expect, it } from 'vitest';
import { restartOnlyChanges } from '../../../src/config/restart-only.ts';
import { configOf, MINIMAL } from './minimal.ts';

const BEFORE = configOf(MINIMAL);

describe('keys that take a restart', () => {
  it.each([
    ['nothing', MINIMAL, []],
    ['a default that is written out', `${MINIMAL}listen: { ops: ":9090" }`, []],
    [
      'what a running server takes over',
      `${MINIMAL}log: { level: debug }\nsession: { idleTimeout: 1m }\napps: { a: {} }`,
      [],
    ],
    ['a listener', `${MINIMAL}listen: { ops: ":9091" }`, ['listen.ops']],
    [
      'the store',
      MINIMAL.replace('"memory:"', 'redis://a\n  username: b\n  deadline: 5ms'),
      ['store.deadline', 'store.url', 'store.username'],
    ],
  ])('are named where %s changed', (_what, text, changes) => {
    expect(restartOnlyChanges(BEFORE, configOf(text))).toEqual(changes);
  });

  it('are named where one was removed', () => {
    const before = configOf(MINIMAL.replace('"memory:"', '"memory:"\n  passwordFile: x'));
    expect(restartOnlyChanges(before, BEFORE)).toEqual(['store.passwordFile']);
  });
});
