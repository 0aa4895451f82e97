/** The program, with the store's password in a file that is changed while it runs, as the kubelet does for a Secret. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { startProgram, type Program } from '../parts/program.ts';
import { startValkey } from '../../quickstart/valkey.ts';
import { rawClient } from '../parts/valkey.ts';

// A whole program is started: a minute for a machine that is busy.
vi.setConfig({ testTimeout: 90_000 });

async function untilReadiness({ ops }: Program, status: number, says: RegExp): Promise<void> {
  const isThere = async () => {
    const answer = await fetch(`${ops}/readyz`);
    return answer.status === status && says.test(await answer.text());
  };
  await waitUntil(isThere, { what: `readiness ${status}`, timeoutMs: 30_000 });
}

test('E4 B7 a password of the store that was changed is taken up without a restart', async () => {
  await using valkey = await startValkey();
  await using undo = new AsyncDisposableStack();
  // It stays logged in, whatever the password becomes.
  const raw = rawClient(valkey.url);
  undo.defer(() => raw.disconnect());
  await raw.config('SET', 'requirepass', 'first');
  const config = {
    store: { url: valkey.url, passwordFile: 'password' },
    routes: [{ match: { path: '/' }, require: { public: true } }],
  };
  const program = undo.use(await startProgram({ config, files: { password: 'first\n' } }));
  await raw.config('SET', 'requirepass', 'second');
  await raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await untilReadiness(program, 503, /WRONGPASS/);
  await writeFile(join(program.folder, 'password'), 'second\n');
  await untilReadiness(program, 200, /store ok/);
  expect(await program.check('app.test', '/')).toBe(200);
});
