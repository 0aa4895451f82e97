/** `singlestate session create|get|revoke`: an operator's work on sessions, through the Session API over Connect. */
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { toJson, type DescMessage, type JsonObject, type MessageShape } from '@bufbuild/protobuf';
import { createClient, type CallOptions, type Client } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../config/units.ts';
import {
  CreateSessionResponseSchema,
  GetSessionResponseSchema,
  SessionService,
} from '../gen/singlestate/session/v1/session_pb.ts';
import { CliError, EXIT } from './cli-error.ts';
import { callFailure } from './session-call-failure.ts';

/** What the command has of the process. */
export interface SessionCommandParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Buffer>;
  readonly write: (text: string) => void;
}

interface ApiOptions {
  readonly api: string;
  readonly credentialFile?: string;
  readonly timeout: number;
}

interface CreateOptions extends ApiOptions {
  readonly provider: string;
  readonly idTokenFile: string;
  readonly nonce: string;
}

interface RevokeOptions extends ApiOptions {
  readonly reason: string;
}

type SessionClient = Client<typeof SessionService>;

const LONGEST_TIMEOUT_MS = parseDuration('10m');
/** One word of printable ASCII, as a header carries it (RFC 6750 section 2.1). */
const CREDENTIAL = /^[\x21-\x7e]+$/;

/** The command and its subcommands. They write JSON; an action rejects with `CliError`. */
export function sessionCommand(parts: SessionCommandParts): Command {
  const session = new Command('session').description(
    "an operator's work on sessions, through the Session API",
  );
  subcommand(session, 'create', 'open a session from an ID token; the session token is in the output', parts)
    .requiredOption('--provider <name>', 'the identity provider, by its name in identityProviders')
    .requiredOption('--id-token-file <file>', 'a file that holds the ID token; "-" is standard input')
    .requiredOption('--nonce <nonce>', 'the nonce that the ID token was asked for with')
    .action((options: CreateOptions) => create(parts, options));
  subcommand(session, 'get', 'show the whole state of a session', parts)
    .argument('<ref>', "the session's public reference, as in logs and x-session-ref")
    .action((ref: string, options: ApiOptions) => get(parts, ref, options));
  subcommand(session, 'revoke', 'end a session, at once and for good', parts)
    .argument('<ref>', "the session's public reference, as in logs and x-session-ref")
    .requiredOption('--reason <text>', 'why, in one line for the log; name no secret and no person')
    .action((ref: string, options: RevokeOptions) => revoke(parts, ref, options));
  return session;
}

function subcommand(
  session: Command,
  name: string,
  description: string,
  { env }: SessionCommandParts,
): Command {
  const api = new Option('--api <url>', 'the Session API; env SINGLESTATE_API');
  const credential = new Option(
    '--credential-file <file>',
    'a file that holds the JWT of an operator; env SINGLESTATE_CREDENTIAL_FILE',
  );
  const timeout = new Option('--timeout <duration>', 'how long to wait for the answer').argParser(
    parseTimeout,
  );
  return session
    .command(name)
    .description(description)
    .addOption(api.default(set(env['SINGLESTATE_API']) ?? 'http://127.0.0.1:9003'))
    .addOption(credential.default(set(env['SINGLESTATE_CREDENTIAL_FILE'])))
    .addOption(timeout.default(10_000, '10s'));
}

const set = (value: string | undefined) => (value === '' ? undefined : value);

function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms > 0 && ms <= LONGEST_TIMEOUT_MS) return ms;
  throw new InvalidArgumentError(
    'It must be a whole number with a unit, such as "500ms" or "10s", up to "10m".',
  );
}

async function create(parts: SessionCommandParts, options: CreateOptions): Promise<void> {
  const { provider, idTokenFile, nonce } = options;
  const idToken = await readWord(idTokenFile, 'an ID token', parts.stdin);
  const response = await call(options, (client, how) =>
    client.createSession({ provider, idToken, nonce }, how),
  );
  const { session, ...token } = json(CreateSessionResponseSchema, response);
  print(parts, { ...(session as JsonObject), ...token });
}

async function get(parts: SessionCommandParts, ref: string, options: ApiOptions): Promise<void> {
  const response = await call(options, (client, how) => client.getSession({ ref }, how));
  print(parts, json(GetSessionResponseSchema, response)['session'] as JsonObject);
}

async function revoke(parts: SessionCommandParts, ref: string, options: RevokeOptions): Promise<void> {
  const { reason } = options;
  const { alreadyRevoked } = await call(options, (client, how) => client.revokeSession({ ref, reason }, how));
  print(parts, { ref, already_revoked: alreadyRevoked });
}

const json = <Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>) =>
  toJson(desc, message, { useProtoFieldName: true }) as JsonObject;

const print = (parts: SessionCommandParts, value: JsonObject) =>
  parts.write(`${JSON.stringify(value, undefined, 2)}\n`);

async function call<T>(
  options: ApiOptions,
  run: (client: SessionClient, how: CallOptions) => Promise<T>,
): Promise<T> {
  const baseUrl = apiUrl(options.api);
  const credential = await readCredential(options.credentialFile);
  const client = createClient(SessionService, createConnectTransport({ baseUrl, httpVersion: '1.1' }));
  try {
    const headers = { authorization: `Bearer ${credential}` };
    return await run(client, { headers, timeoutMs: options.timeout });
  } catch (thrown) {
    throw callFailure(baseUrl, thrown);
  }
}

function apiUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') {
    return url.href.replace(/\/$/, '');
  }
  throw new CliError(
    EXIT.usage,
    '--api must be an http: or https: URL without a user, such as http://127.0.0.1:9003',
  );
}

function readCredential(path: string | undefined): Promise<string> {
  if (path !== undefined) return readWord(path, "an operator's JWT");
  const problem = "--credential-file is missing: name a file that holds an operator's JWT";
  throw new CliError(EXIT.usage, problem);
}

/** The one word that a file holds, or standard input for `-` where that is given. */
async function readWord(path: string, what: string, stdin?: AsyncIterable<Buffer>): Promise<string> {
  const content = path === '-' && stdin !== undefined ? await readAll(stdin) : await readText(path);
  const word = content.trim();
  if (CREDENTIAL.test(word)) return word;
  throw new CliError(EXIT.usage, `${path} must hold ${what} and nothing else`);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError(EXIT.usage, `${path} can't be read (${code ?? 'unknown error'})`, { cause });
  }
}
