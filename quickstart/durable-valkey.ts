/** A Valkey that keeps its data on disk, and is started again after its end where that is asked for. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Reaper } from './reaper.ts';
import { startValkey } from './valkey.ts';
import type { RunningValkey } from './valkey.ts';

export interface DurableValkeyOptions {
  readonly binary: string;
  /** For its data and its log. */
  readonly folder: string;
  readonly reaper: Reaper;
  /** How long after its end it is started again, as an orchestrator would do it. Undefined: it stays ended. */
  readonly restartAfterMs: number | undefined;
  /** Told of its ends and starts, in sentences. */
  readonly say: ((sentence: string) => void) | undefined;
}

export interface DurableValkey {
  readonly valkey: RunningValkey;
  /** Ends it for good, also while it is being started again. */
  readonly stop: () => Promise<void>;
}

/**
 * Every write is with the operating system before it is acknowledged, so that a session outlives the process. It may not
 * outlive the machine: waiting for the disk would cost a busy laptop more than the store's deadline.
 */
export async function startDurableValkey(options: DurableValkeyOptions): Promise<DurableValkey> {
  const { binary, folder: directory, restartAfterMs, reaper } = options;
  const durable = ['--appendonly', 'yes', '--appendfsync', 'no'];
  const valkey = await startValkey({ binary, directory, arguments: durable, reaper });
  const ending = new AbortController();
  const kept =
    restartAfterMs === undefined ? undefined : keep(valkey, options, restartAfterMs, ending.signal);
  const stop = async () => {
    ending.abort();
    await valkey.stop();
    // It may have been starting again meanwhile.
    await kept;
    await valkey.stop();
  };
  return { valkey, stop };
}

async function keep(
  valkey: RunningValkey,
  { say }: DurableValkeyOptions,
  restartAfterMs: number,
  signal: AbortSignal,
): Promise<void> {
  const isOver = () => signal.aborted;
  for (;;) {
    const how = await valkey.ended;
    if (isOver()) return;
    say?.(`Valkey ended (${how}). It is started again in ${restartAfterMs / 1000} s.`);
    await delay(restartAfterMs, undefined, { signal }).catch(() => undefined);
    if (isOver()) return;
    try {
      await valkey.restart();
    } catch (error) {
      say?.(`Valkey can't be started again: ${String(error)}`);
      return;
    }
    say?.(`Valkey runs again, as process ${valkey.pid}.`);
  }
}
