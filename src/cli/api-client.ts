/** How commands call the API of a running server: the options they share, the credential, and what a failure is to a script. */
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import {
  toJson,
  type DescMessage,
  type DescService,
  type JsonObject,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type CallOptions, type Client } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import { parseDuration } from '../config/units.ts';
import { CliError, EXIT } from './cli-error.ts';
import { causeWithCode, tlsFailure } from './tls-failure.ts';
import {
  hasTlsFiles,
  readTlsFiles,
  tlsFileOptions,
  type TlsClientOptions,
  type TlsFileOptions,
} from './tls-options.ts';

export interface ApiOptions extends TlsFileOptions {
  readonly api: string;
  readonly credentialFile?: string;
  readonly timeout: number;
}

/** A client, and what each of its calls has to be given. */
export interface ApiCall<Service extends DescService> {
  readonly client: Client<Service>;
  readonly headers: Record<string, string>;
}

const LONGEST_TIMEOUT_MS = parseDuration('10m');
/** One word of printable ASCII, as a header carries it (RFC 6750 section 2.1). */
const CREDENTIAL = /^[\x21-\x7e]+$/;

/** The API understood and said no; to try again unchanged is of no use. */
const REFUSALS: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.FailedPrecondition,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.ResourceExhausted,
]);

/** A connection that the other side ended: which of them it is, is a matter of time. */
const ENDED_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

export const isRefusal = (code: Code): boolean => REFUSALS.has(code);

/** Adds the options of `ApiOptions`. */
export function withApiOptions(command: Command, env: Environment): Command {
  const api = new Option('--api <url>', 'the Session API; env SINGLESTATE_API');
  const credential = new Option(
    '--credential-file <file>',
    'a file that holds the JWT of an operator; env SINGLESTATE_CREDENTIAL_FILE',
  );
  const timeout = new Option('--timeout <duration>', 'how long to wait for the answer').argParser(
    parseTimeout,
  );
  command
    .addOption(api.default(set(env['SINGLESTATE_API']) ?? 'http://127.0.0.1:9003'))
    .addOption(credential.default(set(env['SINGLESTATE_CREDENTIAL_FILE'])))
    .addOption(timeout.default(10_000, '10s'));
  tlsFileOptions(env).forEach((option) => command.addOption(option));
  return command;
}

const set = (value: string | undefined) => (value === '' ? undefined : value);

function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms > 0 && ms <= LONGEST_TIMEOUT_MS) return ms;
  throw new InvalidArgumentError(
    'It must be a whole number with a unit, such as "500ms" or "10s", up to "10m".',
  );
}

/** Reads all files anew at each call: who rotates them needs no restart. Rejects with `CliError`. */
export async function openApi<Service extends DescService>(
  service: Service,
  options: ApiOptions,
): Promise<ApiCall<Service>> {
  const baseUrl = apiUrl(options);
  const headers = { authorization: `Bearer ${await readCredential(options.credentialFile)}` };
  const nodeOptions = await tlsOf(options);
  const transport = createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions });
  return { client: createClient(service, transport), headers };
}

/** Makes calls with the deadline of the options. Rejects with `CliError`. */
export async function callApi<Service extends DescService, T>(
  service: Service,
  options: ApiOptions,
  run: (client: Client<Service>, how: CallOptions) => Promise<T>,
): Promise<T> {
  const { client, headers } = await openApi(service, options);
  try {
    return await run(client, { headers, timeoutMs: options.timeout });
  } catch (thrown) {
    throw callFailure(options, thrown);
  }
}

/** A refusal, or nobody who can answer now. */
export function callFailure(options: ApiOptions, thrown: unknown): CliError {
  const error = ConnectError.from(thrown, Code.Unavailable);
  const text = `${Code[error.code]}: ${error.rawMessage.replace(/\s+/g, ' ')}`;
  if (isRefusal(error.code)) {
    return new CliError(EXIT.refused, `The Session API refused. ${text}`, { cause: error });
  }
  const why = connectionFailure(options, error);
  const problem = why === undefined ? `does not answer as it should. ${text}` : `can't be reached: ${why}`;
  return new CliError(EXIT.unavailable, `The Session API at ${apiUrl(options)} ${problem}`, { cause: error });
}

/** What the options may have to do with it; undefined where that is nothing, or more than the error tells. */
function connectionFailure(options: ApiOptions, error: ConnectError): string | undefined {
  const cause = causeWithCode(error.cause);
  // node:http's word for an answer that had begun.
  if (cause === undefined || cause.message === 'aborted') return undefined;
  if (isHttps(options)) return tlsFailure(cause, { ...options, nameOption: '--api' });
  if (!ENDED_CODES.has(cause.code)) return undefined;
  return 'it ended the connection without an answer: if it speaks TLS, --api must begin with https:';
}

/** With the names of the schema. */
export function jsonOf<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>): JsonObject {
  return toJson(desc, message, { useProtoFieldName: true }) as JsonObject;
}

function apiUrl({ api }: ApiOptions): string {
  const url = URL.parse(api);
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') {
    return url.href.replace(/\/$/, '');
  }
  throw new CliError(
    EXIT.usage,
    '--api must be an http: or https: URL without a user, such as http://127.0.0.1:9003',
  );
}

const isHttps = (options: ApiOptions) => apiUrl(options).startsWith('https:');

/** Files that would stay without effect are refused: who names them means TLS. */
async function tlsOf(options: ApiOptions): Promise<Partial<TlsClientOptions>> {
  if (isHttps(options)) return readTlsFiles(options);
  if (!hasTlsFiles(options)) return {};
  const problem = '--ca-file, --cert-file and --key-file are for TLS: --api must be an https: URL';
  throw new CliError(EXIT.usage, problem);
}

function readCredential(path: string | undefined): Promise<string> {
  if (path !== undefined) return readWord(path, "an operator's JWT");
  const problem = "--credential-file is missing: name a file that holds an operator's JWT";
  throw new CliError(EXIT.usage, problem);
}

/** The one word that a file holds, or standard input for `-` where that is given. */
export async function readWord(path: string, what: string, stdin?: AsyncIterable<Buffer>): Promise<string> {
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
