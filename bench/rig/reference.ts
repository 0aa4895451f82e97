/** The yardstick: bench/reference-go, a bare ext_authz server in Go, with the value that it reads. */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { startCheckServer, type CheckServer } from './check-server.ts';
import { buildGoProgram } from './go-programs.ts';
import type { Run } from './run.ts';

/** What the reference reads is as long as a usual session document. */
const VALUE_BYTES = 700;
const KEY = 'bench:reference';

/** The `x-session-subject` that it sets on every request. */
export const REFERENCE_SUBJECT = 'reference';

export async function startReference(run: Run, valkeyPort: number): Promise<CheckServer> {
  const program = buildGoProgram('reference-go');
  await writeValue(valkeyPort);
  return startCheckServer(run, {
    name: 'reference-go',
    command: program,
    argsFor: (port) => ['-listen', `127.0.0.1:${port}`, '-redis', `127.0.0.1:${valkeyPort}`, '-key', KEY],
  });
}

async function writeValue(valkeyPort: number): Promise<void> {
  const redis = new Redis(valkeyPort, '127.0.0.1');
  try {
    await redis.set(KEY, randomBytes(VALUE_BYTES / 2).toString('hex'));
  } finally {
    redis.disconnect();
  }
}
