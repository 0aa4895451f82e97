import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CliError } from '../../../src/cli/cli-error.ts';
import { explainCommand } from '../../../src/cli/explain.ts';
import { generateSealingKey } from '../../../src/sealing/key-files.ts';
import { generateKey } from '../../../src/token/key-files.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'singlestate-explain-'));
  await generateKey(join(folder, 'keys'), 'EdDSA', Date.now());
  await generateSealingKey(join(folder, 'sealing-keys'), Date.now());
  await writeFile(join(folder, 'secret'), 'secret');
  const config = {
    store: { url: 'memory:' },
    token: { issuer: 'https://sessions.example.com', keysDir: 'keys' },
    sealing: { keysDir: 'sealing-keys' },
    login: { origins: ['https://app.example.com'] },
    identityProviders: [
      { name: 'main', issuer: 'https://idp.example.com', clientId: 'app', clientSecretFile: 'secret' },
    ],
    rateLimits: { perSession: { limit: 1, window: '1h' } },
    routes: [
      { match: { path: '/page' }, require: { session: true }, onUnauthenticated: 'login' },
      {
        match: { path: '/vault' },
        require: { all: ['vault:open'] },
        authentication: { acr: ['gold', 'silver'], amr: ['pwd', 'otp'], maxAge: '5m' },
        onUnauthenticated: 'login',
      },
      { match: { path: '/greeting' }, require: { optional: true }, authentication: { maxAge: '5m' } },
      { match: { path: '/own' }, require: { session: true }, csrf: false },
    ],
  };
  // JSON is YAML.
  await writeFile(join(folder, 'config.yaml'), JSON.stringify(config));
});
afterAll(() => rm(folder, { recursive: true }));

/** What it writes, by the name at the beginning of each line. */
async function explain(path: string, ...more: string[]): Promise<Record<string, string>> {
  let text = '';
  const command = explainCommand({ env: {}, write: (part) => void (text += part) });
  const url = `https://app.example.com${path}`;
  const args = ['--config', join(folder, 'config.yaml'), '--url', url, ...more];
  await command.parseAsync(args, { from: 'user' }).catch((error: unknown) => {
    if (!(error instanceof CliError)) throw error;
  });
  return Object.fromEntries(text.split('\n').map((line) => line.split(/: +/, 2))) as Record<string, string>;
}

it('tells where a browser is sent to log in', async () => {
  expect(await explain('/page?a=b')).toMatchObject({
    reason: 'no_credential',
    browsers: 'a page load is sent to /auth/login?return_to=%2Fpage%3Fa%3Db',
  });
  expect(await explain('/page', '--method', 'POST')).not.toHaveProperty('browsers');
  expect(await explain('/own')).not.toHaveProperty('browsers');
});

it('tells what login a route asks for, and supposes one', async () => {
  const requires =
    'all of vault:open, and a session with acr gold or silver, and a session with amr pwd and otp, ' +
    'and a session whose login is at most 5m old';
  expect(await explain('/vault', '--scopes', 'vault:*')).toMatchObject({
    requires,
    decision: 'deny',
    reason: 'insufficient_user_authentication',
    detail: 'acr is not known, amr lacks pwd otp',
    browsers: 'a page load is sent to /auth/login?return_to=%2Fvault&acr_values=gold%20silver&max_age=300',
    supposes: 'a session that was opened by a login just now',
  });
  const login = ['--acr', 'gold', '--amr', 'otp pwd'];
  expect(await explain('/vault', '--scopes', 'vault:*', ...login)).toMatchObject({ decision: 'allow' });
  expect(await explain('/vault', ...login)).toMatchObject({ reason: 'insufficient_scope' });
  expect(await explain('/greeting')).toMatchObject({
    decision: 'allow',
    requires: 'nothing; a session whose login is at most 5m old is used where there is one',
  });
});

it('tells where a browser needs the CSRF token', async () => {
  const csrf = 'x-csrf-token is needed too where the session comes in a cookie';
  expect(await explain('/page', '--method', 'POST')).toMatchObject({ csrf });
  expect(await explain('/page')).not.toHaveProperty('csrf');
  expect(await explain('/own', '--method', 'POST')).not.toHaveProperty('csrf');
});

it('uses up no limit', async () => {
  for (let round = 0; round < 3; round += 1) {
    const told = await explain('/page', '--scopes', '');
    expect(told).toMatchObject({ decision: 'allow', limits: 'not counted here' });
  }
});
