import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatAddress, parseAddress, type Address } from '../../src/net/address.ts';
import { ListenError, listen, type Listening } from '../../src/net/listener.ts';

const open: Listening[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'listener-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((listening) => listening.close(0)));
  await rm(folder, { recursive: true });
});

async function listening(server: net.Server, address: string, socketMode?: number): Promise<Listening> {
  const mode = socketMode === undefined ? {} : { socketMode };
  const result = await listen(server, parseAddress(address), { name: 'check', ...mode });
  open.push(result);
  return result;
}

async function refused(address: string): Promise<ListenError> {
  const outcome = await listening(net.createServer(), address).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ListenError);
  return outcome as ListenError;
}

/** A server that says hello and waits. */
const greeter = () => net.createServer((socket) => void socket.on('error', ignored).write('hello'));

function ignored(): void {
  // Whoever asks whether a socket is live hangs up at once.
}

function portOf(address: Address): number {
  if (address.kind === 'unix') throw new Error('a unix socket has no port');
  return address.port;
}

async function greetingOf(where: net.NetConnectOpts): Promise<string> {
  const socket = net.connect(where);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return chunk.toString();
}

/** A socket file on which nobody listens, as a killed process leaves it. */
async function staleSocket(path: string): Promise<void> {
  const server = net.createServer().listen(`${path}.first`);
  await once(server, 'listening');
  await rename(`${path}.first`, path);
  server.close();
  await once(server, 'close');
}

describe('a TCP listener', () => {
  it('tells the port that the system chose', async () => {
    const { address } = await listening(greeter(), '127.0.0.1:0');
    expect(portOf(address)).toBeGreaterThan(0);
    expect(formatAddress(address)).toBe(`127.0.0.1:${portOf(address)}`);
    expect(await greetingOf({ host: '127.0.0.1', port: portOf(address) })).toBe('hello');
  });

  it('without a host listens on every address of the machine, IPv4 and IPv6', async () => {
    const { address } = await listening(greeter(), ':0');
    const hosts = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal }) => internal)
      .map((found) => found.address);
    expect(hosts).toContain('127.0.0.1');
    for (const host of hosts) {
      expect(await greetingOf({ host, port: portOf(address) })).toBe('hello');
    }
  });

  it('refuses a busy port by naming the listener, the address and what to do', async () => {
    const { address } = await listening(greeter(), '127.0.0.1:0');
    const error = await refused(formatAddress(address));
    expect(error.code).toBe('ERR_LISTEN');
    expect(error.message).toBe(
      `The listener "check" can't listen on ${formatAddress(address)}: ` +
        'the address is in use: stop what listens there, or choose another address',
    );
    expect(error.cause).toMatchObject({ code: 'EADDRINUSE' });
  });

  it('refuses an address that this machine does not have', async () => {
    expect((await refused('203.0.113.1:0')).message).toContain('this machine has no such address');
  });
});

describe('a unix socket listener', () => {
  it('is reached by its path, has the mode 0660, and removes its file when closed', async () => {
    const path = join(folder, 'check.sock');
    const { close, address } = await listening(greeter(), `unix:${path}`);
    expect(address).toEqual({ kind: 'unix', path });
    expect((await stat(path)).mode & 0o777).toBe(0o660);
    expect(await greetingOf({ path })).toBe('hello');
    await close();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('has the mode that it is given', async () => {
    const path = join(folder, 'check.sock');
    await listening(greeter(), `unix:${path}`, 0o600);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('takes the place of a socket file that nobody listens on', async () => {
    const path = join(folder, 'check.sock');
    await staleSocket(path);
    await expect(greetingOf({ path })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await listening(greeter(), `unix:${path}`);
    expect(await greetingOf({ path })).toBe('hello');
  });

  it('leaves a socket alone that somebody listens on', async () => {
    const path = join(folder, 'check.sock');
    await listening(greeter(), `unix:${path}`);
    const error = await refused(`unix:${path}`);
    expect(error.message).toContain(`unix:${path}: the address is in use`);
    expect(await greetingOf({ path })).toBe('hello');
  });

  it('leaves a file alone that is no socket', async () => {
    const path = join(folder, 'notes.txt');
    await writeFile(path, 'notes');
    expect((await refused(`unix:${path}`)).message).toContain('the address is in use');
    expect(await readFile(path, 'utf8')).toBe('notes');
  });

  it('says that its folder does not exist', async () => {
    const error = await refused(`unix:${join(folder, 'no', 'check.sock')}`);
    expect(error.message).toContain('the folder of the socket does not exist');
  });
});

describe('closing a listener', () => {
  it('waits for its connections, and accepts no new one meanwhile', async () => {
    const { address, close } = await listening(greeter(), '127.0.0.1:0');
    const where = { host: '127.0.0.1', port: portOf(address) };
    const client = net.connect(where);
    await once(client, 'data');
    let ended = false;
    const closed = close().then(() => (ended = true));
    await expect(greetingOf(where)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(ended).toBe(false);
    client.destroy();
    await closed;
  });

  it('cuts the connections that are left when its time is over, also at a second call', async () => {
    const { address, close } = await listening(greeter(), '127.0.0.1:0');
    const client = net.connect({ host: '127.0.0.1', port: portOf(address) });
    await once(client, 'data');
    const patient = close();
    await Promise.all([once(client, 'close'), close(10), patient]);
  });

  it('lets a running HTTP request end, and its kept-alive connection with it', async () => {
    let answer: (() => void) | undefined;
    const server = http.createServer((request, response) => {
      if (request.url === '/wait') answer = () => response.end('late');
      else response.end('now');
    });
    const { address, close } = await listening(server, '127.0.0.1:0');
    const client = net.connect({ host: '127.0.0.1', port: portOf(address) });
    let received = '';
    client.on('data', (chunk: Buffer) => (received += chunk.toString()));
    client.write('GET /now HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(client, 'data');
    expect(received).toMatch(/connection: keep-alive/i);
    received = '';
    client.write('GET /wait HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(server, 'request');
    const closed = close();
    answer?.();
    await Promise.all([closed, once(client, 'close')]);
    expect(received).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(received).toMatch(/\r\nconnection: close\r\n/i);
    expect(received).toMatch(/\r\n\r\nlate$/);
  });

  it('ends a kept-alive HTTP connection whose answer had begun, once it is whole', async () => {
    const begun: http.ServerResponse[] = [];
    const server = http.createServer((_request, response) => {
      begun.push(response);
      response.write('begun');
    });
    const { address, close } = await listening(server, '127.0.0.1:0');
    const client = net.connect({ host: '127.0.0.1', port: portOf(address) });
    client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(client, 'data');
    const closed = close();
    begun.forEach((response) => response.end());
    await Promise.all([closed, once(client, 'close')]);
  });
});
