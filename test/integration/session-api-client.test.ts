import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createConnectTransport } from '@connectrpc/connect-node';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { createSessionClient } from '../../clients/typescript/lib/session-client.js';
import { overJson } from '../parts/session-api-callers.ts';
import { NONCE, startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const CLIENT = join(ROOT, 'clients/typescript');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** As an app's developer would write it: reads, writes, loses a race, reads again. */
const CONSUMER = `
import { createConnectTransport } from '@connectrpc/connect-node';
import { conflictingVersion, createSessionClient, SessionState, type Session } from '@singlestate/client';

const [url = '', token = '', ref = ''] = process.argv.slice(2);
const sessions = createSessionClient(createConnectTransport({ baseUrl: url, httpVersion: '1.1' }), {
  credential: () => Promise.resolve(token),
});

const { session }: { session?: Session } = await sessions.getSession({ ref });
if (session?.state !== SessionState.ACTIVE) throw new Error('The session is not active');
const change = {
  part: { case: 'slice' as const, value: 'cart' },
  value: { kind: { case: 'structValue' as const, value: { fields: {} } } },
};
const writing = { ref, expectedVersion: session.version, changes: [change], reason: 'cart.emptied' };
const { version } = await sessions.updateSession(writing);
const current = await sessions.updateSession(writing).then(() => undefined, conflictingVersion);
console.log(JSON.stringify({ subject: session.identity?.subject, version, current }));
`;

let issuers: Issuers;
let api: SessionApi;
let folder: string;

beforeAll(async () => {
  issuers = await startIssuers();
  api = await startSessionApi(issuers);
  folder = await mkdtemp(join(tmpdir(), 'singlestate-client-'));
  await installPackage();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await api[Symbol.asyncDispose]();
  await issuers[Symbol.asyncDispose]();
});

/** What `npm install @singlestate/client` would do; what it depends on comes from this repository. */
async function installPackage(): Promise<void> {
  const { stdout } = await run('npm', ['pack', CLIENT, '--offline', '--json', '--pack-destination', folder], {
    env: { ...process.env, npm_config_update_notifier: 'false' },
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  const home = join(folder, 'node_modules/@singlestate/client');
  await mkdir(home, { recursive: true });
  await run('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', home]);
  for (const name of ['@bufbuild', '@connectrpc', '@types']) {
    await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'consumer.ts'), CONSUMER);
}

async function opened(): Promise<string> {
  const request = { provider: 'main', id_token: await api.idToken(), nonce: NONCE };
  const { body } = await overJson(api.url, 'createSession', request, await api.operatorJwt());
  return (body['session'] as { ref: string }).ref;
}

test('A2 an app uses the packed client in TypeScript and Node, and learns of a lost race', async () => {
  const options = ['--strict', '--target', 'es2022', '--types', 'node', '--skipLibCheck'];
  const resolved = ['--module', 'nodenext', '--outDir', 'out'];
  await run(process.execPath, [TSC, ...options, ...resolved, 'consumer.ts'], { cwd: folder });
  const ref = await opened();
  const consumer = [join(folder, 'out/consumer.js'), api.url, await api.appJwt(), ref];
  const { stdout } = await run(process.execPath, consumer, { cwd: folder });
  expect(JSON.parse(stdout)).toEqual({ subject: 'alice', version: 2, current: 2 });
});

test('the examples of the docs compile, with types resolved as bundlers resolve them', async () => {
  const examples = ['docs/how-to/use-sessions-in-apps.md', 'clients/typescript/README.md'];
  for (const [index, example] of examples.entries()) {
    const code = codeIn(await readFile(join(ROOT, example), 'utf8'), 'ts').join('\n');
    expect(code).toContain('createSessionClient');
    // The README's goes on from a ref that the app has.
    await writeFile(join(folder, `example-${index}.ts`), `export {};\ndeclare const ref: string;\n${code}`);
  }
  const options = ['--strict', '--target', 'es2022', '--types', 'node', '--skipLibCheck', '--noEmit'];
  const resolved = ['--module', 'esnext', '--moduleResolution', 'bundler'];
  const files = ['consumer.ts', 'example-0.ts', 'example-1.ts'];
  await run(process.execPath, [TSC, ...options, ...resolved, ...files], { cwd: folder });
});

test('what the docs show in Python and Go is in the example apps, which run', async () => {
  const page = await readFile(join(ROOT, 'docs/how-to/use-sessions-in-apps.md'), 'utf8');
  for (const [language, app] of [
    ['python', 'examples/python-app/app.py'],
    ['go', 'examples/go-app/main.go'],
  ] as const) {
    const source = await readFile(join(ROOT, app), 'utf8');
    const excerpts = codeIn(page, language);
    expect(excerpts).toHaveLength(2);
    for (const excerpt of excerpts) expect(source).toContain(excerpt);
  }
});

/** The fenced blocks of a page in one language. */
function codeIn(page: string, language: string): string[] {
  return [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(([, tag, code = '']) =>
    tag === language ? [code] : [],
  );
}

test('a bundle of it works without its packages', async () => {
  await writeFile(join(folder, 'entry.js'), "export { createSessionClient } from '@singlestate/client';\n");
  const out = await mkdtemp(join(tmpdir(), 'singlestate-bundle-'));
  await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    build: { outDir: out, lib: { entry: 'entry.js', formats: ['es'], fileName: () => 'bundle.mjs' } },
  });
  const bundle = (await import(pathToFileURL(join(out, 'bundle.mjs')).href)) as {
    createSessionClient: typeof createSessionClient;
  };
  const transport = createConnectTransport({ baseUrl: api.url, httpVersion: '1.1' });
  const sessions = bundle.createSessionClient(transport, { credential: () => api.appJwt('support') });
  const ref = await opened();
  expect((await sessions.getSession({ ref })).session).toMatchObject({ ref, version: 1 });
  await rm(out, { recursive: true });
});

test('its version is that of the server', async () => {
  const versionIn = async (path: string) =>
    (JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as { version: string }).version;
  expect(await versionIn(CLIENT)).toBe(await versionIn(ROOT));
});
