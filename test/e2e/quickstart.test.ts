import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../../quickstart/command.ts';
import { openSession } from '../../quickstart/sessions.ts';
import { startStack } from '../../quickstart/stack.ts';
import type { Stack } from '../../quickstart/stack.ts';
import { demoSteps } from '../../quickstart/steps.ts';
import type { Scene, Step } from '../../quickstart/steps.ts';

const shell = promisify(execFile);

/** A line as it is pasted into a shell in the repository's folder. */
async function paste(line: string): Promise<string> {
  const { stdout } = await shell('/bin/sh', ['-c', line], { cwd: ROOT, timeout: 25_000 });
  return stdout;
}

interface Answer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** The last of the answers that `curl -i` printed: with `--retry` there may be several, one right after the other. */
function lastAnswer(printed: string): Answer {
  const last = printed.split(/(?=HTTP\/1\.1 \d)/).at(-1) ?? '';
  const [headers = '', body = ''] = last.split('\r\n\r\n', 2);
  return { status: Number(headers.split(' ')[1]), headers: headers.toLowerCase(), body };
}

/** Long enough for curl to meet a Valkey that is not there. */
const RESTART_VALKEY_AFTER_MS = 2000;

/** For the titles; the scene itself is known once the stack runs. */
const session = { ref: '', token: '' };
const nowhere: Scene = { url: '', api: '', credentialFile: '', valkeyPid: 0, alice: session, bob: session };

describe('a line that the quickstart prints shows what it says', () => {
  let stack: Stack;
  let steps: readonly Step[];

  beforeAll(async () => {
    await shell('curl', ['--version']).catch((cause: unknown) => {
      throw new Error('curl is missing: install it (Debian: apt-get install curl).', { cause });
    });
    stack = await startStack({ restartValkeyAfterMs: RESTART_VALKEY_AFTER_MS });
    const [alice, bob] = [await openSession(stack, 'alice'), await openSession(stack, 'bob')];
    steps = demoSteps({ ...stack, valkeyPid: stack.valkey.pid, alice, bob });
  });
  afterAll(async () => stack.stop());

  test.each(demoSteps(nowhere).map(({ title }, index) => ({ title, index })))('$title', async ({ index }) => {
    const step = steps[index];
    if (step === undefined) throw new Error(`There is no step ${index}.`);
    const { before = [], request, expect: expected } = step;
    for (const line of before) await paste(line);
    const { status, headers, body } = lastAnswer(await paste(request));
    expect(status).toBe(expected.status);
    if (status === 200) {
      const { headers: received } = JSON.parse(body) as { headers: Record<string, string> };
      for (const [name, value] of Object.entries(expected.received ?? {})) {
        expect(received[name] ?? null, name).toBe(value);
      }
    } else {
      const problem = JSON.parse(body) as { status: number; reason: string };
      expect(problem.status).toBe(status);
      if (expected.reason !== undefined) expect(problem.reason).toBe(expected.reason);
      expect(headers.includes('retry-after:')).toBe(status === 503);
      expect(headers).not.toContain('set-cookie');
    }
  });
});
