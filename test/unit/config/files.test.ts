import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problemOf, readConfigFile, readSecretFile } from '../../../src/config/files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function fileOf(content: string | Uint8Array): Promise<string> {
  const file = join(folder, 'file');
  await writeFile(file, content);
  return file;
}

describe('a secret file', () => {
  it.each([
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    [' hunter 2 ', ' hunter 2 '],
    ['pä$${X}', 'pä$${X}'],
  ])('with %j holds %j', async (content, text) => {
    expect(await readSecretFile(await fileOf(content))).toEqual({ ok: true, text });
  });

  it.each([
    ['', 'is empty: it must hold the secret'],
    ['\n', 'is empty: it must hold the secret'],
    ['hunter2\n\n', 'has more than one line: it must hold the secret alone'],
    ['user\nhunter2', 'has more than one line: it must hold the secret alone'],
    [Uint8Array.of(0xff, 0xfe), 'is not UTF-8 text'],
    ['x'.repeat(64 * 1024 + 1), 'is larger than 65536 bytes'],
  ])('with %j is refused, and not repeated', async (content, problem) => {
    expect(await readSecretFile(await fileOf(content))).toEqual({ ok: false, problem });
  });
});

describe('a file that can not be read', () => {
  it.each([
    ['missing', 'does not exist'],
    ['file/below', 'does not exist: a part of its path is not a folder'],
    ['.', 'is not a file'],
    ['loop', 'is a symbolic link that leads to itself'],
    ['/proc/self/mem', "can't be read (EIO)"],
  ])('such as %s says why', async (name, problem) => {
    await fileOf('x');
    await symlink('loop', join(folder, 'loop'));
    const file = name.startsWith('/') ? name : join(folder, name);
    expect(await readConfigFile(file)).toEqual({ ok: false, problem });
  });
});

describe('what the configuration names', () => {
  it('is looked at as what it has to be', async () => {
    const location = await fileOf('hunter2');
    const path = ['x'];
    expect(await problemOf({ path, kind: 'file', location })).toBeUndefined();
    expect(await problemOf({ path, kind: 'secret', location })).toBeUndefined();
    expect(await problemOf({ path, kind: 'folder', location })).toBe('is not a folder');
    expect(await problemOf({ path, kind: 'folder', location: folder })).toBeUndefined();
    expect(await problemOf({ path, kind: 'file', location: folder })).toBe('is not a file');
    expect(await problemOf({ path, kind: 'secret', location: folder })).toBe('is not a file');
    expect(await problemOf({ path, kind: 'folder', location: join(folder, 'missing') })).toBe(
      'does not exist',
    );
  });

  it('may be reached through symbolic links, as on Kubernetes', async () => {
    await mkdir(join(folder, '..2026'));
    await writeFile(join(folder, '..2026', 'password'), 'hunter2');
    await symlink('..2026', join(folder, '..data'));
    await symlink('..data/password', join(folder, 'password'));
    expect(await readSecretFile(join(folder, 'password'))).toEqual({ ok: true, text: 'hunter2' });
  });
});
