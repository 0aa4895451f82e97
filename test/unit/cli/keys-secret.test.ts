import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keysCommand } from '../../../src/cli/keys.ts';
import { createClusterSecrets } from '../../../src/keys/cluster-secrets.ts';
import { createTestCa } from '../../parts/certificates.ts';

interface Stored {
  readonly metadata: { readonly resourceVersion?: string };
  readonly data: Readonly<Record<string, string>>;
}

/** As much of an API server as the command meets: Secrets of one namespace, with optimistic concurrency. */
const secrets = new Map<string, Stored>();
let requests: string[];
let conflictNext: boolean;
let server: Server;
let accountDir: string;
let nowMs: number;

beforeEach(async () => {
  secrets.clear();
  requests = [];
  conflictNext = false;
  nowMs = Date.UTC(2030, 0, 1);
  accountDir = await mkdtemp(join(tmpdir(), 'account-'));
  const ca = createTestCa('cluster');
  const { certificate, key } = ca.issue({ ips: ['127.0.0.1'] });
  for (const [file, text] of [
    ['token', 'the-token\n'],
    ['ca.crt', ca.certificate],
    ['namespace', 'sessions'],
  ] as const)
    await writeFile(join(accountDir, file), text);
  server = createServer({ cert: certificate, key }, (request, response) => {
    void readAll(request).then((body) => {
      const { status, answer } = serve(request.method ?? '', request.url ?? '', body);
      const authorized = request.headers.authorization === 'Bearer the-token';
      response.writeHead(authorized ? status : 401).end(JSON.stringify(authorized ? answer : {}));
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(accountDir, { recursive: true });
  vi.unstubAllEnvs();
});

function serve(method: string, url: string, body: string): { status: number; answer: object } {
  requests.push(`${method} ${url}`);
  const collection = '/api/v1/namespaces/sessions/secrets';
  const sent = body === '' ? undefined : (JSON.parse(body) as Stored & { metadata: { name: string } });
  const name = sent?.metadata.name ?? url.slice(collection.length + 1);
  const found = secrets.get(name);
  if (name === 'forbidden') return { status: 403, answer: { kind: 'Status', reason: 'Forbidden' } };
  if (method !== 'POST' && !found) return { status: 404, answer: {} };
  if (method === 'POST' && found) return { status: 409, answer: {} };
  if (
    method === 'PUT' &&
    (conflictNext || sent?.metadata.resourceVersion !== found?.metadata.resourceVersion)
  )
    return { status: 409, answer: {} };
  if (sent) {
    const version = String(Number(found?.metadata.resourceVersion ?? 0) + 1);
    secrets.set(name, { ...sent, metadata: { ...sent.metadata, resourceVersion: version } });
  }
  return { status: 200, answer: secrets.get(name) ?? {} };
}

async function run(...args: string[]): Promise<string> {
  let output = '';
  const { port } = server.address() as AddressInfo;
  const access = { host: '127.0.0.1', port: String(port), accountDir };
  const command = keysCommand({
    write: (text) => (output += text),
    nowMs: () => nowMs,
    secrets: createClusterSecrets(access),
  });
  for (const one of [command, ...command.commands])
    one.exitOverride().configureOutput({ writeErr: () => undefined });
  await command.parseAsync(args, { from: 'user' });
  return output;
}

const filesOf = (name: string) => Object.keys(secrets.get(name)?.data ?? {});

describe('singlestate keys --secret', () => {
  it('B5 makes a Secret that does not exist, with the permission to create alone', async () => {
    const generated = await run('generate', '--secret', 'signing');
    expect(requests).toEqual(['POST /api/v1/namespaces/sessions/secrets']);
    const [file = ''] = filesOf('signing');
    expect(generated).toMatch(/^generated {2}\S{43} {2}EdDSA {2}active from 2030-01-01T00:00:00\.000Z/);
    expect(generated.trim()).toMatch(new RegExp(`signing/${file}$`));
    const jwk = Buffer.from(secrets.get('signing')?.data[file] ?? '', 'base64').toString();
    expect(JSON.parse(jwk)).toMatchObject({ kty: 'OKP', alg: 'EdDSA' });
  });

  it('E9 leaves the keys that are there as they are', async () => {
    await run('generate', '--secret', 'signing');
    const before = secrets.get('signing');
    await expect(run('generate', '--secret', 'signing')).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('keys rotate --secret signing') as string,
    });
    expect(await run('generate', '--secret', 'signing', '--if-absent')).toBe('kept  signing\n');
    expect(secrets.get('signing')).toBe(before);
  });

  it('E9 rotates and lists the keys of a Secret, and keeps what else is in it', async () => {
    await run('generate', '--use', 'enc', '--secret', 'sealing');
    const made = secrets.get('sealing');
    secrets.set('sealing', { metadata: made?.metadata ?? {}, data: { ...made?.data, note: 'aGk=' } });
    await run('rotate', '--use', 'enc', '--secret', 'sealing', '--activate-in', '0s', '--remove-after', '1d');
    await run('rotate', '--use', 'enc', '--secret', 'sealing');
    expect(filesOf('sealing')).toHaveLength(4);
    expect(filesOf('sealing')).toContain('note');
    const listed = await run('list', '--use', 'enc', '--secret', 'sealing');
    expect(listed.split('\n').map((line) => line.split(' ')[0])).toContain('waiting');
    expect(listed).toMatch(/ sealing\/key-\S+\.json\n/);
  });

  it('a rotation takes superseded keys out of the Secret', async () => {
    await run('generate', '--secret', 'signing');
    const first = filesOf('signing');
    nowMs += 1000;
    await run('rotate', '--secret', 'signing', '--activate-in', '0s', '--remove-after', '0s');
    expect(filesOf('signing')).toHaveLength(1);
    expect(filesOf('signing')).not.toEqual(first);
  });

  it('A2 a Secret that somebody else changed meanwhile is left as it is', async () => {
    await run('generate', '--secret', 'signing');
    conflictNext = true;
    await expect(run('rotate', '--secret', 'signing')).rejects.toMatchObject({
      exitCode: 69,
      message: 'the Secret signing was changed meanwhile, and is left as it is: try again',
    });
  });

  it('leaves no key on the disk', async () => {
    vi.stubEnv('TMPDIR', accountDir);
    const before = await readdir(tmpdir());
    await run('generate', '--secret', 'signing');
    await run('rotate', '--secret', 'signing');
    expect(await readdir(tmpdir())).toEqual(before);
  });

  it.each([
    ['a Secret that is not there', ['rotate', '--secret', 'none'], 2, 'keys generate --secret none'],
    [
      'a missing permission',
      ['rotate', '--secret', 'forbidden'],
      69,
      'refused to GET the Secret forbidden (403 Forbidden)',
    ],
    ['no place at all', ['list'], 2, '--dir, or by --secret'],
    ['two places', ['list', '--secret', 'a', '--dir', 'b'], 1, 'cannot be used with'],
  ])('%s fails and says what would be right', async (_, args, exitCode, message) => {
    await expect(run(...args)).rejects.toMatchObject({
      exitCode,
      message: expect.stringContaining(message) as string,
    });
  });

  it('outside of a pod it says so', async () => {
    await rm(join(accountDir, 'token'));
    await expect(run('list', '--secret', 'signing')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('is for a pod with a service account token') as string,
    });
  });
});
