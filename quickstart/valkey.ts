/** Runs a Valkey (or a Redis) on 127.0.0.1 that can be stalled, killed and brought back; hides its arguments. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastLines, startPart, type Part } from './part.ts';
import { valkeyBinary } from './parts.ts';
import { freePort, PortError } from './ports.ts';
import type { Reaper } from './reaper.ts';
import { waitUntil } from './wait.ts';

export interface ValkeyOptions {
  /** valkey-server or redis-server. Default: `valkeyBinary()`. */
  readonly binary?: string | undefined;
  /** Default: one that is free. */
  readonly port?: number | undefined;
  /** For its log file. Default: a temporary folder that `stop` removes. */
  readonly directory?: string | undefined;
  /** Further arguments, as valkey.conf would say them. Without any, nothing is kept on disk. */
  readonly arguments?: readonly string[] | undefined;
  /** Kills it, should this process be killed. */
  readonly reaper?: Reaper | undefined;
}

export interface RunningValkey extends AsyncDisposable {
  /** `redis://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** Of the process of now: a restart changes it. */
  readonly pid: number;
  readonly logFile: string;
  /** Resolves once the process of now has ended, whoever ended it. */
  readonly ended: Promise<string>;
  /** Ends it in good order, also while it is paused or already gone. May be called again. */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL): connections break, and nothing listens on the port. */
  kill(): Promise<void>;
  /** Stalls it (SIGSTOP): connections stay open and new ones are accepted by the kernel, but nothing is answered. */
  pause(): void;
  resume(): void;
  /** Kills it if it runs, and starts it anew on the same port: empty, unless `arguments` made it keep something. */
  restart(): Promise<void>;
}

const READY_WITHIN_MS = 10_000;

/**
 * Resolves once it answers PING.
 * @throws PortError where the port is in use, and Error with the end of the log for any other failed start.
 */
export async function startValkey(options: ValkeyOptions = {}): Promise<RunningValkey> {
  const binary = options.binary ?? (await valkeyBinary());
  const port = options.port ?? (await freePort());
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'valkey-')));
  const logFile = join(directory, 'valkey.log');
  const { arguments: more = [], reaper } = options;
  const launch = () => launchValkey({ binary, port, directory, logFile, more, reaper });
  const cleanUp = async () => {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };

  let part = await launch().catch(async (error: unknown) => {
    await cleanUp();
    throw error;
  });
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(part.pid, name);
    } catch {
      // It has ended.
    }
  };
  const onExit = () => signal('SIGKILL');
  process.on('exit', onExit);

  async function kill() {
    signal('SIGKILL');
    await part.ended;
  }

  async function stop() {
    // A stopped process takes no SIGTERM.
    signal('SIGCONT');
    await part.stop();
    process.off('exit', onExit);
    await cleanUp();
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    logFile,
    get pid() {
      return part.pid;
    },
    get ended() {
      return part.ended;
    },
    stop,
    kill,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async restart() {
      await kill();
      part = await launch();
    },
    [Symbol.asyncDispose]: stop,
  };
}

interface Launch {
  readonly binary: string;
  readonly port: number;
  readonly directory: string;
  readonly logFile: string;
  readonly more: readonly string[];
  readonly reaper: Reaper | undefined;
}

async function launchValkey({ binary, port, directory, logFile, more, reaper }: Launch): Promise<Part> {
  const part = await startPart({
    name: 'Valkey',
    command: binary,
    args: [
      ...['--bind', '127.0.0.1', '--port', String(port), '--dir', directory],
      ...['--save', '', '--appendonly', 'no', '--daemonize', 'no', '--logfile', ''],
      ...more,
    ],
    logFile,
    reaper,
  });
  let hasEnded = false as boolean;
  void part.ended.then(() => (hasEnded = true));
  try {
    const what = "Valkey's start";
    await waitUntil(async () => hasEnded || answersPing(port), { what, timeoutMs: READY_WITHIN_MS });
  } catch (error) {
    await part.stop();
    throw error;
  }
  if (hasEnded) throw await startFailure(part, port);
  return part;
}

async function startFailure(part: Part, port: number): Promise<Error> {
  const lines = await lastLines(part.logFile);
  if (lines.includes('Address already in use')) {
    return new PortError(
      `Valkey can't listen on 127.0.0.1:${port}, which is in use: stop what listens there.`,
    );
  }
  return new Error(`Valkey ended at its start (${await part.ended}):\n${lines}`);
}

/** In the inline form of the protocol, which needs no client. */
async function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once('data', (reply) => settle(reply.toString().startsWith('+PONG')));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
  });
}
