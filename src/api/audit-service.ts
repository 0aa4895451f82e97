/** The calls that read the audit trail: each is for operators, and is in the trail itself. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type {
  AuditService,
  QueryAuditRequest,
  TailAuditRequest,
  TailAuditResponseSchema,
} from '../gen/singlestate/audit/v1/audit_pb.ts';
import type { SessionStore } from '../session/store.ts';
import { auditRecordMessage, auditSelection, readingNote, type AuditSelection } from './audit-message.ts';
import { tailTrail, type TailTimes } from './audit-tail.ts';
import { callerOf, callOf, logFailure } from './call-log.ts';
import type { ApiLog } from './dependencies.ts';

/** Every member is read anew in each call. */
export interface AuditDependencies {
  readonly store: Pick<SessionStore, 'audit' | 'record'>;
  nowMs(): number;
  readonly log: ApiLog;
}

/** From when the tail is, then the store's own, which is empty before its first page. */
const TAIL_POSITION = /^(?<from>[0-9]{1,15}):(?<after>.*)$/;
const DEFAULT_PAGE_SIZE = 100;
/** Each asks the store for up to 257 streams twice a second, which checks must not notice. */
const MAX_TAILS = 8;
/** The trail goes by the store's clock: "from now on" must not begin after what that takes down now. */
const CLOCK_SKEW_MS = 2_000;
/** A credential that has expired, or an operator who is none any more, is let go on for no longer than `lifeMs`. */
const TIMES: TailTimes = { pollMs: 500, heartbeatMs: 15_000, lifeMs: 15 * 60_000 };

export interface AuditServiceOptions {
  /** Default: polls every 500 ms, speaks every 15 s, ends after 15 minutes. */
  readonly times?: Partial<TailTimes>;
  /** Once it is aborted all tails end in good order, so that they hold up no shutdown. */
  readonly stopping?: AbortSignal;
}

/** The tails of one replica. */
interface Tails {
  open: number;
  readonly times: TailTimes;
  readonly stopping: AbortSignal | undefined;
}

/** Callers are authorized and messages checked before a handler runs (src/api/api-server.ts). */
export function createAuditService(
  deps: AuditDependencies,
  { times, stopping }: AuditServiceOptions = {},
): ServiceImpl<typeof AuditService> {
  const tails: Tails = { open: 0, times: { ...TIMES, ...times }, stopping };
  return {
    queryAudit: (request, context) => queryAudit(deps, request, context),
    tailAudit: (request, context) => tailAudit(deps, request, context, tails),
  };
}

async function queryAudit(deps: AuditDependencies, request: QueryAuditRequest, context: HandlerContext) {
  const { filter, from, before, pageToken, pageSize } = request;
  const selection = auditSelection(filter, from, before);
  await recordReading(deps, selection, context);
  const query = {
    ...selection,
    ...(pageToken !== '' && { after: pageToken }),
    limit: pageSize === 0 ? DEFAULT_PAGE_SIZE : pageSize,
  };
  const page = await deps.store.audit(query).catch((error: unknown) => rejectPosition(error, 'page_token'));
  return {
    records: page.records.map(auditRecordMessage),
    nextPageToken: page.more ? page.position : '',
  };
}

/** Nobody beyond the generator sees an error that comes after the call has begun: it is logged and converted here. */
async function* tailAudit(
  deps: AuditDependencies,
  request: TailAuditRequest,
  context: HandlerContext,
  tails: Tails,
): AsyncGenerator<MessageInitShape<typeof TailAuditResponseSchema>> {
  tails.open += 1;
  try {
    if (tails.open > MAX_TAILS)
      throw new ConnectError(`there are ${MAX_TAILS} tails already`, Code.ResourceExhausted);
    const { selection, after } = tailStart(request, deps.nowMs());
    const signal = AbortSignal.any([context.signal, ...(tails.stopping ? [tails.stopping] : [])]);
    await recordReading(deps, selection, context);
    for await (const { records, position } of tailTrail(deps.store, selection, after, tails.times, signal)) {
      yield {
        records: records.map(auditRecordMessage),
        position: tailPosition(selection, position),
      };
    }
  } catch (thrown) {
    const isBadPosition = thrown instanceof RangeError && request.position !== '';
    const error = isBadPosition ? badPosition('position', thrown) : thrown;
    throw logFailure(deps.log, callOf(context.values), error);
  } finally {
    tails.open -= 1;
  }
}

/** A store goes on after a position of the same query alone, so the time that a tail began at is a part of its positions. */
function tailStart(request: TailAuditRequest, nowMs: number) {
  const selection = auditSelection(request.filter, request.from);
  if (request.position === '') {
    return {
      selection: { ...selection, fromMs: selection.fromMs ?? nowMs - CLOCK_SKEW_MS },
      after: undefined,
    };
  }
  const { from, after } = TAIL_POSITION.exec(request.position)?.groups ?? {};
  if (from === undefined || after === undefined) throw badPosition('position');
  return { selection: { ...selection, fromMs: Number(from) }, after: after === '' ? undefined : after };
}

function tailPosition({ fromMs = 0 }: AuditSelection, position: string | undefined): string {
  return `${fromMs}:${position ?? ''}`;
}

/** What the store thinks of a position that it never gave. */
function rejectPosition(error: unknown, field: string): never {
  throw error instanceof RangeError ? badPosition(field, error) : error;
}

function badPosition(field: string, cause?: unknown): ConnectError {
  const problem = `${field}: it is none that an earlier answer gave`;
  return new ConnectError(problem, Code.InvalidArgument, undefined, undefined, cause);
}

async function recordReading(
  { store }: AuditDependencies,
  selection: AuditSelection,
  context: HandlerContext,
): Promise<void> {
  const { subject, ref } = selection;
  const about = { ...(subject && { subject }), ...(ref !== undefined && { ref }) };
  await store.record(readingNote(callerOf(context.values), selection), about);
}
