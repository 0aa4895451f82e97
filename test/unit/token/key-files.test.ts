import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateKey, rotateKeys } from '../../../src/token/key-files.ts';
import { loadKeyRing } from '../../../src/token/signing-keys.ts';

const NOW_MS = 1_900_000_000_000;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'signing-key-files-'));
});
afterEach(() => rm(dir, { recursive: true }));

const ringAt = async (nowMs: number) => {
  const loaded = await loadKeyRing(dir, nowMs);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  expect(loaded.warnings).toEqual([]);
  return loaded.ring;
};

describe('key files that sign', () => {
  it.each(['EdDSA', 'ES256'] as const)('E9 a key for %s is named by its thumbprint', async (alg) => {
    const made = await generateKey(dir, alg, NOW_MS);
    const jwk = JSON.parse(await readFile(made.path, 'utf8')) as JWK;
    expect(made.kid).toBe(await calculateJwkThumbprint(jwk));
    expect((await ringAt(NOW_MS)).signingKey(NOW_MS)).toMatchObject({ kid: made.kid, alg });
  });

  it('E9 a rotated key signs once it is active, and the old one goes on verifying', async () => {
    const old = await generateKey(dir, 'ES256', NOW_MS);
    const { added } = await rotateKeys({ dir, alg: 'EdDSA', nowMs: NOW_MS, activateInMs: 60_000 });
    const ring = await ringAt(NOW_MS);
    expect(ring.signingKey(NOW_MS + 59_999).kid).toBe(old.kid);
    expect(ring.signingKey(NOW_MS + 60_000)).toMatchObject({ kid: added.kid, alg: 'EdDSA' });
    expect(ring.verificationKey(old.kid)?.alg).toBe('ES256');
  });
});
