import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfigCommand } from '../../../src/cli/check-config.ts';
import { createSigningJwk, generateKey } from '../../../src/token/key-files.ts';
import { publicJwk } from '../../../src/token/jwks.ts';

const GOOD = `store:
  url: "memory:"
  passwordFile: password
token:
  issuer: https://sessions.example.com
  keysDir: keys
operators:
  - { name: a, issuer: a, subject: a, audience: a, jwksFile: jwks.json }
apps: { billing: {} }
routes:
  - match: { path: "/a/{id}" }
    app: billing
    require: { all: ["a:read"] }
  - match: { path: /b }
    require: { public: true }
`;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'check-config-'));
  file = join(folder, 'config.yaml');
  await generateKey(join(folder, 'keys'), 'EdDSA', Date.now());
  await writeFile(join(folder, 'password'), 'hunter2\n');
  const operatorKey = publicJwk(await createSigningJwk('EdDSA', 0));
  await writeFile(join(folder, 'jwks.json'), JSON.stringify({ keys: [operatorKey] }));
});
afterEach(() => rm(folder, { recursive: true }));

/** What the command prints about a text, with the folder's name left out. */
async function check(text: string): Promise<string> {
  await writeFile(file, text);
  return (await run()).replaceAll(`${folder}/`, '');
}

/** What the command prints about the file as it is. */
async function run(): Promise<string> {
  let out = '';
  const command = checkConfigCommand({ env: {}, write: (text) => (out += text) });
  await command.parseAsync([file], { from: 'user' }).catch(() => undefined);
  return out;
}

describe('check-config', () => {
  it('says in one line that all is well, and of how much', async () => {
    expect(await check(GOOD)).toBe('config.yaml: ok, 2 routes, 1 app\n');
  });

  it('names files and folders that are not there or not what they must be, with the lines that name them', async () => {
    await writeFile(join(folder, 'password'), '');
    await rm(join(folder, 'jwks.json'));
    expect(await check(GOOD.replace('keysDir: keys', 'keysDir: password'))).toBe(
      `config.yaml:3:17 store.passwordFile: password is empty: it must hold the secret
config.yaml:6:12 token.keysDir: password is not a folder
config.yaml:8:62 operators[0].jwksFile: jwks.json does not exist
3 problems
`,
    );
  });

  it('names what the route table finds, with its line', async () => {
    const lines = (
      await check(GOOD.replace('/b', '"/a/{other}"').replace('public: true', 'any: ["a:read"]'))
    ).split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^config\.yaml:14:\d+ routes\[1\]\.match.*: ties with routes\[0\]/),
      '1 problem',
      '',
    ]);
  });

  it('names both of two routes that tie as the file counts them, also after a faulty one', async () => {
    const tied = '  - match: { path: /tied }\n    require: { public: true }\n';
    const lines = (await check(GOOD.replace('"/a/{id}"', 'a') + tied + tied)).split('\n');
    expect(lines).toEqual([
      'config.yaml:11:20 routes[0].match.path: must begin with "/"',
      expect.stringMatching(/^config\.yaml:18:\d+ routes\[3\]\.match.*: ties with routes\[2\]/),
      '2 problems',
      '',
    ]);
  });

  it('finds faults of the schema, across keys, of routes and of files in one go', async () => {
    const text = GOOD.replace('app: billing', 'app: biling')
      .replace('path: "/a/{id}"', 'path: "/a/{id}", method: GET')
      .replace('path: /b', 'path: "/{x*}/b"')
      .replace('keysDir: keys', 'keysDir: none');
    const lines = (await check(text)).split('\n');
    expect(lines).toEqual([
      'config.yaml:6:12 token.keysDir: none does not exist',
      'config.yaml:11:31 routes[0].match.method: is not a known key; did you mean "methods"?',
      'config.yaml:12:10 routes[0].app: must be a key of apps; did you mean "billing"?',
      expect.stringMatching(/^config\.yaml:14:\d+ routes\[1\]\.match.*: \{x\*\} must be the last segment$/),
      '4 problems',
      '',
    ]);
  });

  it.each([
    ['is missing', () => rm(file), 'does not exist'],
    ['is a folder', () => rm(file).then(() => mkdir(file)), 'is not a file'],
    ['is not UTF-8', () => writeFile(file, Uint8Array.of(0xff)), 'is not UTF-8 text'],
  ])('says so when the file itself %s', async (_how, spoil, problem) => {
    await writeFile(file, GOOD);
    await spoil();
    expect(await run()).toBe(`${file}:1:1 the configuration file ${problem}\n1 problem\n`);
  });

  it('names what is wrong with keys and operators, at the line that names them', async () => {
    await rm(join(folder, 'keys'), { recursive: true });
    await mkdir(join(folder, 'keys'));
    await writeFile(join(folder, 'jwks.json'), '{}');
    const lines = (await check(GOOD)).split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^config\.yaml:6:12 token\.keysDir: keys: holds no \*\.json or \*\.jwk file/),
      expect.stringMatching(/^config\.yaml:7:1 operators: The operator "a": jwks\.json is not a JWK Set/),
      '2 problems',
      '',
    ]);
  });

  it('prints its findings, and ends with exit code 1 where there are any', async () => {
    let out = '';
    const command = () => checkConfigCommand({ env: {}, write: (text) => (out += text) });
    await writeFile(file, GOOD);
    await command().parseAsync([file], { from: 'user' });
    expect(out).toBe(`${file}: ok, 2 routes, 1 app\n`);
    out = '';
    await writeFile(file, 'log: {}');
    await expect(command().parseAsync([file], { from: 'user' })).rejects.toMatchObject({ exitCode: 1 });
    expect(out).toMatch(/\n2 problems\n$/);
  });
});
