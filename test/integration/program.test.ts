/** The program itself: what its commands print, and the exit codes that scripts go by. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPart, untilReady, type Part } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk, waitUntil } from '../../quickstart/wait.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'singlestate');

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(BIN, args, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

let folder: string;
let config: string;
let ports: { check: number; api: number; ops: number };
let server: Part;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'singlestate-program-'));
  config = join(folder, 'singlestate.yaml');
  ports = { check: await freePort(), api: await freePort(), ops: await freePort() };
  await writeFile(
    config,
    `listen: { check: '127.0.0.1:${ports.check}', api: '127.0.0.1:${ports.api}', ops: '127.0.0.1:${ports.ops}' }
store: { url: 'memory:' }
check: { drainDelay: 0s }
token: { issuer: 'https://sessions.test', keysDir: keys }
apps: { billing: {} }
routes:
  - match: { host: billing.test, path: '/public/{rest*}' }
    require: { public: true }
  - match: { host: billing.test, path: '/invoices/{id}', methods: [GET] }
    app: billing
    require: { all: ['invoices:read'] }
`,
  );
  expect(await run('keys', 'generate', '--dir', join(folder, 'keys'))).toMatchObject({ code: 0 });
  server = await startPart({
    name: 'Singlestate',
    command: BIN,
    args: ['serve', '--config', config],
    logFile: join(folder, 'log'),
  });
  await untilReady(server, () => answersOk(`http://127.0.0.1:${ports.ops}/readyz`), { timeoutMs: 20_000 });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

describe('explain', () => {
  const explain = (url: string, ...more: string[]) =>
    run('explain', '--config', config, '--url', url, ...more);

  test('tells the route, what it requires and the decision', async () => {
    const { code, stdout } = await explain('http://billing.test/invoices/7', '--scopes', 'invoices:* other');
    expect(stdout).toMatch(/^route: {4}GET billing\.test\/invoices\/\{id\}$/m);
    expect(stdout).toMatch(/^requires: all of invoices:read$/m);
    expect(stdout).toMatch(/^decision: allow$/m);
    expect(code).toBe(0);
  });

  test.each([
    ['no credential', 'http://billing.test/invoices/7', [], 'no_credential'],
    ['another scope', 'http://billing.test/invoices/7', ['--scopes', 'a'], 'insufficient_scope'],
    ['another method', 'http://billing.test/invoices/7', ['--method', 'PUT'], 'no_route'],
    ['another host', 'http://reports.test/invoices/7', [], 'no_route'],
    ['a token that is none', 'http://billing.test/invoices/7', ['--token', 'x'], 'malformed_token'],
    ['a path as it is written', 'http://billing.test/public/../invoices/7', [], 'no_route'],
    [
      'a context extension',
      'http://billing.test/public/a',
      ['--context', 'singlestate.require=a', '--scopes', 'b'],
      'insufficient_scope',
    ],
  ])('%s: exit code 1 and the reason', async (_, url, more, reason) => {
    const { code, stdout } = await explain(url, ...more);
    expect(stdout).toMatch(new RegExp(`^reason: {3}${reason}$`, 'm'));
    expect(code).toBe(1);
  });

  test('a command line that is wrong has exit code 2', async () => {
    expect(await explain('billing.test')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('must be a URL') as string,
    });
    expect(await explain('http://a/b', '--scopes', 'a\tb')).toMatchObject({ code: 2 });
    expect(await run('explain', '--url', 'http://a/b')).toMatchObject({ code: 2 });
  });
});

describe('probe', () => {
  const probe = (...args: string[]) => run('probe', `127.0.0.1:${ports.check}`, ...args);

  test('asks for the health', async () => {
    expect(await probe()).toMatchObject({ code: 0, stdout: '{"health":"SERVING"}\n' });
  });

  test('H1 sends a check as Envoy would', async () => {
    const { code, stdout } = await probe(
      '--url',
      'http://billing.test/public/a',
      '--header',
      'X-Session-Ref: forged',
    );
    expect(JSON.parse(stdout)).toMatchObject({
      allowed: true,
      set: {},
      remove: expect.arrayContaining(['x-session-ref']) as string[],
    });
    expect(code).toBe(0);
  });

  test('a denial has exit code 1, no answer 69', async () => {
    const denied = await probe('--url', 'http://billing.test/invoices/7', '--token', 'x');
    expect(JSON.parse(denied.stdout)).toMatchObject({ allowed: false, status: 401 });
    expect(denied.code).toBe(1);
    expect(await run('probe', `127.0.0.1:${await freePort()}`)).toMatchObject({ code: 69 });
    expect(await probe('--timeout', '5')).toMatchObject({ code: 2 });
  });
});

describe('serve', () => {
  test('H4 the metrics say the deadlines in use, and show at 0 what one of is enough for an alert', async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${ports.ops}/metrics`)).text();
    for (const line of [
      'singlestate_check_deadline_seconds 0.15',
      'singlestate_store_deadline_seconds 0.05',
      'singlestate_store_operations_total{operation="revoke",outcome="timeout"} 0',
      'singlestate_store_operations_total{operation="revokeMany",outcome="breaker_open"} 0',
      'singlestate_sessions_ended_total{cause="refresh_reuse"} 0',
      'singlestate_sessions_ended_total{cause="corrupt"} 0',
      'singlestate_shed_total{reason="overloaded"} 0',
    ])
      expect(metrics.split('\n')).toContain(line);
  });

  test('SIGHUP reads the configuration again, changed or not', async () => {
    process.kill(server.pid, 'SIGHUP');
    const applied = async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${ports.ops}/metrics`)).text();
      return metrics.includes('singlestate_config_reloads_total{outcome="applied"} 1');
    };
    await waitUntil(applied, { what: 'the reload', timeoutMs: 10_000 });
  });

  test('names the listener and the address that is in use', async () => {
    const { code, stderr } = await run('serve', '--config', config);
    expect(stderr).toMatch(
      /^singlestate: The listener "ops" can't listen on 127\.0\.0\.1:\d+: the address is in use/,
    );
    expect(code).toBe(1);
  });

  test('names what is wrong with the configuration, line by line', async () => {
    const bad = join(folder, 'bad.yaml');
    await writeFile(bad, 'store: { url: "ftp://x" }\ntoken: { issuer: x, keysDir: none }\n');
    const { code, stderr } = await run('serve', '--config', bad);
    expect(stderr.split('\n').filter((line) => line.includes('bad.yaml:'))).toHaveLength(3);
    expect(code).toBe(1);
    expect(await run('serve', '--config', join(folder, 'none.yaml'))).toMatchObject({ code: 1 });
  });
});

test('help and version go to standard output with exit code 0, an unknown command is 2', async () => {
  expect(await run('--help')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Usage: singlestate') as string,
  });
  expect(await run('--version')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
  });
  expect(await run('sreve')).toMatchObject({ code: 2 });
});
