/** Reads a tail of the audit trail for as long as it is wanted. Hides lost connections: no record is missed, none comes twice. */
import { setTimeout as delay } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  AuditService,
  type AuditFilterSchema,
  type AuditRecord,
  type TailAuditResponse,
} from '../gen/singlestate/audit/v1/audit_pb.ts';
import { createBackoff } from '../session/backoff.ts';
import { callFailure, isRefusal, openApi, type ApiOptions } from './api-client.ts';

export interface Following {
  readonly question: {
    readonly filter: MessageInitShape<typeof AuditFilterSchema>;
    readonly from?: Timestamp;
  };
  /** Where to begin; empty for where the question says. */
  readonly position: string;
  /** Called with what is new, one call after the other. */
  readonly onRecords: (records: readonly AuditRecord[], position: string) => Promise<void>;
  /** The connection was lost, and is made anew. `problem` is one line. */
  readonly onLost: (problem: string) => void;
  readonly signal: AbortSignal;
}

/** The API answers every 20 seconds at least: after three times that nobody is there. */
const LONGEST_SILENCE_MS = 60_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;

/**
 * Resolves when `signal` is aborted. Rejects with `CliError` where the API refuses, and where it can't be reached at the
 * very beginning; a connection that is lost later is made anew, for as long as it takes.
 */
export async function followAudit(options: ApiOptions, following: Following): Promise<void> {
  const backoff = createBackoff({ firstMs: FIRST_RETRY_MS, longestMs: LONGEST_RETRY_MS });
  const { signal, onRecords, onLost } = following;
  let { position } = following;
  let hasBegun = false;
  const isOver = () => signal.aborted;
  while (!isOver()) {
    try {
      for await (const answer of answers(options, { ...following, position })) {
        hasBegun = true;
        backoff.reset();
        position = answer.position;
        await onRecords(answer.records, position);
      }
    } catch (thrown) {
      if (isOver()) return;
      if (!(thrown instanceof ConnectError)) throw thrown;
      const failure = callFailure(options, thrown);
      if (!hasBegun || !isPassing(thrown.code)) throw failure;
      onLost(failure.message);
    }
    await delay(backoff.nextMs(), undefined, { signal }).catch(() => undefined);
  }
}

/** One connection's answers. Ends, or fails with `ConnectError`, where the connection does, and where it falls silent. */
async function* answers(
  options: ApiOptions,
  { question, position, signal }: Pick<Following, 'question' | 'position' | 'signal'>,
): AsyncGenerator<TailAuditResponse> {
  const { client, headers } = await openApi(AuditService, options);
  const silence = new AbortController();
  const listen = (ms: number) => setTimeout(() => silence.abort(), ms);
  let timer = listen(options.timeout);
  try {
    const ended = AbortSignal.any([signal, silence.signal]);
    for await (const answer of client.tailAudit({ ...question, position }, { headers, signal: ended })) {
      clearTimeout(timer);
      yield answer;
      timer = listen(LONGEST_SILENCE_MS);
    }
  } catch (thrown) {
    if (silence.signal.aborted) throw new ConnectError('it is silent', Code.DeadlineExceeded);
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether it may well go away by itself. */
function isPassing(code: Code): boolean {
  return code === Code.ResourceExhausted || !isRefusal(code);
}
