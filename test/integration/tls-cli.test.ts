/** The commands that call a server, over TLS, against the program itself: who is trusted, what is shown, and what errors say. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPart, untilReady, type Part } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk } from '../../quickstart/wait.ts';
import { auditCommand } from '../../src/cli/audit.ts';
import { probeCommand } from '../../src/cli/probe.ts';
import { sessionCommand } from '../../src/cli/session.ts';
import { createTestCa, type CertificateOptions, type Identity } from '../parts/certificates.ts';
import { runCommand, type CommandEnd } from '../parts/command-line.ts';
import { createIssuerKey } from '../parts/test-issuer.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'singlestate');
const ENVOY = 'spiffe://mesh.test/envoy';
const NAME = 'singlestate.internal';
const OPERATOR = { iss: 'https://idp.test', sub: 'on-call', aud: 'singlestate' };

const ca = createTestCa('mesh');
const otherCa = createTestCa('other mesh');

let folder: string;
let server: Part;
let ports: { check: number; api: number; ops: number; unnamed: number };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'singlestate-tls-cli-'));
  ports = {
    check: await freePort(),
    api: await freePort(),
    ops: await freePort(),
    unnamed: await freePort(),
  };
  const key = await createIssuerKey('ES256', 'operators');
  const exp = Math.floor(Date.now() / 1000) + 3_600;
  await Promise.all([
    put('server', ca.issue({ dns: [NAME], ips: ['127.0.0.1'] })),
    put('envoy', ca.issue({ uris: [ENVOY] })),
    put('stranger', ca.issue({ uris: ['spiffe://mesh.test/stranger'] })),
    put('foreign', otherCa.issue({ uris: [ENVOY] })),
    file('ca.pem', ca.certificate),
    file('other-ca.pem', otherCa.certificate),
    file('text.pem', 'no PEM'),
    file('jwks.json', JSON.stringify({ keys: [key.publicJwk] })),
    file('operator.jwt', await key.sign({ ...OPERATOR, iat: exp - 3_600, exp })),
    file('singlestate.yaml', config()),
    mkdir(at('no-cas')),
  ]);
  await ran(BIN, ['keys', 'generate', '--dir', at('keys')]);
  const args = ['serve', '--config', at('singlestate.yaml')];
  server = await startPart({ name: 'Singlestate', command: BIN, args, logFile: at('log') });
  await untilReady(server, () => answersOk(`http://127.0.0.1:${ports.ops}/readyz`), { timeoutMs: 20_000 });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);
const file = (name: string, text: string) => writeFile(at(name), text);

async function put(name: string, { certificate, key }: Identity): Promise<void> {
  await Promise.all([file(`${name}.pem`, certificate), file(`${name}.key`, key)]);
}

const config = () => `
listen: { check: '127.0.0.1:${ports.check}', api: '127.0.0.1:${ports.api}', ops: '127.0.0.1:${ports.ops}' }
tls:
  check: { certFile: server.pem, keyFile: server.key, clientCaFile: ca.pem, clients: ['${ENVOY}'] }
  api: { certFile: server.pem, keyFile: server.key, clientCaFile: ca.pem }
store: { url: 'memory:' }
check: { drainDelay: 0s }
token: { issuer: 'https://sessions.test', keysDir: keys }
operators:
  - { name: on-call, issuer: '${OPERATOR.iss}', subject: ${OPERATOR.sub}, audience: ${OPERATOR.aud}, jwksFile: jwks.json }
routes:
  - match: { host: billing.test, path: '/public/{rest*}' }
    require: { public: true }
`;

interface Ran extends CommandEnd {
  readonly output: string;
}

function ran(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { env: { ...process.env, ...env } }, (_error, output, message) => {
      resolve({ exitCode: child.exitCode ?? -1, output, message });
    });
  });
}

async function probe(...args: string[]): Promise<Ran> {
  let output = '';
  const command = probeCommand({ write: (text) => (output += text) });
  return { ...(await runCommand(command, args)), output };
}

const checkAt = (host: string) => `${host}:${ports.check}`;
const trusting = (name: string) => ['--ca-file', at(`${name}.pem`)];
const showing = (name: string) => ['--cert-file', at(`${name}.pem`), '--key-file', at(`${name}.key`)];
const AS_ENVOY = () => [...trusting('ca'), ...showing('envoy')];

/** A TLS server of another kind, for one test. */
async function tlsServer(options: CertificateOptions): Promise<AsyncDisposable & { readonly port: number }> {
  const { certificate, key } = ca.issue(options);
  const other = createTlsServer({ cert: certificate, key, ALPNProtocols: ['h2', 'http/1.1'] });
  other.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  return {
    port: (other.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => other.close(() => resolve())),
  };
}

describe('E4 probe over TLS', () => {
  test('asks by an address that the certificate has, as the client that it shows', async () => {
    expect(await probe(checkAt('127.0.0.1'), ...AS_ENVOY())).toEqual({
      ...{ exitCode: 0, message: '', output: '{"health":"SERVING"}\n' },
    });
    const asked = await probe(checkAt('127.0.0.1'), ...AS_ENVOY(), '--url', 'http://billing.test/public/a');
    expect(asked).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(asked.output)).toMatchObject({ allowed: true });
  });

  test('asks for another name than that of the address', async () => {
    const named = await probe(checkAt('localhost'), ...AS_ENVOY(), '--server-name', NAME);
    expect(named).toMatchObject({ exitCode: 0 });
  });

  test.each<[string, string, () => string[], RegExp]>([
    [
      'another CA',
      '127.0.0.1',
      () => trusting('other-ca'),
      /^no answer: no CA in .*other-ca\.pem has signed .*: --ca-file must/,
    ],
    ['no CA', '127.0.0.1', () => ['--tls'], /no CA of the system has signed .*: name its CA by --ca-file$/],
    [
      'another host',
      'localhost',
      () => trusting('ca'),
      /has another name, and --server-name must have one of its own: Host: localhost\. is not/,
    ],
    [
      'another server name',
      '127.0.0.1',
      () => [...trusting('ca'), '--server-name', 'a.test'],
      /--server-name must .*Host: a\.test\. is not/,
    ],
    ['a name alone, which means TLS too', '127.0.0.1', () => ['--server-name', NAME], /no CA of the system/],
    [
      'no client certificate',
      '127.0.0.1',
      () => trusting('ca'),
      /ended the connection .* it may want a client certificate \(--cert-file and --key-file\)$/,
    ],
    [
      'a client certificate of another CA',
      '127.0.0.1',
      () => [...trusting('ca'), ...showing('foreign')],
      /may not take the client certificate in .*foreign\.pem/,
    ],
    [
      'a client that is not in the list',
      '127.0.0.1',
      () => [...trusting('ca'), ...showing('stranger')],
      /may not take the client certificate in .*stranger\.pem/,
    ],
    [
      'cleartext',
      '127.0.0.1',
      () => [],
      /^no answer: the server ended the connection at its beginning: if it speaks TLS, use --tls$/,
    ],
  ])('exits with 69 and names the option that helps at %s', async (_what, host, options, message) => {
    expect(await probe(checkAt(host), ...options())).toEqual({
      ...{ exitCode: 69, output: '', message: expect.stringMatching(message) as string },
    });
  });

  test('exits with 69 at an expired certificate, a port of another protocol, and one where nobody listens', async () => {
    await using expired = await tlsServer({ ips: ['127.0.0.1'], notAfter: new Date(Date.now() - 1_000) });
    const said = async (port: number) => (await probe(`127.0.0.1:${port}`, ...AS_ENVOY())).message;
    expect(await said(expired.port)).toMatch(/the certificate of the server, or of its CA, has expired$/);
    await using client = await tlsServer({ ips: ['127.0.0.1'], usages: ['clientAuth'] });
    expect(await said(client.port)).toMatch(/is not one for servers$/);
    expect(await said(ports.ops)).toMatch(/the server speaks no TLS on this port: is it the right one\?$/);
    expect(await said(ports.unnamed)).toMatch(/ECONNREFUSED/);
  });
});

describe('E4 files that are not right', () => {
  const cases: [string, () => string[], RegExp][] = [
    ['a CA file that is not there', () => trusting('absent'), /^--ca-file: .*absent\.pem does not exist$/],
    [
      'a CA file that is no PEM',
      () => trusting('text'),
      /^--ca-file: .*text\.pem has no certificate: it must be PEM/,
    ],
    ["a server's certificate for a CA", () => trusting('server'), /^--ca-file: .*certificates of CAs alone/],
    [
      'a certificate without its key',
      () => ['--cert-file', at('envoy.pem')],
      /^--cert-file and --key-file .* together$/,
    ],
    [
      'a key without its certificate',
      () => ['--key-file', at('envoy.key')],
      /^--cert-file and --key-file .* together$/,
    ],
    [
      'a key of another certificate',
      () => ['--cert-file', at('envoy.pem'), '--key-file', at('server.key')],
      /^--key-file: .*server\.key does not belong to the certificate in .*envoy\.pem/,
    ],
    [
      'more than one',
      () => ['--cert-file', at('text.pem'), '--key-file', at('absent'), ...trusting('text')],
      /--key-file: .*; --cert-file: .*; --ca-file: /,
    ],
  ];

  test.each(cases)('probe exits with 2 and names %s', async (_what, options, message) => {
    const { exitCode, message: said } = await probe(checkAt('127.0.0.1'), ...options());
    expect([exitCode, said]).toEqual([2, expect.stringMatching(message)]);
  });

  test.each(cases)('session exits with 2 and names %s', async (_what, options, message) => {
    const { exitCode, message: said } = await list(...options());
    expect([exitCode, said]).toEqual([2, expect.stringMatching(message)]);
  });

  test('probe exits with 2 at an address that is none', async () => {
    expect(await probe('a b', '--tls')).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/is no address/) as string,
    });
  });
});

/** `session list`, of the API that has TLS. */
async function list(...args: string[]): Promise<Ran> {
  let output = '';
  const command = sessionCommand({
    env: withApi(),
    stdin: Readable.from([]),
    write: (text) => (output += text),
  });
  return { ...(await runCommand(command, ['list', ...args])), output };
}

const apiAt = (host: string, scheme = 'https') => `${scheme}://${host}:${ports.api}`;
const withApi = () => ({
  SINGLESTATE_API: apiAt('127.0.0.1'),
  SINGLESTATE_CREDENTIAL_FILE: at('operator.jwt'),
});

async function exportTrail(env: Record<string, string>, ...args: string[]): Promise<Ran> {
  let output = '';
  const write = (text: string) => Promise.resolve(void (output += text));
  const parts = { env, writeOut: write, warn: () => undefined, onSignal: () => undefined };
  return { ...(await runCommand(auditCommand(parts), ['export', ...args])), output };
}

describe('E4 session and audit over TLS', () => {
  test('call the API with a CA, and a client certificate, of options or the environment', async () => {
    expect(await list(...trusting('ca'))).toEqual({ exitCode: 0, message: '', output: '' });
    expect(await list(...trusting('ca'), ...showing('stranger'))).toMatchObject({ exitCode: 0 });
    const files = {
      SINGLESTATE_CA_FILE: at('ca.pem'),
      SINGLESTATE_CERT_FILE: at('envoy.pem'),
      SINGLESTATE_KEY_FILE: at('envoy.key'),
    };
    const exported = await exportTrail({ ...withApi(), ...files });
    expect(exported).toMatchObject({ exitCode: 0, message: '' });
    expect(exported.output).toContain('"actor":{"kind":"operator","name":"on-call"}');
  });

  test('still need the credential of an operator beside a client certificate', async () => {
    const { exitCode, message } = await exportTrail({ SINGLESTATE_API: apiAt('127.0.0.1') }, ...AS_ENVOY());
    expect([exitCode, message]).toEqual([2, expect.stringMatching(/^--credential-file is missing/)]);
  });

  test.each<[string, string, () => string[], RegExp]>([
    [
      'another CA',
      '127.0.0.1',
      () => trusting('other-ca'),
      /^The Session API at https:\S+ can't be reached: no CA in .*other-ca\.pem has signed/,
    ],
    ['no CA', '127.0.0.1', () => [], /no CA of the system has signed .*: name its CA by --ca-file$/],
    [
      'another host',
      'localhost',
      () => trusting('ca'),
      /has another name, and --api must have one of its own: Host: localhost\. is not/,
    ],
    [
      'a client certificate of another CA',
      '127.0.0.1',
      () => [...trusting('ca'), ...showing('foreign')],
      /may not take the client certificate in .*foreign\.pem/,
    ],
  ])('exit with 69 and name the option that helps at %s', async (_what, host, options, message) => {
    const args = [...options(), '--api', apiAt(host)];
    const expected = { exitCode: 69, output: '', message: expect.stringMatching(message) as string };
    expect(await list(...args)).toEqual(expected);
    expect(await exportTrail(withApi(), ...args)).toEqual(expected);
  });

  test('say so where cleartext and TLS meet', async () => {
    expect(await list('--api', apiAt('127.0.0.1', 'http'))).toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(/if it speaks TLS, --api must begin with https:$/) as string,
    });
    const clear = `https://127.0.0.1:${ports.ops}`;
    expect(await list(...trusting('ca'), '--api', clear)).toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(/the server speaks no TLS on this port/) as string,
    });
    const nobody = `https://127.0.0.1:${ports.unnamed}`;
    expect(await list(...trusting('ca'), '--api', nobody)).toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(/ECONNREFUSED/) as string,
    });
  });

  test.each<[string, () => string[]]>([
    ['a CA', () => trusting('ca')],
    ['a client certificate', () => showing('envoy')],
  ])('send nothing in cleartext where %s is named', async (_what, options) => {
    const heard: unknown[] = [];
    const clear = createServer((socket) => void socket.on('data', (data) => heard.push(data)));
    await new Promise<void>((resolve) => clear.listen(0, '127.0.0.1', resolve));
    const { exitCode, message } = await list(
      ...options(),
      '--api',
      `http://127.0.0.1:${(clear.address() as AddressInfo).port}`,
    );
    clear.close();
    expect([exitCode, message, heard]).toEqual([
      2,
      '--ca-file, --cert-file and --key-file are for TLS: --api must be an https: URL',
      [],
    ]);
  });
});

describe('E4 the CAs of the system', () => {
  const machine = (cas: string) => ({
    SSL_CERT_FILE: at(cas),
    SSL_CERT_DIR: at('no-cas'),
    NODE_EXTRA_CA_CERTS: '',
    ...withApi(),
  });

  test('are trusted where no others are named', async () => {
    expect(await ran(BIN, ['session', 'list'], machine('ca.pem'))).toMatchObject({ exitCode: 0 });
    const probed = await ran(BIN, ['probe', checkAt('127.0.0.1'), ...showing('envoy')], machine('ca.pem'));
    expect(probed).toMatchObject({ exitCode: 0, output: '{"health":"SERVING"}\n', message: '' });
  });

  test('are not trusted beside those of --ca-file', async () => {
    const listed = await ran(BIN, ['session', 'list', ...trusting('other-ca')], machine('ca.pem'));
    expect(listed).toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(/no CA in .*other-ca\.pem/) as string,
    });
  });
});
