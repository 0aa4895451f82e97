import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSealingJwk } from '../../../src/sealing/key-files.ts';
import { createSigningJwk } from '../../../src/token/key-files.ts';
import { loadKeyRing, type LoadedKeyRing } from '../../../src/token/signing-keys.ts';

const NOW_MS = 1_900_000_000_000;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keys-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function put(name: string, content: unknown): Promise<void> {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  await writeFile(join(dir, name), text, { mode: 0o600 });
}

function ringOf(loaded: LoadedKeyRing) {
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded.ring;
}

function without(jwk: object, name: string): object {
  return Object.fromEntries(Object.entries(jwk).filter(([key]) => key !== name));
}

async function problemsOf(): Promise<readonly string[]> {
  const loaded = await loadKeyRing(dir, NOW_MS);
  expect(loaded.ok).toBe(false);
  return loaded.ok ? [] : loaded.problems;
}

describe('a folder of keys', () => {
  it('E9 the newest active key signs, and every key verifies', async () => {
    const [old, current, waiting] = await Promise.all(
      [-2000, -1000, 1000].map((offset) => createSigningJwk('EdDSA', NOW_MS + offset)),
    );
    await put('a.json', waiting);
    await put('b.jwk', old);
    await put('c.json', current);
    const ring = ringOf(await loadKeyRing(dir, NOW_MS));
    expect(ring.signingKey(NOW_MS).kid).toBe(current?.kid);
    expect(ring.signingKey(NOW_MS + 999).kid).toBe(current?.kid);
    expect(ring.signingKey(NOW_MS + 1000).kid).toBe(waiting?.kid);
    for (const key of [old, current, waiting])
      expect(ring.verificationKey(key?.kid ?? '')?.alg).toBe('EdDSA');
    expect(ring.verificationKey('other')).toBeUndefined();
    expect(ring.publicJwks.keys.map(({ kid }) => kid)).toEqual([waiting?.kid, current?.kid, old?.kid]);
  });

  it('E9 a key without nbf is older than any other', async () => {
    const [always, dated] = await Promise.all([
      createSigningJwk('ES256', 0),
      createSigningJwk('EdDSA', 1000),
    ]);
    await put('always.json', without(always, 'nbf'));
    expect(ringOf(await loadKeyRing(dir, NOW_MS)).signingKey(NOW_MS).kid).toBe(always.kid);
    await put('dated.json', dated);
    expect(ringOf(await loadKeyRing(dir, NOW_MS)).signingKey(NOW_MS).kid).toBe(dated.kid);
  });

  it('E9 a clock that runs behind every key still gets a key that all replicas know', async () => {
    const key = await createSigningJwk('EdDSA', NOW_MS);
    await put('a.json', key);
    expect(ringOf(await loadKeyRing(dir, NOW_MS)).signingKey(0).kid).toBe(key.kid);
  });
});

describe('E9 a key that is not fit to sign is refused', async () => {
  const ed = { ...(await createSigningJwk('EdDSA', 0)) };
  const ec = { ...(await createSigningJwk('ES256', 0)) };
  const otherEd = await createSigningJwk('EdDSA', 0);
  const otherEc = await createSigningJwk('ES256', 0);
  const rsa = await exportJWK((await generateKeyPair('RS256', { extractable: true })).privateKey);
  const p384 = await exportJWK((await generateKeyPair('ES384', { extractable: true })).privateKey);
  it.each([
    ['a symmetric key', { kty: 'oct', k: 'c2VjcmV0', kid: 'a', alg: 'HS256' }, 'symmetric'],
    ['an RSA key', { ...rsa, kid: 'a', alg: 'RS256' }, 'RSA'],
    ['another curve', { ...p384, kid: 'a', alg: 'ES384' }, '"crv"'],
    ['an unknown kty', { ...ed, kty: 'XYZ' }, '"kty"'],
    ['no alg', without(ed, 'alg'), 'put "alg": "EdDSA"'],
    ['no alg on P-256', without(ec, 'alg'), 'put "alg": "ES256"'],
    ['alg none', { ...ed, alg: 'none' }, 'must be "EdDSA"'],
    ['the alg of another curve', { ...ec, alg: 'EdDSA' }, 'must be "ES256"'],
    ['a public key', without(ed, 'd'), 'public key'],
    ['no kid', without(ed, 'kid'), '"kid"'],
    ['a kid with a line break', { ...ed, kid: 'a\nb' }, '"kid"'],
    ['a kid that is a number', { ...ed, kid: 7 }, '"kid"'],
    ['a kid that is too long', { ...ed, kid: 'k'.repeat(129) }, '"kid"'],
    ['no y on P-256', without(ec, 'y'), 'no valid "y"'],
    ['a d of another length', { ...ed, d: 'AAAA' }, 'no valid "d"'],
    ["another key's x", { ...ed, x: otherEd.x }, 'does not belong'],
    ["another key's point", { ...ec, x: otherEc.x, y: otherEc.y }, 'does not belong'],
    [
      'a sealing key',
      { ...createSealingJwk(0) },
      'is a sealing key (--use enc); token.keysDir wants signing keys, made with "singlestate keys generate"',
    ],
    ['a key for encryption', { ...ed, use: 'enc' }, '"use"'],
    ['a key that may only verify', { ...ed, key_ops: ['verify'] }, '"key_ops"'],
    ['an nbf that is text', { ...ed, nbf: '2030-01-01' }, '"nbf"'],
    ['an nbf that no clock reaches', { ...ed, nbf: 1e15 }, '"nbf"'],
    ['a set of keys', { keys: [ed] }, 'JWK Set'],
    ['a list', [ed], 'not a JSON object'],
    ['null', 'null', 'not a JSON object'],
    ['a PEM', '-----BEGIN PRIVATE KEY-----', 'not JSON'],
  ])('%s', async (_, content, problem) => {
    await put('key.json', content);
    const problems = await problemsOf();
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems[0]).toMatch(/\/key\.json: /);
    for (const secret of [ed.d, ec.d, rsa.d, p384.d, 'c2VjcmV0', 'PRIVATE'])
      expect(problems[0]).not.toContain(secret);
  });

  it('broken JSON is not quoted, since it may be a private key', async () => {
    await put('key.json', JSON.stringify(ed).slice(0, -1));
    expect((await problemsOf()).join()).not.toContain(ed.d.slice(0, 8));
  });
});
