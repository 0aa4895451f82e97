/** TCP ports on 127.0.0.1: finds free ones, and tells whether one is taken. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** The named port can't be listened on; the message says what to do. */
export class PortError extends Error {
  override readonly name = 'PortError';
  readonly code = 'ERR_PORT_UNAVAILABLE';
}

/** Below the kernel's ephemeral range, so that no outgoing connection takes the port before its owner does. */
const RANGE = { from: 20_000, to: 32_000 } as const;

/** Ports given out by this process, so that two callers at once get two. */
const given = new Set<number>();

/** A port that nobody listens on now. It isn't held: who takes it should do so soon. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(RANGE.from, RANGE.to);
    if (given.has(port)) continue;
    given.add(port);
    if ((await whyNot(port)) === undefined) return port;
  }
}

/** @throws PortError where 127.0.0.1:PORT can't be listened on. */
export async function assertPortFree(port: number): Promise<void> {
  const problem = await whyNot(port);
  if (problem === 'EADDRINUSE') throw portInUse(port);
  if (problem !== undefined) {
    throw new PortError(
      `127.0.0.1:${port} can't be listened on (${problem}): set PORT=N to use another port.`,
    );
  }
}

export function portInUse(port: number): PortError {
  return new PortError(
    `127.0.0.1:${port} is in use: stop what listens there, or set PORT=N to use another port.`,
  );
}

/** The error code of listening on the port, undefined where that works. */
async function whyNot(port: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
