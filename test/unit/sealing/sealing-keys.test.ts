import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSealingJwk, generateSealingKey } from '../../../src/sealing/key-files.ts';
import { parseSealingJwk } from '../../../src/sealing/sealing-jwk.ts';
import { loadSealingRing } from '../../../src/sealing/sealing-keys.ts';
import { createSigningJwk } from '../../../src/token/key-files.ts';
import { publicJwk } from '../../../src/token/jwks.ts';

const NOW_MS = 1_900_000_000_000;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sealing-keys-'));
});
afterEach(() => rm(dir, { recursive: true }));

const put = (name: string, jwk: object) => writeFile(join(dir, name), JSON.stringify(jwk), { mode: 0o600 });

async function ring() {
  const loaded = await loadSealingRing(dir, NOW_MS);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  expect(loaded.warnings).toEqual([]);
  return loaded.ring;
}

describe('E5 a folder of sealing keys', () => {
  it('is a ring whose newest active key seals, and every key unseals', async () => {
    const [old, current, waiting] = [-2000, -1000, 1000].map((offset) => createSealingJwk(NOW_MS + offset));
    await put('a.json', waiting ?? {});
    await put('b.jwk', old ?? {});
    await put('c.json', current ?? {});
    const loaded = await ring();
    expect([0, 999, 1000].map((later) => loaded.sealingKey(NOW_MS + later).kid)).toEqual([
      current?.kid,
      current?.kid,
      waiting?.kid,
    ]);
    for (const key of [old, current, waiting])
      expect(loaded.unsealingKey(key?.kid ?? '')?.alg).toBe('A256GCM');
    expect(loaded.unsealingKey('other')).toBeUndefined();
  });

  it('gives a clock that runs behind every key one that all replicas have', async () => {
    const [old, newer] = [createSealingJwk(NOW_MS - 1000), createSealingJwk(NOW_MS)];
    await put('a.json', newer);
    await put('b.json', old);
    expect((await ring()).sealingKey(0).kid).toBe(old.kid);
  });

  it('takes what `keys generate --use enc` makes, whose name tells nothing of the key', async () => {
    const made = await generateSealingKey(dir, NOW_MS);
    const file = JSON.parse(await readFile(made.path, 'utf8')) as Record<string, unknown>;
    expect(file).toEqual({
      kty: 'oct',
      k: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
      kid: made.kid,
      alg: 'A256GCM',
      use: 'enc',
      nbf: NOW_MS / 1000,
    });
    expect((await ring()).sealingKey(NOW_MS).kid).toBe(made.kid);
    await rm(made.path);
    const again = await generateSealingKey(dir, NOW_MS);
    expect(again.kid).not.toBe(made.kid);
  });

  it('names a signing key, and what would be right', async () => {
    await put('a.json', { ...(await createSigningJwk('ES256', 0)) });
    expect(await loadSealingRing(dir, NOW_MS)).toEqual({
      ok: false,
      problems: [
        `${dir}/a.json: is a signing key (--use sig); sealing.keysDir wants sealing keys, made with "singlestate keys generate --use enc"`,
      ],
    });
  });
});

describe('E5 a key that is not fit to seal is refused', async () => {
  const good = { ...createSealingJwk(0) };
  const ed = await createSigningJwk('EdDSA', 0);
  const without = (name: keyof typeof good) =>
    Object.fromEntries(Object.entries(good).filter(([member]) => member !== name));
  /** The last of 43 characters has two unused bits. */
  const otherSpelling = good.k.slice(0, -1) + 'B';

  const CASES: [what: string, text: string | object, problem: RegExp][] = [
    ['a signing key', { ...ed }, /^is a signing key/],
    ['a public key', publicJwk(ed), /^is a public key/],
    ['an RSA key', { ...good, kty: 'RSA' }, /^has no "kty"/],
    ['no kty', without('kty'), /^has no "kty"/],
    ['no k', without('k'), /^has no valid "k"/],
    ['a k of 128 bits', { ...good, k: good.k.slice(0, 22) }, /^has no valid "k"/],
    ['a k of 264 bits', { ...good, k: `${good.k}A` }, /^has no valid "k"/],
    ['a k in another spelling', { ...good, k: otherSpelling }, /^has no valid "k"/],
    ['a k with padding', { ...good, k: `${good.k}=` }, /^has no valid "k"/],
    ['a k in base64', { ...good, k: `+/${good.k.slice(2)}` }, /^has no valid "k"/],
    ['a k that is a number', { ...good, k: 7 }, /^has no valid "k"/],
    ['no alg', without('alg'), /^has an "alg" other than "A256GCM"/],
    ['an alg for signatures', { ...good, alg: 'HS256' }, /^has an "alg" other/],
    ['an alg for other keys', { ...good, alg: 'A256GCMKW' }, /^has an "alg" other/],
    ['no use', without('use'), /^has a "use" other than "enc"/],
    ['a use for signatures', { ...good, use: 'sig' }, /^has a "use" other than "enc"/],
    ['no kid', without('kid'), /^has no valid "kid"/],
    ['a kid with a dot', { ...good, kid: 'a.b' }, /^has no valid "kid"/],
    ['a kid with a line break', { ...good, kid: 'a\n' }, /^has no valid "kid"/],
    ['a kid that is too long', { ...good, kid: 'k'.repeat(129) }, /^has no valid "kid"/],
    ['an nbf that is text', { ...good, nbf: '0' }, /^has an "nbf"/],
    ['another member', { ...good, key_ops: ['encrypt'] }, /^has a member that is none of kty, k, /],
    ['a member of objects', `{"__proto__":{},${JSON.stringify(good).slice(1)}`, /^has a member that is none/],
    ['a k twice', `{"k":"${good.k}",${JSON.stringify(good).slice(1)}`, /^has a member twice/],
    ['a kid in escapes', JSON.stringify(good).replace('"kid"', '"k\\u0069d"'), /^has a member twice, or/],
    [
      'an nbf in another spelling',
      JSON.stringify(good).replace(/"nbf":0/, '"nbf":0.0'),
      /^has a member twice, or/,
    ],
    ['a set of keys', { keys: [good] }, /^is a JWK Set/],
    ['a list', [good], /^is not a JSON object/],
    ['two keys', JSON.stringify(good).repeat(2), /^is not JSON/],
    ['nothing', '', /^is not JSON/],
  ];

  it.each(CASES)('%s', (_what, content, problem) => {
    const parsed = parseSealingJwk(typeof content === 'string' ? content : JSON.stringify(content));
    expect(parsed).toEqual({ ok: false, problems: [expect.stringMatching(problem) as string] });
    expect(JSON.stringify(parsed)).not.toContain(good.k.slice(0, 20));
  });

  it('all faults of one key are told at once', () => {
    const parsed = parseSealingJwk('{"kty":"oct","nbf":-1,"x":1}');
    expect(parsed.ok ? [] : parsed.problems).toHaveLength(6);
  });

  it.each([
    ['without nbf', without('nbf')],
    ['in any order', Object.fromEntries(Object.entries(good).reverse())],
  ])('but a key %s is taken', (_what, jwk) => {
    expect(parseSealingJwk(JSON.stringify(jwk, undefined, '\t'))).toEqual({ ok: true, jwk });
  });
});
