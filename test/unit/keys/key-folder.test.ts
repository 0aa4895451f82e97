import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadKeyFolder } from '../../../src/keys/key-folder.ts';
import type { KeyKind } from '../../../src/keys/key-kind.ts';
import { SEALING_KEYS } from '../../../src/sealing/key-files.ts';
import { SIGNING_KEYS } from '../../../src/token/key-files.ts';

const NOW_MS = 1_900_000_000_000;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'key-folder-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function put(name: string, content: unknown): Promise<void> {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  await writeFile(join(dir, name), text, { mode: 0o600 });
}

describe.each<[what: string, row: string, kind: KeyKind<unknown>]>([
  ['signing', 'E9', SIGNING_KEYS],
  ['sealing', 'E5', SEALING_KEYS],
])('a folder of %s keys', (_what, row, kind) => {
  const created = (activeFromMs: number) => kind.create(kind.algs[0], activeFromMs);
  const loaded = () => loadKeyFolder(kind, dir, NOW_MS);

  async function problems(): Promise<readonly string[]> {
    const folder = await loaded();
    expect(folder.ok).toBe(false);
    return folder.ok ? [] : folder.problems;
  }

  it(`${row} is read newest first, whatever the names of its files`, async () => {
    const [old, current, waiting] = await Promise.all(
      [-2000, -1000, 1000].map((offset) => created(NOW_MS + offset)),
    );
    await put('a.json', waiting);
    await put('b.jwk', old);
    await put('c.json', current);
    const folder = await loaded();
    expect(folder.ok && folder.files.map(({ kid, activeFromMs }) => [kid, activeFromMs - NOW_MS])).toEqual([
      [waiting?.kid, 1000],
      [current?.kid, -1000],
      [old?.kid, -2000],
    ]);
  });

  it(`${row} sorts keys of one second by kid, so that all replicas agree`, async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => created(NOW_MS)));
    for (const [index, key] of keys.entries()) await put(`${index}.json`, key);
    const folder = await loaded();
    const kids = keys.map(({ kid }) => kid).sort((a, b) => (a < b ? 1 : -1));
    expect(folder.ok && folder.files.map(({ kid }) => kid)).toEqual(kids);
  });

  it('leaves files that are no key files, and hidden ones, alone', async () => {
    await put('a.json', await created(0));
    await put('README.md', 'keys');
    await put('.draft.json', 'half a');
    await put('..2030_01.json', 'a generation of a Kubernetes Secret');
    expect((await loaded()).ok).toBe(true);
  });

  it('that is empty is a fault that names the command which fills it', async () => {
    const use = kind.use === 'sig' ? '' : '--use enc ';
    expect(await problems()).toEqual([
      `${dir}: holds no *.json or *.jwk file; make a key with "singlestate keys generate ${use}--dir ${dir}"`,
    ]);
  });

  it('that is not there is a fault', async () => {
    await rm(dir, { recursive: true });
    expect(await problems()).toEqual([
      `${dir}: can't be read (ENOENT); it must be a folder of private JWK files`,
    ]);
    await mkdir(dir);
  });

  it('whose keys are all in the future is a fault', async () => {
    await put('a.json', await created(NOW_MS + 60_000));
    expect(await problems()).toEqual([expect.stringContaining('no key is active yet')]);
  });

  it(`${row} refuses a file that every user can write, and warns of one that every user can read`, async () => {
    await put('a.json', await created(0));
    await chmod(join(dir, 'a.json'), 0o644);
    const readable = await loaded();
    expect(readable.ok && readable.warnings).toEqual([
      `${dir}/a.json: can be read by every user of this machine; "chmod 600" it`,
    ]);
    await chmod(join(dir, 'a.json'), 0o602);
    expect(await problems()).toEqual([
      `${dir}/a.json: can be written by every user of this machine; "chmod 600" it`,
    ]);
  });

  it('with one kid in two files is a fault that names both', async () => {
    const key = await created(0);
    await put('a.json', key);
    await put('b.json', { ...(await created(0)), kid: key.kid });
    expect(await problems()).toEqual([
      `${dir}/b.json: has the same "kid" as ${dir}/a.json; each key needs its own`,
    ]);
  });

  it('is told all its faults at once', async () => {
    await put('a.json', 'no JSON');
    await put('b.json', await created(0));
    await mkdir(join(dir, 'c.json'));
    await put('d.json', { ...(await created(0)), kid: '', alg: 'none', nbf: -1 });
    await put('e.json', 'x'.repeat(20_000));
    expect(await problems()).toEqual([
      expect.stringContaining('a.json: is not JSON'),
      expect.stringContaining("c.json: can't be read (EISDIR)"),
      expect.stringContaining('d.json: has an "alg"'),
      expect.stringContaining('d.json: has no valid "kid"'),
      expect.stringContaining('d.json: has an "nbf"'),
      expect.stringContaining('e.json: is larger than any JWK'),
    ]);
  });

  it.each([1.5, -1, 1e15, '2030-01-01', null])(`${row} has no key with an nbf of %j`, async (nbf) => {
    await put('a.json', { ...(await created(0)), nbf });
    expect(await problems()).toEqual([
      `${dir}/a.json: has an "nbf" that is not a time in whole Unix seconds`,
    ]);
  });
});
