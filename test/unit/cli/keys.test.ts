import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keysCommand } from '../../../src/cli/keys.ts';
import { createClusterSecrets } from '../../../src/keys/cluster-secrets.ts';

/** What the commands have outside of a pod. */
const NO_CLUSTER = createClusterSecrets({ host: undefined, port: undefined, accountDir: '/nowhere' });
let nowMs: number;
let dir: string;
beforeEach(async () => {
  nowMs = Date.UTC(2030, 0, 1);
  dir = await mkdtemp(join(tmpdir(), 'keys-command-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function run(...args: string[]): Promise<string> {
  let output = '';
  const command = keysCommand({
    write: (text) => (output += text),
    nowMs: () => nowMs,
    secrets: NO_CLUSTER,
  });
  for (const one of [command, ...command.commands])
    one.exitOverride().configureOutput({ writeErr: () => undefined });
  await command.parseAsync([...args, '--dir', dir], { from: 'user' });
  return output;
}

describe('singlestate keys', () => {
  it('E9 generates, rotates and lists, without ever printing a private key', async () => {
    const generated = await run('generate');
    expect(generated).toMatch(
      /^generated {2}\S{43} {2}EdDSA {2}active from 2030-01-01T00:00:00\.000Z {2}\/.*\.json\n$/,
    );
    const rotated = await run('rotate', '--alg', 'ES256', '--activate-in', '10m');
    expect(rotated).toMatch(/^generated {2}\S{43} {2}ES256 {2}active from 2030-01-01T00:10:00\.000Z/);
    const listed = await run('list');
    expect(listed.split('\n').map((line) => line.split(' ')[0])).toEqual(['waiting', 'signing', '']);
    const { d } = JSON.parse(await readFile(generated.trim().split('  ').at(-1) ?? '', 'utf8')) as {
      d: string;
    };
    expect(generated + rotated + listed).not.toContain(d);
  });

  it('E5 does the same to sealing keys, and says so', async () => {
    const generated = await run('generate', '--use', 'enc');
    expect(generated).toMatch(
      /^generated {2}\S{12} {2}A256GCM {2}active from 2030-01-01T00:00:00\.000Z {2}\/.*\.json\n$/,
    );
    nowMs += 1000;
    const rotated = await run('rotate', '--use', 'enc', '--activate-in', '0s');
    const waiting = await run('rotate', '--use', 'enc');
    const listed = await run('list', '--use', 'enc');
    const states = listed.split('\n').map((line) => line.split(' ')[0]);
    expect(states).toEqual(['waiting', 'sealing', 'unsealing', '']);
    const { k } = JSON.parse(await readFile(generated.trim().split('  ').at(-1) ?? '', 'utf8')) as {
      k: string;
    };
    expect(generated + rotated + waiting + listed).not.toContain(k);
  });

  it('refuses a folder of the other kind, and names the flag for it', async () => {
    await run('generate', '--use', 'enc');
    for (const verb of ['rotate', 'list']) {
      await expect(run(verb)).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringContaining('is a sealing key (--use enc)') as string,
      });
    }
  });

  it('E9 a new key waits for five minutes unless told otherwise', async () => {
    await run('generate');
    expect(await run('rotate')).toContain('active from 2030-01-01T00:05:00.000Z');
  });

  it('tells what it removed', async () => {
    await run('generate');
    nowMs += 1000;
    expect(await run('rotate', '--activate-in', '0s', '--remove-after', '0s')).toMatch(
      /^generated .*\nremoved {4}.*\n$/,
    );
  });

  it.each([
    ['an unknown algorithm', ['generate', '--alg', 'RS256'], 1, 'Allowed choices are EdDSA, ES256, A256GCM'],
    ['an unknown use', ['generate', '--use', 'sign'], 1, 'Allowed choices are sig, enc'],
    [
      'an algorithm for the other use',
      ['generate', '--use', 'enc', '--alg', 'ES256'],
      2,
      '--alg ES256 does not go with --use enc: it must be A256GCM',
    ],
    ['a duration without a unit', ['rotate', '--activate-in', '10'], 1, 'a whole number with a unit'],
    ['a duration that is too long', ['rotate', '--activate-in', '366d'], 1, 'up to "365d"'],
    ['a folder without keys', ['list'], 2, 'singlestate keys generate'],
  ])('%s fails and says what would be right', async (_, args, exitCode, message) => {
    await expect(run(...args)).rejects.toMatchObject({
      exitCode,
      message: expect.stringContaining(message) as string,
    });
  });

  it('a folder that has keys is not given a first one', async () => {
    await run('generate');
    const refusal = { exitCode: 1, message: expect.stringContaining('singlestate keys rotate') as string };
    await expect(run('generate')).rejects.toMatchObject(refusal);
  });
});
