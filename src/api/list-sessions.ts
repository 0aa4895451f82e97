/** Lists sessions page by page. Hides what a page token is. */
import { createHash } from 'node:crypto';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import type { ListSessionsRequest } from '../gen/singlestate/session/v1/session_pb.ts';
import { isSessionRef } from '../session/ref.ts';
import type { ListPosition, SessionQuery } from '../session/store.ts';
import { invalidField } from './api-error.ts';
import { callerOf } from './call-log.ts';
import type { ApiDependencies } from './dependencies.ts';
import { listedSession } from './session-message.ts';

type Selection = Pick<SessionQuery, 'subject' | 'createdFromMs' | 'createdBeforeMs'>;

const DEFAULT_PAGE_SIZE = 50;

/** The reading is in the audit trail before it is answered. */
export async function listSessions(
  deps: ApiDependencies,
  request: ListSessionsRequest,
  context: HandlerContext,
) {
  const selection = selectionOf(request);
  const after = request.pageToken === '' ? undefined : readPageToken(request.pageToken, selection);
  const pageSize = request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize;
  // One more tells whether there is another page.
  const query = { ...selection, ...(after && { after }), limit: pageSize + 1 };
  const found = await deps.store.list(query);
  const { subject } = selection;
  const note = { action: 'sessions_listed', actor: callerOf(context.values) } as const;
  await deps.store.record(note, subject && { subject });
  const page = found.slice(0, pageSize);
  const last = page.at(-1);
  const { idleTimeoutMs } = deps.limits;
  const nowMs = deps.nowMs();
  return {
    sessions: page.flatMap(({ ref, lookup }) => listedSession({ ref, lookup, nowMs, idleTimeoutMs }) ?? []),
    nextPageToken: last !== undefined && found.length > pageSize ? pageToken(last, selection) : '',
  };
}

function selectionOf({ subject, createdFrom, createdBefore }: ListSessionsRequest): Selection {
  return {
    ...(subject && { subject: { issuer: subject.issuer, subject: subject.subject } }),
    ...(createdFrom && { createdFromMs: timestampMs(createdFrom) }),
    ...(createdBefore && { createdBeforeMs: timestampMs(createdBefore) }),
  };
}

/** Says where a listing was, and of which question. It is no secret and no right: whoever shows it is an operator. */
function pageToken({ createdAtMs, ref }: ListPosition, selection: Selection): string {
  return Buffer.from(JSON.stringify([createdAtMs, ref, fingerprint(selection)])).toString('base64url');
}

function readPageToken(token: string, selection: Selection): ListPosition {
  const [createdAtMs, ref, question] = partsOf(token);
  if (typeof ref !== 'string' || !isSessionRef(ref) || !Number.isSafeInteger(createdAtMs))
    throw invalidField('page_token', 'it is none that an earlier answer gave');
  if (question !== fingerprint(selection))
    throw invalidField('page_token', 'it is of an answer to another question');
  return { createdAtMs: Number(createdAtMs), ref };
}

function partsOf(token: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function fingerprint({ subject, createdFromMs, createdBeforeMs }: Selection): string {
  const question = [subject?.issuer, subject?.subject, createdFromMs, createdBeforeMs];
  return createHash('sha256').update(JSON.stringify(question)).digest('base64url').slice(0, 16);
}
