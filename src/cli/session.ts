/** `singlestate session create|get|list|revoke`: an operator's work on sessions, through the Session API over Connect. */
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Environment } from '../config/environment.ts';
import {
  CreateSessionResponseSchema,
  GetSessionResponseSchema,
  SessionSchema,
  SessionService,
  type RevokeSessionsRequestSchema,
} from '../gen/singlestate/session/v1/session_pb.ts';
import { callApi, jsonOf, readWord, withApiOptions, type ApiOptions } from './api-client.ts';
import { CliError, EXIT } from './cli-error.ts';
import { instantOption } from './instant-option.ts';

/** What the command has of the process. */
export interface SessionCommandParts {
  readonly env: Environment;
  readonly stdin: AsyncIterable<Buffer>;
  readonly write: (text: string) => void;
}

interface CreateOptions extends ApiOptions {
  readonly provider: string;
  readonly idTokenFile: string;
  readonly nonce: string;
  readonly refreshable?: true;
}

interface ListOptions extends ApiOptions, SubjectOptions {
  readonly createdSince?: number;
  readonly createdUntil?: number;
  readonly limit: number;
}

interface RevokeOptions extends ApiOptions, SubjectOptions {
  readonly providerSession?: string;
  readonly all?: true;
  readonly reason: string;
}

interface SubjectOptions {
  readonly subject?: string;
  readonly issuer?: string;
}

type RevokedMany = NonNullable<MessageInitShape<typeof RevokeSessionsRequestSchema>['target']>;

/** The most that one answer of the Session API holds. */
const LARGEST_PAGE = 500;
const REF = "the session's public reference, as in logs and x-session-ref";

/** The command and its subcommands. They write JSON; an action rejects with `CliError`. */
export function sessionCommand(parts: SessionCommandParts): Command {
  const session = new Command('session').description(
    "an operator's work on sessions, through the Session API",
  );
  const subcommand = (name: string, description: string) =>
    withApiOptions(session.command(name).description(description), parts.env);
  subcommand('create', 'open a session from an ID token; the session token is in the output')
    .requiredOption('--provider <name>', 'the identity provider, by its name in identityProviders')
    .requiredOption('--id-token-file <file>', 'a file that holds the ID token; "-" is standard input')
    .requiredOption('--nonce <nonce>', 'the nonce that the ID token was asked for with')
    .option('--refreshable', 'ask for a refresh token as well')
    .action((options: CreateOptions) => create(parts, options));
  subcommand('get', 'show the whole state of a session')
    .argument('<ref>', REF)
    .action((ref: string, options: ApiOptions) => get(parts, ref, options));
  subcommand('list', 'show live sessions, oldest first, each as a line of JSON')
    .option('--subject <sub>', 'only those of this subject (sub of the ID token); needs --issuer')
    .option('--issuer <iss>', 'the identity provider of --subject (iss of the ID token)')
    .addOption(instantOption('--created-since <when>', 'only those opened since then, such as "7d"'))
    .addOption(instantOption('--created-until <when>', 'only those opened before then'))
    .addOption(
      new Option('--limit <n>', 'at most so many').argParser(parseLimit).default(Infinity, 'no limit'),
    )
    .action((options: ListOptions) => list(parts, options));
  subcommand('revoke', 'end a session, or many, at once and for good')
    .argument('[ref]', REF)
    .option('--subject <sub>', 'all sessions of this subject (sub of the ID token); needs --issuer')
    .option(
      '--provider-session <sid>',
      'all sessions that came from this session at the identity provider (sid of the ID token); needs --issuer',
    )
    .option('--issuer <iss>', 'the identity provider (iss of the ID token)')
    .option('--all', "everybody's sessions")
    .requiredOption('--reason <text>', 'why, in one line for log and audit; name no secret and no person')
    .action((ref: string | undefined, options: RevokeOptions) => revoke(parts, ref, options));
  return session;
}

async function create(parts: SessionCommandParts, options: CreateOptions): Promise<void> {
  const { provider, idTokenFile, nonce, refreshable = false } = options;
  const idToken = await readWord(idTokenFile, 'an ID token', parts.stdin);
  const response = await callApi(SessionService, options, (client, how) =>
    client.createSession({ provider, idToken, nonce, refreshable }, how),
  );
  const { session, ...tokens } = jsonOf(CreateSessionResponseSchema, response);
  print(parts, { ...(session as JsonObject), ...tokens });
}

async function get(parts: SessionCommandParts, ref: string, options: ApiOptions): Promise<void> {
  const response = await callApi(SessionService, options, (client, how) => client.getSession({ ref }, how));
  print(parts, jsonOf(GetSessionResponseSchema, response)['session'] as JsonObject);
}

async function list(parts: SessionCommandParts, options: ListOptions): Promise<void> {
  const { createdSince, createdUntil, limit } = options;
  const subject = subjectOf(options);
  const asked = {
    ...(subject && { subject }),
    ...(createdSince !== undefined && { createdFrom: timestampFromMs(createdSince) }),
    ...(createdUntil !== undefined && { createdBefore: timestampFromMs(createdUntil) }),
  };
  let pageToken = '';
  let left = limit;
  do {
    const page = { ...asked, pageToken, pageSize: Math.min(left, LARGEST_PAGE) };
    const response = await callApi(SessionService, options, (client, how) => client.listSessions(page, how));
    for (const one of response.sessions) parts.write(`${JSON.stringify(jsonOf(SessionSchema, one))}\n`);
    left -= response.sessions.length;
    pageToken = response.nextPageToken;
  } while (pageToken !== '' && left > 0);
}

async function revoke(
  parts: SessionCommandParts,
  ref: string | undefined,
  options: RevokeOptions,
): Promise<void> {
  const { reason } = options;
  const target = revocationTarget(ref, options);
  if (target.case === 'ref') {
    const { alreadyRevoked } = await callApi(SessionService, options, (client, how) =>
      client.revokeSession({ ref: target.value, reason }, how),
    );
    print(parts, { ref: target.value, already_revoked: alreadyRevoked });
  } else {
    const { revoked } = await callApi(SessionService, options, (client, how) =>
      client.revokeSessions({ target, reason }, how),
    );
    print(parts, { revoked });
  }
}

/** Exactly one thing is to be named: what a forgotten option would end can't be undone. */
function revocationTarget(
  ref: string | undefined,
  options: RevokeOptions,
): { readonly case: 'ref'; readonly value: string } | RevokedMany {
  const { issuer, subject, providerSession, all } = options;
  const named = [ref, subject, providerSession, all].filter((one) => one !== undefined);
  if (named.length !== 1)
    throw usage('name what to end by one of: a ref, --subject, --provider-session, --all');
  if (providerSession === undefined) {
    const value = subjectOf(options);
    if (value) return { case: 'subject', value };
  } else {
    if (issuer === undefined) throw usage('--provider-session needs --issuer');
    return { case: 'providerSession', value: { issuer, providerSession } };
  }
  return ref === undefined ? { case: 'all', value: true } : { case: 'ref', value: ref };
}

function subjectOf({ subject, issuer }: SubjectOptions) {
  if (subject === undefined && issuer === undefined) return undefined;
  if (subject === undefined || issuer === undefined)
    throw usage('--subject and --issuer name a subject together');
  return { subject, issuer };
}

const usage = (problem: string) => new CliError(EXIT.usage, problem);

function parseLimit(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

const print = (parts: SessionCommandParts, value: JsonObject) =>
  parts.write(`${JSON.stringify(value, undefined, 2)}\n`);
