/**
 * Writes buf/validate/validate.proto below the folder given, from the descriptor that @bufbuild/protovalidate carries.
 *
 * No npm package ships that file as source and buf's own registry may be out of reach, yet buf needs a source to import.
 * Messages, fields, enums and options come out whole. Comments, reserved numbers and the rules' own options do not: they
 * serve editors and the validator, and the validator has the package's own descriptor.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ScalarType,
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescMessage,
} from '@bufbuild/protobuf';
import { file_buf_validate_validate as file } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

type Member = DescField | DescExtension;

const indent = (lines: readonly string[]) => lines.map((line) => `  ${line}`);
const block = (head: string, lines: readonly string[]) => [`${head} {`, ...indent(lines), '}'];
const scalar = (type: ScalarType) => ScalarType[type].toLowerCase();

function elementType(member: Member): string {
  const { message, enum: enumeration } = member;
  return (
    message?.typeName ?? enumeration?.typeName ?? (member.scalar === undefined ? '' : scalar(member.scalar))
  );
}

function memberType(member: Member): string {
  if (member.fieldKind === 'map') return `map<${scalar(member.mapKey)}, ${elementType(member)}>`;
  if (member.fieldKind === 'list') return `repeated ${elementType(member)}`;
  return member.oneof === undefined ? `optional ${elementType(member)}` : elementType(member);
}

const declaration = (member: Member) => `${memberType(member)} ${member.name} = ${String(member.number)};`;

function enumLines(type: DescEnum): string[] {
  return block(
    `enum ${type.name}`,
    type.values.map((value) => `${value.name} = ${String(value.number)};`),
  );
}

function messageLines(type: DescMessage): string[] {
  return block(`message ${type.name}`, [
    ...type.members.flatMap((member) =>
      member.kind === 'field'
        ? [declaration(member)]
        : block(
            `oneof ${member.name}`,
            member.fields.map((field) => declaration(field)),
          ),
    ),
    ...type.proto.extensionRange.map(
      (range) => `extensions ${String(range.start)} to ${rangeEnd(range.end)};`,
    ),
    ...type.nestedEnums.flatMap(enumLines),
    ...type.nestedMessages.flatMap(messageLines),
  ]);
}

/** A descriptor's ranges end before `end`; field numbers end at 2^29 - 1. */
const rangeEnd = (end: number) => (end === 0x20000000 ? 'max' : String(end - 1));

function source(): string {
  return [
    'syntax = "proto2";',
    `package ${file.proto.package};`,
    ...file.proto.dependency.map((path) => `import "${path}";`),
    ...file.enums.flatMap(enumLines),
    ...file.messages.flatMap(messageLines),
    ...file.extensions.flatMap((extension) =>
      block(`extend ${extension.extendee.typeName}`, [declaration(extension)]),
    ),
    '',
  ].join('\n');
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: export-validate-proto.ts FOLDER');
const path = join(folder, file.proto.name);
mkdirSync(join(path, '..'), { recursive: true });
writeFileSync(path, source());
