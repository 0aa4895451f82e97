import { execFile } from 'node:child_process';
import type { Server } from 'node:http';
import { request } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDemoApp } from '../../examples/demo-app/app.ts';
import type { Received } from '../../examples/demo-app/app.ts';
import { ROOT } from '../../quickstart/command.ts';
import { startEnvoy } from '../../quickstart/envoy.ts';
import type { Part } from '../../quickstart/part.ts';
import { envoyBinary } from '../../quickstart/parts.ts';
import { freePort } from '../../quickstart/ports.ts';

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Sends the path and the names as they are: fetch would normalise the one and join the others. */
async function get(port: number, path: string, headers: readonly string[] = []): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path, headers: [...headers, 'host', 'app.example'] });
    sent.on('error', reject).on('response', (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.end();
  });
}

test('the Envoy configuration is valid as it is shipped', async () => {
  const file = join(ROOT, 'deploy', 'envoy', 'envoy.yaml');
  const { stderr } = await promisify(execFile)(await envoyBinary(), ['--mode', 'validate', '-c', file]);
  expect(stderr).not.toMatch(/deprecated/i);
});

describe('the shipped Envoy configuration, where Singlestate can not be reached', () => {
  let app: Server;
  let envoy: Part;
  let folder: string;
  let port: number;

  beforeAll(async () => {
    app = createDemoApp();
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    folder = await mkdtemp(join(tmpdir(), 'envoy-'));
    port = await freePort();
    const appPort = (app.address() as AddressInfo).port;
    envoy = await startEnvoy({
      binary: await envoyBinary(),
      folder,
      ports: {
        ingress: port,
        admin: await freePort(),
        check: await freePort(),
        api: await freePort(),
        billing: appPort,
        reports: appPort,
      },
      onStart: (part) => (envoy = part),
    });
  });
  afterAll(async () => {
    await envoy.stop();
    app.close();
    await rm(folder, { recursive: true });
  });

  test.each(['/', '/reports/1', '/healthz/more'])('E3 D2 denies with 503, quickly: %s', async (path) => {
    const begun = performance.now();
    const { status } = await get(port, path);
    expect(status).toBe(503);
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  test.each([
    ['x-session-subject'],
    ['X-Session-Subject'],
    ['x-session-attr-email'],
    ['x_session_subject'],
    ['x.session.subject'],
    ['X-SESSION_scopes'],
  ])('E8 strips %s also where ext_authz is switched off', async (name) => {
    const { status, body } = await get(port, '/healthz', [name, 'forged', 'x-kept', 'yes']);
    expect(status).toBe(200);
    const { headers } = JSON.parse(body) as Received;
    expect(Object.keys(headers).filter((header) => /session/i.test(header))).toEqual([]);
    expect(headers['x-kept']).toBe('yes');
  });

  test('D2 login is 503 as well, and does not hang', async () => {
    expect((await get(port, '/auth/login')).status).toBe(503);
  });

  test.each(['/healthz%2f..', '/a%2Fb', '/a%5cb'])('E3 refuses a slash in disguise: %s', async (path) => {
    expect((await get(port, path)).status).toBe(400);
  });

  test.each([
    ['/x/../healthz', '/healthz'],
    ['//healthz', '/healthz'],
    ['/%68ealthz', '/healthz'],
    ['/./healthz?q=/../x', '/healthz?q=/../x'],
  ])('E3 the app sees the path that the route was chosen by: %s', async (sent, seen) => {
    const { status, body } = await get(port, sent);
    expect(status).toBe(200);
    expect((JSON.parse(body) as Received).path).toBe(seen);
  });

  test.each(['/healthz/../reports', '/healthz;x', '/healthz/', '/HEALTHZ'])(
    'E3 a variant of an unchecked path is checked: %s',
    async (path) => {
      expect((await get(port, path)).status).toBe(503);
    },
  );
});
