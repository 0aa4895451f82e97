/** Waiting for a condition instead of for time. */
import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** What is waited for, for the message. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Asks until the answer is true. @throws Error after the time, or the signal's reason. */
export async function waitUntil(isSo: () => Promise<boolean>, options: WaitOptions): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  while (!(await isSo())) {
    options.signal?.throwIfAborted();
    if (performance.now() > deadline) {
      throw new Error(`${options.what} took longer than ${options.timeoutMs / 1000} s.`);
    }
    await delay(25);
  }
}

/** True where the URL answers 200 within a second. */
export async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
