/** Tracing of the program itself: what it loads, and that its last spans are sent when it is told to end. */
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startCollector } from '../parts/otlp-collector.ts';
import { startProgram } from '../parts/program.ts';

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

async function start(tracing: object | undefined) {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await mkdtempDisposable(join(tmpdir(), 'singlestate-tracing-program-'))).path;
  const [spy, loaded] = [join(folder, 'spy.mjs'), join(folder, 'loaded')];
  await writeFile(spy, SPY);
  await writeFile(loaded, '');
  const program = undo.use(
    await startProgram({
      config: { routes: [{ match: { path: '/' }, require: { public: true } }], ...(tracing && { tracing }) },
      env: { NODE_OPTIONS: `--import=${spy}`, LOADED: loaded },
    }),
  );
  const down = undo.move();
  return {
    part: program.part,
    check: async () => expect(await program.check('app.test', '/')).toBe(200),
    /** Packages below @opentelemetry. */
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
