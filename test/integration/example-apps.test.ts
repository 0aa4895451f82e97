import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { ROOT } from '../../quickstart/command.ts';
import { startExampleApp, startWithBilling, type ExampleApp } from '../parts/example-app.ts';
import { behavesAsExample } from '../parts/example-app-behaviour.ts';
import type { Replicas } from '../parts/replicas.ts';

describe('the example app in Python', () => {
  let running: Replicas;
  let app: ExampleApp;
  beforeAll(async () => {
    running = await startWithBilling();
    app = await startExampleApp(running, 'python3', [join(ROOT, 'examples', 'python-app', 'app.py')]);
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
