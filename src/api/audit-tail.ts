/** Follows the audit trail as it grows, each record once. Hides the polling, and the store's outages. */
import { setTimeout as delay } from 'node:timers/promises';
import { createBackoff } from '../session/backoff.ts';
import type { AuditPage, AuditRecord, AuditTrail } from '../session/audit.ts';
import { StoreError } from '../session/store.ts';
import type { AuditSelection } from './audit-message.ts';

export interface TailTimes {
  /** How long to wait where there was nothing new. */
  readonly pollMs: number;
  /** The longest silence: after it comes a step without records. */
  readonly heartbeatMs: number;
  /** After so long the tail ends by itself. */
  readonly lifeMs: number;
}

export interface TailStep {
  readonly records: readonly AuditRecord[];
  /** Where to go on after these records; undefined at the very beginning. */
  readonly position: string | undefined;
}

const PAGE_SIZE = 500;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;

/**
 * The first step comes at once, without records. A store that does not answer is asked again, from where the tail stands.
 * Ends when `signal` is aborted, and after `lifeMs`. Whatever else the store throws passes: RangeError where `after` is
 * no position of its.
 */
export async function* tailTrail(
  trail: Pick<AuditTrail, 'audit'>,
  selection: AuditSelection,
  after: string | undefined,
  times: TailTimes,
  signal: AbortSignal,
): AsyncGenerator<TailStep> {
  const backoff = createBackoff({ firstMs: FIRST_RETRY_MS, longestMs: LONGEST_RETRY_MS });
  const beganAt = performance.now();
  let spokeAt = beganAt;
  let position = after;
  yield { records: [], position };
  while (!signal.aborted && performance.now() - beganAt < times.lifeMs) {
    const page = await nextPage(trail, selection, position);
    position = page?.position ?? position;
    const records = page?.records ?? [];
    if (records.length > 0 || performance.now() - spokeAt >= times.heartbeatMs) {
      yield { records, position };
      spokeAt = performance.now();
    }
    if (page !== undefined) backoff.reset();
    if (page?.more !== true) await pause(page === undefined ? backoff.nextMs() : times.pollMs, signal);
  }
}

/** Undefined where the store does not answer. */
async function nextPage(
  trail: Pick<AuditTrail, 'audit'>,
  selection: AuditSelection,
  after: string | undefined,
): Promise<AuditPage | undefined> {
  try {
    return await trail.audit({ ...selection, ...(after !== undefined && { after }), limit: PAGE_SIZE });
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
