import { expect, test } from 'vitest';
import { unsealedText } from '../../../src/sealing/sealer.ts';
import { createRedisStore } from '../../../src/session/redis-store.ts';

const AUDIT = { maxEntries: 1_000, maxAgeMs: 3_600_000 };

test.each([
  'http://127.0.0.1:6379',
  'rediss://user:secret@127.0.0.1:6379',
  'redis://',
  'redis:127.0.0.1',
  'redis://user:secret@127.0.0.1:6379',
  'redis://127.0.0.1:6379/sessions',
  'redis://127.0.0.1:6379/0/1',
  'redis://127.0.0.1:6379?enableOfflineQueue=true',
  'redis://127.0.0.1:6379#0',
  'not a url',
])('the store URL %s is refused, in words that do not repeat it', (url) => {
  const open = () =>
    createRedisStore({ url, deadlineMs: 50, keyPrefix: '', sealer: () => unsealedText, audit: () => AUDIT });
  expect(open).toThrow(TypeError);
  expect(open).not.toThrow(/secret/);
});
