import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateKey, KeyFilesError, listKeys, rotateKeys } from '../../../src/token/key-files.ts';
import { loadKeyRing } from '../../../src/token/signing-keys.ts';

const NOW_MS = 1_900_000_000_000;
const HOUR_MS = 3_600_000;

let parent: string;
let dir: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'key-files-'));
  dir = join(parent, 'keys');
});
afterEach(() => rm(parent, { recursive: true }));

const states = async (nowMs: number) => (await listKeys(dir, nowMs)).map(({ kid, state }) => [kid, state]);

describe('key files', () => {
  it.each(['EdDSA', 'ES256'] as const)(
    'E9 the first key, of %s, signs at once and is named by its thumbprint',
    async (alg) => {
      const made = await generateKey(dir, alg, NOW_MS);
      const jwk = JSON.parse(await readFile(made.path, 'utf8')) as JWK;
      expect(jwk).toMatchObject({ alg, kid: made.kid, nbf: NOW_MS / 1000 });
      expect(made.kid).toBe(await calculateJwkThumbprint(jwk));
      const loaded = await loadKeyRing(dir, NOW_MS);
      expect(loaded.ok && [loaded.ring.signingKey(NOW_MS).kid, loaded.warnings]).toEqual([made.kid, []]);
    },
  );

  it('E9 only the owner can read a key file or its folder, and nothing else is left there', async () => {
    const { path } = await generateKey(dir, 'EdDSA', NOW_MS);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect(await readdir(dir)).toHaveLength(1);
  });

  it('a second first key is refused, also where the key file that is there is broken', async () => {
    await generateKey(dir, 'EdDSA', NOW_MS);
    const refusal = {
      code: 'ERR_KEYS_EXIST',
      message: expect.stringContaining('singlestate keys rotate') as string,
    };
    await expect(generateKey(dir, 'EdDSA', NOW_MS)).rejects.toMatchObject(refusal);
    await rm(dir, { recursive: true });
    await generateKey(dir, 'EdDSA', NOW_MS);
    await writeFile(join(dir, (await readdir(dir))[0] ?? ''), 'broken');
    await expect(generateKey(dir, 'EdDSA', NOW_MS)).rejects.toMatchObject(refusal);
  });

  it('E9 a rotated key waits, then signs, while the old one goes on verifying', async () => {
    const old = await generateKey(dir, 'ES256', NOW_MS);
    const { added, removed } = await rotateKeys({ dir, nowMs: NOW_MS, activateInMs: 60_000 });
    expect([added.alg, added.activeFromMs, removed]).toEqual(['ES256', NOW_MS + 60_000, []]);
    expect(await states(NOW_MS + 59_999)).toEqual([
      [added.kid, 'waiting'],
      [old.kid, 'signing'],
    ]);
    expect(await states(NOW_MS + 60_000)).toEqual([
      [added.kid, 'signing'],
      [old.kid, 'verifying'],
    ]);
  });

  it('E9 keys that were superseded long enough are removed when asked, and no other', async () => {
    const first = await generateKey(dir, 'EdDSA', NOW_MS);
    const rotate = (nowMs: number, removeAfterMs?: number) =>
      rotateKeys({
        dir,
        nowMs,
        activateInMs: 60_000,
        ...(removeAfterMs === undefined ? {} : { removeAfterMs }),
      });
    const second = await rotate(NOW_MS);
    const tooEarly = await rotate(NOW_MS + HOUR_MS + 59_999, HOUR_MS);
    expect(tooEarly.removed).toEqual([]);
    const last = await rotate(NOW_MS + HOUR_MS + 60_000, HOUR_MS);
    expect(last.removed.map(({ kid }) => kid)).toEqual([first.kid]);
    expect((await listKeys(dir, NOW_MS)).map(({ kid }) => kid)).toEqual([
      last.added.kid,
      tooEarly.added.kid,
      second.added.kid,
    ]);
  });

  it('E9 in an emergency a key can be replaced at once', async () => {
    const stolen = await generateKey(dir, 'EdDSA', NOW_MS);
    const { added, removed } = await rotateKeys({
      dir,
      nowMs: NOW_MS + 1000,
      activateInMs: 0,
      removeAfterMs: 0,
    });
    expect(removed.map(({ kid }) => kid)).toEqual([stolen.kid]);
    expect(await states(NOW_MS + 1000)).toEqual([[added.kid, 'signing']]);
  });

  it('the key that signs is never removed, however old', async () => {
    const only = await generateKey(dir, 'EdDSA', NOW_MS);
    const { removed } = await rotateKeys({
      dir,
      nowMs: NOW_MS + 1000 * HOUR_MS,
      activateInMs: 1000,
      removeAfterMs: 0,
    });
    expect(removed).toEqual([]);
    expect((await states(NOW_MS + 1000 * HOUR_MS)).at(-1)).toEqual([only.kid, 'signing']);
  });

  it('a folder with faults is neither rotated nor listed, and all its faults are told', async () => {
    await generateKey(dir, 'EdDSA', NOW_MS);
    await writeFile(join(dir, 'x.json'), '{}');
    await writeFile(join(dir, 'y.json'), '{}');
    const fault = {
      code: 'ERR_KEY_FOLDER',
      message: expect.stringMatching(/x\.json: .*\n.*y\.json: /) as string,
    };
    await expect(rotateKeys({ dir, nowMs: NOW_MS, activateInMs: 0 })).rejects.toMatchObject(fault);
    await expect(listKeys(dir, NOW_MS)).rejects.toMatchObject(fault);
    expect(await readdir(dir)).toHaveLength(3);
  });

  it('a folder that cannot be made is an error with its path', async () => {
    await writeFile(dir, 'a file');
    const made = generateKey(dir, 'EdDSA', NOW_MS);
    await expect(made).rejects.toThrow(KeyFilesError);
    await expect(made).rejects.toMatchObject({
      code: 'ERR_KEY_FILE',
      message: expect.stringContaining(dir) as string,
    });
  });
});
