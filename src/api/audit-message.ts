/** The audit trail as the API shows it: which records are asked for, and what each of them says. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import type { AuditFilter, AuditRecordSchema } from '../gen/singlestate/audit/v1/audit_pb.ts';
import {
  ACTOR_KINDS,
  AUDIT_ACTIONS,
  type Actor,
  type AuditNote,
  type AuditQuery,
  type AuditRecord,
} from '../session/audit.ts';
import { isSessionRef } from '../session/ref.ts';
import { invalidField } from './api-error.ts';

/** Which records, without where to begin and how many. */
export type AuditSelection = Omit<AuditQuery, 'after' | 'limit'>;

/** The end of the year 9999. */
const LATEST_MS = 253_402_300_799_999;

/** Which records a message asks for. Throws INVALID_ARGUMENT, naming the field and what would be right. */
export function auditSelection(
  filter: AuditFilter | undefined,
  from: Timestamp | undefined,
  before?: Timestamp,
): AuditSelection {
  return {
    ...(filter && { ...subjectOf(filter), ...refOf(filter), ...actorOf(filter), ...actionOf(filter) }),
    ...(from && { fromMs: instantOf(from) }),
    ...(before && { beforeMs: instantOf(before) }),
  };
}

/** A message may say any number of seconds; nothing was taken down outside of what a date can tell. */
function instantOf(time: Timestamp): number {
  return Math.min(Math.max(timestampMs(time), 0), LATEST_MS);
}

function subjectOf({ issuer, subject }: AuditFilter): Pick<AuditSelection, 'subject'> {
  if (issuer === '' && subject === '') return {};
  if (subject === '')
    throw invalidField('filter.subject', 'a subject is named by issuer and subject together');
  if (issuer === '') throw invalidField('filter.issuer', 'a subject is named by issuer and subject together');
  return { subject: { issuer, subject } };
}

function refOf({ ref }: AuditFilter): Pick<AuditSelection, 'ref'> {
  if (ref === '') return {};
  if (!isSessionRef(ref)) throw invalidField('filter.ref', 'it is not a session reference');
  return { ref };
}

function actorOf({ actorKind, actorName }: AuditFilter): Pick<AuditSelection, 'actor'> {
  if (actorKind === '' && actorName === '') return {};
  return {
    actor: {
      ...(actorKind !== '' && { kind: oneOf(ACTOR_KINDS, actorKind, 'filter.actor_kind') }),
      ...(actorName !== '' && { name: actorName }),
    },
  };
}

function actionOf({ action }: AuditFilter): Pick<AuditSelection, 'action'> {
  return action === '' ? {} : { action: oneOf(AUDIT_ACTIONS, action, 'filter.action') };
}

function oneOf<Word extends string>(words: readonly Word[], asked: string, field: string): Word {
  const found = words.find((word) => word === asked);
  if (found === undefined) throw invalidField(field, `it must be one of ${words.join(', ')}`);
  return found;
}

/** What the trail says about being read itself. The subject is not in it: it is whom the record is about. */
export function readingNote(reader: Actor, { actor, action, fromMs, beforeMs }: AuditSelection): AuditNote {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['action', action],
    ['actor', actor && `${actor.kind ?? ''}:${actor.name ?? ''}`],
    ['from', written(fromMs)],
    ['before', written(beforeMs)],
  ];
  const told = facts.filter(([, value]) => value !== undefined).map((fact) => fact.join('='));
  return {
    action: 'audit_read',
    actor: reader,
    ...(told.length > 0 && { detail: told.join(' ') }),
  };
}

function written(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

export function auditRecordMessage(record: AuditRecord): MessageInitShape<typeof AuditRecordSchema> {
  const { id, atMs, action, actor, ref, subject, reason, detail, before, after } = record;
  return {
    id,
    at: timestampFromMs(atMs),
    action,
    actor: { kind: actor.kind, name: actor.name },
    ...(ref !== undefined && { ref }),
    ...subject,
    ...(reason !== undefined && { reason }),
    ...(detail !== undefined && { detail }),
    ...(before !== undefined && { versionBefore: before }),
    ...(after !== undefined && { versionAfter: after }),
  };
}
