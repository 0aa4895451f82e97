/** `npm run quickstart`: starts the demo, prints what to try, and ends everything on Ctrl-C. */
import { openSession } from './sessions.ts';
import { startStack } from './stack.ts';
import type { Stack } from './stack.ts';
import { demoSteps } from './steps.ts';
import { describeBrowser, describePlaces, describeSteps } from './transcript.ts';
import type { Loss } from './watch.ts';

const DEFAULT_PORT = 8080;
const RESTART_VALKEY_AFTER_MS = 5000;
/** What has not ended by then is killed by the reaper. */
const STOP_MS = 15_000;

const say = (text: string) => void process.stdout.write(`${text}\n`);

/** Aborts at the first signal. Later ones change nothing: npm, the terminal and an impatient user all send their own. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  const interrupt = () => {
    interrupted.abort();
    setTimeout(() => process.exit(1), STOP_MS).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  if (process.env['npm_lifecycle_event'] !== undefined) whenOrphaned(interrupt);
  // The terminal may be gone before the parts are.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return interrupted.signal;
}

/** npm, or what it runs scripts with, may be killed in a way that it can't pass on. */
function whenOrphaned(act: () => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && act(), 500).unref();
}

/** @throws Error where `PORT` is no port. */
function portFrom(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_PORT;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new Error(`PORT is "${text}": it must be a number from 1 to 65535.`);
}

/** Exit code 0 once everything has ended by request, 1 where something went wrong. */
async function quickstart(signal: AbortSignal): Promise<number> {
  try {
    const port = portFrom(process.env['PORT']);
    say('Starting Valkey, an identity provider, two apps, Singlestate and Envoy ...');
    await using stack = await startStack({
      port,
      signal,
      restartValkeyAfterMs: RESTART_VALKEY_AFTER_MS,
      say,
    });
    await introduce(stack, signal);
    const loss = await Promise.race([aborted(signal), stack.loss]);
    if (!loss) say('\nStopping ...');
    else process.stderr.write(lossReport(loss));
    return loss ? 1 : 0;
  } catch (error) {
    if (signal.aborted) return 0;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function introduce(stack: Stack, signal: AbortSignal): Promise<void> {
  const [alice, bob] = [await openSession(stack, 'alice', signal), await openSession(stack, 'bob', signal)];
  const { url, api, credentialFile, valkey } = stack;
  const steps = demoSteps({ url, api, credentialFile, valkeyPid: valkey.pid, alice, bob });
  say(`\n${describePlaces(stack)}\n`);
  say(`${describeBrowser(url)}\n`);
  say('Paste these into another shell in this folder. The tokens are good for an hour.\n');
  say(describeSteps(steps));
  say('\nCtrl-C stops everything.');
}

const aborted = (signal: AbortSignal) =>
  new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });

const lossReport = ({ name, how, log }: Loss) =>
  `${name} ended by itself (${how}), so everything is stopped. The end of its log:\n${log}\n`;

process.exit(await quickstart(interruption()));
