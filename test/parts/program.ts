/** One `singlestate serve` by itself, with its sessions in memory: for what the whole process does. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPart, untilReady, type Part } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk } from '../../quickstart/wait.ts';
import { generateKey } from '../../src/token/key-files.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'singlestate');

export interface ProgramOptions {
  /** Besides listeners, store and keys. Paths in it are relative to a folder of its own. */
  readonly config: Readonly<Record<string, unknown>>;
  /** File name in that folder -> what is in it. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** It counts as started once this answers 200. Default `/readyz`. */
  readonly startedAt?: '/livez' | '/readyz';
}

export interface Program extends AsyncDisposable {
  readonly part: Part;
  /** Where its configuration and its files are. */
  readonly folder: string;
  /** The listener of metrics and health, as a URL. */
  readonly ops: string;
  /** The Session API, as a URL. */
  readonly api: string;
  /** The status of a check of a GET, over the listener `http`. */
  check(host: string, path: string): Promise<number>;
}

export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { config, files = {}, env = {}, startedAt = '/readyz' } = options;
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'singlestate-program-'));
  undo.defer(() => rm(folder, { recursive: true }));
  const [check, http, api, ops] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const ports = Object.entries({ check, http, api, ops });
  const written = {
    listen: Object.fromEntries(ports.map(([name, port]) => [name, `127.0.0.1:${port}`])),
    store: { url: 'memory:' },
    check: { drainDelay: '0s' },
    token: { issuer: 'https://sessions.test', keysDir: 'keys' },
    ...config,
  };
  const whole = { 'singlestate.yaml': JSON.stringify(written), ...files };
  for (const [name, text] of Object.entries(whole)) await writeFile(join(folder, name), text);
  await generateKey(join(folder, 'keys'), 'EdDSA', Date.now());
  const part = await startPart({
    name: 'Singlestate',
    command: BIN,
    args: ['serve', '--config', join(folder, 'singlestate.yaml')],
    env,
    logFile: join(folder, 'log'),
  });
  undo.defer(() => part.stop());
  const url = `http://127.0.0.1:${ops}`;
  await untilReady(part, () => answersOk(`${url}${startedAt}`), { timeoutMs: 45_000 });
  const down = undo.move();
  return {
    part,
    folder,
    ops: url,
    api: `http://127.0.0.1:${api}`,
    check: (host, path) => statusOf(http, host, path),
    [Symbol.asyncDispose]: () => down.disposeAsync(),
  };
}

/** `fetch` sends no Host but that of its URL. */
function statusOf(port: number, host: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject).end();
  });
}
