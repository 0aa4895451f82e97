/** A record of the audit trail as text: a line of JSON for programs, or one for people. */
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { AuditRecordSchema, type AuditRecord } from '../gen/singlestate/audit/v1/audit_pb.ts';
import { jsonOf } from './api-client.ts';

export const LINE_FORMATS = ['text', 'jsonl'] as const;

export type LineFormat = (typeof LINE_FORMATS)[number];

/** Values of these characters are shown without quotes. */
const PLAIN = /^[\w.:/@+,=-]+$/;
/** What would move a terminal's cursor or turn its text around, beyond what JSON escapes. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\p{Cf}]/gu;

/** Ends with a line feed, and has no other. */
export function auditLine(record: AuditRecord, format: LineFormat): string {
  return format === 'jsonl' ? `${JSON.stringify(jsonOf(AuditRecordSchema, record))}\n` : textOf(record);
}

function textOf(record: AuditRecord): string {
  const { at, action, actor, ref, issuer, subject, reason, detail } = record;
  const facts: readonly (readonly [string, string])[] = [
    ['ref', ref],
    ['version', versions(record)],
    ['subject', subject],
    ['issuer', issuer],
    ['reason', reason],
    ['detail', detail],
  ];
  const words = [
    at ? timestampDate(at).toISOString() : '-',
    action,
    shown(actor?.name ? `${actor.kind}:${actor.name}` : (actor?.kind ?? '-')),
    ...facts.filter(([, value]) => value !== '').map(([name, value]) => `${name}=${shown(value)}`),
  ];
  return `${words.join(' ')}\n`;
}

function versions({ versionBefore, versionAfter }: AuditRecord): string {
  return versionBefore === undefined || versionAfter === undefined ? '' : `${versionBefore}-${versionAfter}`;
}

function shown(value: string): string {
  if (PLAIN.test(value)) return value;
  return JSON.stringify(value).replace(UNPRINTABLE, (text) =>
    Array.from({ length: text.length }, (_, at) => escaped(text.charCodeAt(at))).join(''),
  );
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
