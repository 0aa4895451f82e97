import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { TlsChannel } from '../../src/net/tls-channel.ts';
import { createTestCa } from '../parts/certificates.ts';

const ca = createTestCa('root');
const { certificate, key } = ca.issue({ dns: ['localhost'] });

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Both ends of a connection, the server's one as a channel. */
async function pair(): Promise<{ channel: TlsChannel; client: tls.TLSSocket; inner: tls.TLSSocket }> {
  const server = tls.createServer({ cert: certificate, key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ host: '127.0.0.1', port, ca: ca.certificate, servername: 'localhost' });
  client.on('error', () => undefined);
  const [inner] = (await once(server, 'secureConnection')) as [tls.TLSSocket];
  const channel = new TlsChannel(inner);
  channel.on('error', () => undefined);
  ends.push(() => {
    client.destroy();
    channel.destroy();
    server.close();
  });
  return { channel, client, inner };
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('a TLS channel', () => {
  it('lets nothing come between what was written as one', async () => {
    const { channel, client } = await pair();
    let isWriting = true;
    const interrupt = () => {
      channel.writeBetween(Buffer.from('|'));
      if (isWriting) setImmediate(interrupt);
    };
    interrupt();
    for (let turn = 0; turn < 100; turn += 1) {
      channel.cork();
      for (const part of ['<', 'a'.repeat(100_000), '>']) channel.write(part);
      channel.uncork();
    }
    // Read only now: by the time one part has left, others wait for room.
    const received = textOf(client);
    await new Promise<void>((resolve) => void channel.write('', () => resolve()));
    isWriting = false;
    channel.end();
    const text = await received;
    expect(text.match(/<a*>/g)).toHaveLength(100);
    expect(text.replaceAll(/<a*>/g, '')).toMatch(/^\|+$/);
  });

  it('reads no faster than its reader', async () => {
    const { channel, client, inner } = await pair();
    const sent = 8 * 1024 * 1024;
    client.end(Buffer.alloc(sent, 'a'));
    await once(inner, 'pause');
    expect(channel.readableLength).toBeLessThan(1024 * 1024);
    expect(await textOf(channel)).toHaveLength(sent);
  });

  it('ends, and is cut, with its connection', async () => {
    const ended = await pair();
    ended.client.end();
    expect(await textOf(ended.channel)).toBe('');
    const cut = await pair();
    cut.client.destroy();
    await new Promise((resolve) => cut.channel.resume().once('close', resolve));
    expect(cut.inner.destroyed).toBe(true);
    cut.channel.writeBetween(Buffer.from('late'));
  });

  it('cuts its connection when it is destroyed', async () => {
    const { channel, client } = await pair();
    channel.destroy();
    await new Promise((resolve) => client.resume().once('close', resolve));
  });
});
