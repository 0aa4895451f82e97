/** `singlestate audit tail|export`: the audit trail, live or as it is, through the API. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Environment } from '../config/environment.ts';
import { AuditService, type AuditFilterSchema } from '../gen/singlestate/audit/v1/audit_pb.ts';
import { callApi, withApiOptions, type ApiOptions } from './api-client.ts';
import { followAudit } from './audit-follow.ts';
import { auditLine, LINE_FORMATS, type LineFormat } from './audit-line.ts';
import { instantOption } from './instant-option.ts';
import { openPositionFile } from './position-file.ts';

/** What the command has of the process. */
export interface AuditCommandParts {
  readonly env: Environment;
  /** Resolves once the text has left the process, so that no more is read than somebody takes. */
  readonly writeOut: (text: string) => Promise<void>;
  /** A line for people, which is none of the output. */
  readonly warn: (line: string) => void;
  onSignal(signal: 'SIGTERM' | 'SIGINT', listener: () => void): void;
}

interface FilterOptions extends ApiOptions {
  readonly subject?: string;
  readonly issuer?: string;
  readonly ref?: string;
  readonly actor?: { readonly actorKind: string; readonly actorName: string };
  readonly action?: string;
  readonly since?: number;
}

interface TailOptions extends FilterOptions {
  readonly output: LineFormat;
  readonly positionFile?: string;
}

interface ExportOptions extends FilterOptions {
  readonly until?: number;
}

const PAGE_SIZE = 500;

/** The command and its subcommands. An action rejects with `CliError`. */
export function auditCommand(parts: AuditCommandParts): Command {
  const audit = new Command('audit').description('the audit trail, through the API');
  const subcommand = (name: string, description: string) =>
    withApiOptions(withFilterOptions(audit.command(name).description(description)), parts.env);
  subcommand('tail', 'show records as they are added, each once, until Ctrl-C')
    .addOption(instantOption('--since <when>', 'begin then, such as "15m" ago; without it, now'))
    .addOption(new Option('--output <format>', 'the form of a line').choices(LINE_FORMATS).default('text'))
    .option(
      '--position-file <file>',
      'remember here how far it came, and go on from there, whatever --since says',
    )
    .action((options: TailOptions) => tail(parts, options));
  subcommand('export', 'write the records that are there, oldest first, each as a line of JSON')
    .addOption(instantOption('--since <when>', 'from then on, such as "7d" ago or "2026-03-01"'))
    .addOption(instantOption('--until <when>', 'before then'))
    .action((options: ExportOptions) => exportRecords(parts, options));
  return audit;
}

function withFilterOptions(command: Command): Command {
  return command
    .option('--subject <sub>', 'only about sessions of this subject (sub of the ID token); needs --issuer')
    .option('--issuer <iss>', 'the identity provider of --subject (iss of the ID token)')
    .option('--ref <ref>', 'only about this session, by its public reference')
    .addOption(
      new Option(
        '--actor <kind[:name]>',
        'only by an actor of this kind, such as operator:on-call',
      ).argParser(parseActor),
    )
    .option('--action <action>', 'only this action, such as session_revoked');
}

/** Ends well at SIGINT and SIGTERM. */
async function tail(parts: AuditCommandParts, options: TailOptions): Promise<void> {
  const { since, output, positionFile } = options;
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) parts.onSignal(signal, () => stopped.abort());
  const filter = filterOf(options);
  const file =
    positionFile === undefined ? undefined : await openPositionFile(positionFile, JSON.stringify(filter));
  await followAudit(options, {
    question: { filter, ...(since !== undefined && { from: timestampFromMs(since) }) },
    position: file?.saved ?? '',
    onRecords: async (records, position) => {
      await parts.writeOut(records.map((record) => auditLine(record, output)).join(''));
      // Written before it is remembered: where the process dies between the two, records come again and none is lost.
      await file?.save(position);
    },
    onLost: (problem) => parts.warn(`${problem} Trying again.`),
    signal: stopped.signal,
  });
}

/** Its own reading is in the trail too, one record a page: with pages that are larger than that it comes to an end. */
async function exportRecords(parts: AuditCommandParts, options: ExportOptions): Promise<void> {
  const { since, until } = options;
  const question = {
    filter: filterOf(options),
    ...(since !== undefined && { from: timestampFromMs(since) }),
    ...(until !== undefined && { before: timestampFromMs(until) }),
  };
  let pageToken = '';
  do {
    const page = { ...question, pageToken, pageSize: PAGE_SIZE };
    const answer = await callApi(AuditService, options, (client, how) => client.queryAudit(page, how));
    await parts.writeOut(answer.records.map((record) => auditLine(record, 'jsonl')).join(''));
    pageToken = answer.nextPageToken;
  } while (pageToken !== '');
}

/** Whatever is asked for wrongly, the API says. */
function filterOf(options: FilterOptions): MessageInitShape<typeof AuditFilterSchema> {
  const { subject = '', issuer = '', ref = '', actor, action = '' } = options;
  return { subject, issuer, ref, action, ...actor };
}

function parseActor(text: string): NonNullable<FilterOptions['actor']> {
  const [, actorKind = '', actorName = ''] = /^([a-z]*)(?::(.+))?$/.exec(text) ?? [];
  if (actorKind !== '' || actorName !== '') return { actorKind, actorName };
  throw new InvalidArgumentError(
    'It must be a kind, such as "operator", or a kind and a name, "operator:on-call".',
  );
}
