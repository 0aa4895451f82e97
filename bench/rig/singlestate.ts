/** Singlestate as its users run it: `bin/singlestate serve`, default settings, a route that requires a scope. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../quickstart/ports.ts';
import { generateKey } from '../../src/token/key-files.ts';
import { startCheckServer, type CheckServer, type CheckTransport } from './check-server.ts';
import { REQUEST_HOST } from './load.ts';
import { openLogPipe } from './log-pipe.ts';
import type { Run } from './run.ts';
import { openSessions, REQUIRED_SCOPE, type OpenSession } from './sessions.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TOKEN_ISSUER = 'https://sessions.example.com';
const KEY_PREFIX = 'singlestate:';

/** What servers share that shall answer for the same sessions. */
export interface SessionSource {
  readonly valkeyPort: number;
  readonly keysDir: string;
  /** New sessions in the store, each with a token that every server of this source takes. */
  readonly openSessions: (count: number) => Promise<OpenSession[]>;
}

export async function createSessionSource(run: Run, valkeyPort: number): Promise<SessionSource> {
  const keysDir = join(run.dir, 'token-keys');
  await generateKey(keysDir, 'EdDSA', Date.now());
  const place = { valkeyPort, keyPrefix: KEY_PREFIX, keysDir, tokenIssuer: TOKEN_ISSUER };
  return { valkeyPort, keysDir, openSessions: (count) => openSessions({ ...place, count }) };
}

export interface SinglestateOptions {
  readonly name: string;
  readonly source: SessionSource;
  /** Runs the program on Node with these flags, in place of those of `bin/singlestate`. */
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Which of its listeners is measured. Default `grpc`. */
  readonly transport?: CheckTransport;
  /** Keys of its configuration, besides those that every variant has. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface Singlestate {
  readonly server: CheckServer;
  /** Of 127.0.0.1, where it serves /metrics. */
  readonly opsPort: number;
}

/** Starts it. Its decision log is on, and goes into a pipe. It ends with the run. */
export async function startSinglestate(run: Run, options: SinglestateOptions): Promise<Singlestate> {
  const { name, source, nodeFlags, env = {}, transport = 'grpc', config: more } = options;
  const [apiPort, opsPort, otherPort] = [await freePort(), await freePort(), await freePort()];
  const configFile = join(run.dir, `${name}.yaml`);
  const script = nodeFlags ? [...nodeFlags, join(ROOT, 'src', 'main.ts')] : [];
  const server = await startCheckServer(run, {
    name,
    env,
    transport,
    command: nodeFlags ? process.execPath : join(ROOT, 'bin', 'singlestate'),
    argsFor: (port) => {
      const [checkPort, httpPort] = transport === 'http' ? [otherPort, port] : [port, otherPort];
      const config = { ...configuration({ checkPort, httpPort, apiPort, opsPort, source }), ...more };
      writeFileSync(configFile, JSON.stringify(config, null, 2));
      return [...script, 'serve', '--config', configFile];
    },
    logFile: await openLogPipe(run, join(run.dir, `${name}.log`)),
  });
  return { server, opsPort };
}

interface Places {
  readonly checkPort: number;
  readonly httpPort: number;
  readonly apiPort: number;
  readonly opsPort: number;
  readonly source: SessionSource;
}

/** JSON is YAML too. Whatever is not said here has its default. */
function configuration({ checkPort, httpPort, apiPort, opsPort, source }: Places): object {
  const methods = (path: string, app: string) => [
    { match: { host: REQUEST_HOST, path, methods: ['GET'] }, app, require: { all: [REQUIRED_SCOPE] } },
    { match: { host: REQUEST_HOST, path, methods: ['PUT'] }, app, require: { all: ['invoices:write'] } },
  ];
  return {
    listen: {
      check: `127.0.0.1:${checkPort}`,
      http: `127.0.0.1:${httpPort}`,
      api: `127.0.0.1:${apiPort}`,
      ops: `127.0.0.1:${opsPort}`,
    },
    // A benchmark ends when it is over.
    check: { drainDelay: '0s' },
    store: { url: `redis://127.0.0.1:${source.valkeyPort}`, keyPrefix: KEY_PREFIX },
    token: { issuer: TOKEN_ISSUER, keysDir: source.keysDir },
    apps: {
      billing: { reads: { scopes: ['invoices:*'], attributes: ['email_domain'], slices: ['cart'] } },
      reports: { reads: { scopes: ['reports:*'] } },
    },
    routes: [
      ...methods('/invoices/{id}', 'billing'),
      ...methods('/invoices/{id}/lines/{line}', 'billing'),
      { match: { host: REQUEST_HOST, path: '/public/{rest*}' }, require: { public: true } },
      { match: { path: '/reports/{rest*}' }, app: 'reports', require: { all: ['reports:read'] } },
    ],
  };
}
