import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe } from 'vitest';
import { ROOT } from '../../quickstart/command.ts';
import { startExampleApp, startWithBilling, type ExampleApp } from '../parts/example-app.ts';
import { behavesAsExample } from '../parts/example-app-behaviour.ts';
import type { Replicas } from '../parts/replicas.ts';

describe('the example app in Go', () => {
  let running: Replicas;
  let app: ExampleApp;
  beforeAll(async () => {
    running = await startWithBilling();
    const binary = join(running.folder, 'go-app');
    const cwd = join(ROOT, 'examples', 'go-app');
    await promisify(execFile)('go', ['build', '-o', binary, '.'], { cwd });
    app = await startExampleApp(running, binary, []);
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await running[Symbol.asyncDispose]();
  });

  behavesAsExample(
    () => app,
    () => running,
  );
});
