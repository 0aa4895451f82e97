import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  generateKeyFile,
  KeyFilesError,
  listKeyFiles,
  rotateKeyFiles,
  type RotationRequest,
} from '../../../src/keys/key-files.ts';
import type { KeyKind } from '../../../src/keys/key-kind.ts';
import { SEALING_KEYS } from '../../../src/sealing/key-files.ts';
import { SIGNING_KEYS } from '../../../src/token/key-files.ts';

const NOW_MS = 1_900_000_000_000;
const HOUR_MS = 3_600_000;

let parent: string;
let dir: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'key-files-'));
  dir = join(parent, 'keys');
});
afterEach(() => rm(parent, { recursive: true }));

describe.each<[what: string, rows: string, kind: KeyKind<unknown>]>([
  ['signing', 'E9', SIGNING_KEYS],
  ['sealing', 'E5', SEALING_KEYS],
])('the files of %s keys', (_what, row, kind) => {
  const generate = () => generateKeyFile(kind, { dir, alg: kind.algs[0], nowMs: NOW_MS });
  const rotate = (request: Omit<RotationRequest, 'dir'>) => rotateKeyFiles(kind, { dir, ...request });
  const states = async (nowMs: number) =>
    (await listKeyFiles(kind, dir, nowMs)).map(({ kid, state }) => [kid, state]);

  it.each(kind.algs)(`${row} the first key, for %s, is in use at once`, async (alg) => {
    const made = await generateKeyFile(kind, { dir, alg, nowMs: NOW_MS });
    expect(made).toMatchObject({ alg, activeFromMs: NOW_MS, path: join(dir, `key-${made.kid}.json`) });
    expect(await states(NOW_MS)).toEqual([[made.kid, 'active']]);
    const jwk = JSON.parse(await readFile(made.path, 'utf8')) as unknown;
    expect(jwk).toMatchObject({ alg, kid: made.kid, nbf: NOW_MS / 1000 });
  });

  it(`${row} only the owner can read a key file or its folder, and nothing else is left there`, async () => {
    const { path } = await generate();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect(await readdir(dir)).toHaveLength(1);
  });

  it('a second first key is refused, also where the key file that is there is broken', async () => {
    const { path } = await generate();
    const use = kind.use === 'sig' ? '' : '--use enc ';
    const refusal = {
      code: 'ERR_KEYS_EXIST',
      message: `${dir}: holds keys; add one with "singlestate keys rotate ${use}--dir ${dir}"`,
    };
    await expect(generate()).rejects.toMatchObject(refusal);
    await writeFile(path, 'broken');
    await expect(generate()).rejects.toMatchObject(refusal);
  });

  it(`${row} a rotated key waits, then takes over, while the old one stays`, async () => {
    const old = await generate();
    const { added, removed } = await rotate({ nowMs: NOW_MS, activateInMs: 60_000 });
    expect([added.alg, added.activeFromMs, removed]).toEqual([old.alg, NOW_MS + 60_000, []]);
    expect(await states(NOW_MS + 59_999)).toEqual([
      [added.kid, 'waiting'],
      [old.kid, 'active'],
    ]);
    expect(await states(NOW_MS + 60_000)).toEqual([
      [added.kid, 'active'],
      [old.kid, 'superseded'],
    ]);
  });

  it(`${row} keys that were superseded long enough are removed when asked, and no other`, async () => {
    const activateInMs = 60_000;
    const first = await generate();
    const second = await rotate({ nowMs: NOW_MS, activateInMs });
    const early = await rotate({
      nowMs: NOW_MS + HOUR_MS + 59_999,
      activateInMs,
      removeAfterMs: HOUR_MS,
    });
    expect(early.removed).toEqual([]);
    const last = await rotate({ nowMs: NOW_MS + HOUR_MS + 60_000, activateInMs, removeAfterMs: HOUR_MS });
    expect(last.removed.map(({ kid }) => kid)).toEqual([first.kid]);
    const left = (await listKeyFiles(kind, dir, NOW_MS)).map(({ kid }) => kid);
    expect(left).toEqual([last.added.kid, early.added.kid, second.added.kid]);
  });

  it(`${row} in an emergency a key can be replaced at once`, async () => {
    const stolen = await generate();
    const { added, removed } = await rotate({ nowMs: NOW_MS + 1000, activateInMs: 0, removeAfterMs: 0 });
    expect(removed.map(({ kid }) => kid)).toEqual([stolen.kid]);
    expect(await states(NOW_MS + 1000)).toEqual([[added.kid, 'active']]);
  });

  it(`${row} of keys made in one second the last one is used, from the next second on`, async () => {
    await generate();
    for (const afterMs of [1000, 2000, 3000]) {
      const { added, removed } = await rotate({ nowMs: NOW_MS + 999, activateInMs: 0, removeAfterMs: 0 });
      expect([added.activeFromMs, removed]).toEqual([NOW_MS + afterMs, []]);
      expect((await states(NOW_MS + afterMs))[0]).toEqual([added.kid, 'active']);
    }
  });

  it('the key in use is never removed, however old', async () => {
    const only = await generate();
    const later = NOW_MS + 1000 * HOUR_MS;
    const { removed } = await rotate({ nowMs: later, activateInMs: 1000, removeAfterMs: 0 });
    expect(removed).toEqual([]);
    expect((await states(later)).at(-1)).toEqual([only.kid, 'active']);
  });

  it('a folder with faults is neither rotated nor listed, and all its faults are told', async () => {
    await generate();
    await writeFile(join(dir, 'x.json'), '{}');
    await writeFile(join(dir, 'y.json'), '{}');
    const fault = {
      code: 'ERR_KEY_FOLDER',
      message: expect.stringMatching(/x\.json: .*\n.*y\.json: /) as string,
    };
    await expect(rotate({ nowMs: NOW_MS, activateInMs: 0 })).rejects.toMatchObject(fault);
    await expect(states(NOW_MS)).rejects.toMatchObject(fault);
    expect(await readdir(dir)).toHaveLength(3);
  });

  it('a folder of the other kind is left as it is', async () => {
    const other: KeyKind<unknown> = kind.use === 'sig' ? SEALING_KEYS : SIGNING_KEYS;
    await generateKeyFile(other, { dir, alg: other.algs[0], nowMs: NOW_MS });
    await expect(rotate({ nowMs: NOW_MS, activateInMs: 0 })).rejects.toMatchObject({
      code: 'ERR_KEY_FOLDER',
      message: expect.stringMatching(
        /key-\S+\.json: is a s\w+ing key \(--use \w+\); \w+\.keysDir wants /,
      ) as string,
    });
    expect(await readdir(dir)).toHaveLength(1);
  });

  it('a folder that cannot be made is an error with its path', async () => {
    await writeFile(dir, 'a file');
    const made = generate();
    await expect(made).rejects.toThrow(KeyFilesError);
    await expect(made).rejects.toMatchObject({
      code: 'ERR_KEY_FILE',
      message: expect.stringContaining(dir) as string,
    });
  });
});
