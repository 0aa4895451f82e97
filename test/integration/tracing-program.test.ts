/** Tracing of the program itself: what it loads, and that its last spans are sent when it is told to end. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { startPart, untilReady, type Part } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk } from '../../quickstart/wait.ts';
import { generateKey } from '../../src/token/key-files.ts';
import { startCollector } from '../parts/otlp-collector.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'singlestate');

/** Told to Node before the program: writes down each module of OpenTelemetry that is loaded. */
const SPY = `import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const [, name] = /@opentelemetry\\/([^/]+)/.exec(resolved.url) ?? [];
    if (name) appendFileSync(process.env.LOADED, name + '\\n');
    return resolved;
  },
});
`;

// Whole programs are started: a minute for a machine that is busy.
vi.setConfig({ testTimeout: 60_000 });

interface Program extends AsyncDisposable {
  readonly part: Part;
  check(): Promise<void>;
  /** Packages below @opentelemetry. */
  loaded(): Promise<ReadonlySet<string>>;
}

async function start(tracing: object | undefined): Promise<Program> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'singlestate-tracing-program-'));
  undo.defer(() => rm(folder, { recursive: true }));
  const [config, spy, loaded] = [
    join(folder, 'singlestate.yaml'),
    join(folder, 'spy.mjs'),
    join(folder, 'loaded'),
  ];
  const ports = {
    check: await freePort(),
    http: await freePort(),
    api: await freePort(),
    ops: await freePort(),
  };
  const listen = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `127.0.0.1:${port}`]));
  const written = {
    listen,
    store: { url: 'memory:' },
    check: { drainDelay: '0s' },
    token: { issuer: 'https://sessions.test', keysDir: 'keys' },
    routes: [{ match: { path: '/' }, require: { public: true } }],
    ...(tracing && { tracing }),
  };
  await writeFile(config, stringify(written));
  await writeFile(spy, SPY);
  await writeFile(loaded, '');
  await generateKey(join(folder, 'keys'), 'EdDSA', Date.now());
  const part = await startPart({
    name: 'Singlestate',
    command: BIN,
    args: ['serve', '--config', config],
    env: { NODE_OPTIONS: `--import=${spy}`, LOADED: loaded },
    logFile: join(folder, 'log'),
  });
  undo.defer(() => part.stop());
  await untilReady(part, () => answersOk(`http://127.0.0.1:${ports.ops}/readyz`), { timeoutMs: 45_000 });
  const down = undo.move();
  return {
    part,
    async check() {
      const { status } = await fetch(`http://127.0.0.1:${ports.http}/`);
      expect(status).toBe(200);
    },
    loaded: async () => new Set((await readFile(loaded, 'utf8')).split('\n').filter((name) => name !== '')),
    [Symbol.asyncDispose]: () => down.disposeAsync(),
  };
}

test('what is not traced loads nothing of OpenTelemetry but the API, which the metrics need', async () => {
  await using program = await start(undefined);
  await program.check();
  expect([...(await program.loaded())]).toEqual(['api']);
});

test('SIGTERM sends the last spans', async () => {
  await using collector = await startCollector();
  await using program = await start({ endpoint: collector.url });
  await program.check();
  process.kill(program.part.pid, 'SIGTERM');
  expect(await program.part.ended).toBe('exit code 0');
  expect(collector.spans).toMatchObject([{ kind: 2, attributes: { 'singlestate.decision': 'allow' } }]);
  expect(await program.loaded()).toContain('sdk-trace');
});

test('D5 SIGTERM is not held up by a collector that is silent', async () => {
  await using collector = await startCollector();
  collector.behave('hang');
  await using program = await start({ endpoint: collector.url });
  await program.check();
  const before = performance.now();
  process.kill(program.part.pid, 'SIGTERM');
  expect(await program.part.ended).toBe('exit code 0');
  // Three seconds for the collector; the rest is for a machine that is busy.
  expect(performance.now() - before).toBeLessThan(8_000);
});
