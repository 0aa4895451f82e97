import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { assertPortFree, freePort } from '../../../quickstart/ports.ts';

test('a free port can be listened on, and no port is given out twice', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  expect(new Set(ports).size).toBe(20);
  await Promise.all(ports.map(assertPortFree));
});

test('a port in use is named, with what to do', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await expect(assertPortFree(port)).rejects.toMatchObject({
    code: 'ERR_PORT_UNAVAILABLE',
    message: `127.0.0.1:${port} is in use: stop what listens there, or set PORT=N to use another port.`,
  });
  await new Promise((resolve) => server.close(resolve));
  await expect(assertPortFree(port)).resolves.toBeUndefined();
});
