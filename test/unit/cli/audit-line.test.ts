import { create, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { auditLine } from '../../../src/cli/audit-line.ts';
import { AuditRecordSchema } from '../../../src/gen/singlestate/audit/v1/audit_pb.ts';

type Fields = Exclude<MessageInitShape<typeof AuditRecordSchema>, Message>;

const record = (fields: Fields) =>
  create(AuditRecordSchema, {
    at: timestampFromMs(Date.UTC(2026, 0, 1)),
    action: 'session_revoked',
    actor: { kind: 'operator', name: 'on-call' },
    ...fields,
  });

test('E7 a line for people tells what is there, and leaves out what is not', () => {
  expect(auditLine(record({}), 'text')).toBe('2026-01-01T00:00:00.000Z session_revoked operator:on-call\n');
  const full = record({
    ...{ ref: '3f.AAAAAAAAAAAAAAAAAAAAAA', versionBefore: 3, versionAfter: 0, subject: 'alice' },
    ...{ issuer: 'https://idp.test', reason: 'laptop stolen', detail: 'cause=operator' },
  });
  expect(auditLine(full, 'text')).toBe(
    '2026-01-01T00:00:00.000Z session_revoked operator:on-call ref=3f.AAAAAAAAAAAAAAAAAAAAAA version=3-0 ' +
      'subject=alice issuer=https://idp.test reason="laptop stolen" detail=cause=operator\n',
  );
});

test('an actor without a name is told by its kind', () => {
  expect(auditLine(record({ actor: { kind: 'singlestate' } }), 'text')).toMatch(/ singlestate\n$/);
});

test.each<[string, string]>([
  ['a line feed', 'a\nb'],
  ["a terminal's escape sequence", 'a\u001b[2Jb'],
  ['its one-byte form', 'a\u009b2Jb'],
  ['text that runs the other way', 'a\u202eb'],
  ['a separator of lines', 'a\u2028b'],
  ['a tag beyond the basic plane', 'a\u{e0041}b'],
])('%s does not reach the terminal', (_what, reason) => {
  const line = auditLine(record({ reason }), 'text');
  expect(line).toMatch(/^[\x20-\x7e]+\n$/);
  const quoted = /reason=(".*")/.exec(line)?.[1] ?? '';
  expect(JSON.parse(quoted)).toBe(reason);
});

test('text in any language stays as it is', () => {
  expect(auditLine(record({ reason: 'gestohlen: Überfall 盗' }), 'text')).toContain(
    'reason="gestohlen: Überfall 盗"',
  );
});

test('E7 a line of JSON has the names of the schema, and one line feed', () => {
  const line = auditLine(record({ reason: 'a\nb', versionBefore: 0, versionAfter: 1 }), 'jsonl');
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(JSON.parse(line)).toEqual({
    at: '2026-01-01T00:00:00Z',
    action: 'session_revoked',
    actor: { kind: 'operator', name: 'on-call' },
    reason: 'a\nb',
    version_before: 0,
    version_after: 1,
  });
});
