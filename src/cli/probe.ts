/** `singlestate probe ADDRESS`: asks a running server what Envoy would ask it. */
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../config/units.ts';
import { envoy, grpc } from '../gen/envoy/messages.js';
import { CliError, EXIT } from './cli-error.ts';
import { openChannel, type Channel, type ChannelOptions } from './probe-channel.ts';
import { tlsFileOptions } from './tls-options.ts';

const { CheckRequest, CheckResponse } = envoy.service.auth.v3;
const { HealthCheckRequest, HealthCheckResponse } = grpc.health.v1;

/** google.rpc.Code of a CheckResponse that allows. */
const OK = 0;

export interface ProbeIo {
  write(text: string): void;
}

interface ProbeOptions extends ChannelOptions {
  readonly url?: URL;
  readonly method: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly header: readonly [string, string][];
  readonly context: readonly [string, string][];
}

/**
 * Without `--url` it asks for the server's health. Prints JSON. Exit codes: 0 allowed or SERVING, 1 denied or
 * NOT_SERVING, 2 a wrong command line, 69 no answer or an answer that says "temporarily unavailable".
 */
export function probeCommand(io: ProbeIo): Command {
  const command = new Command('probe')
    .description('send one Check as Envoy would, or ask for the health')
    .argument('<address>', 'HOST:PORT or unix:PATH of the check listener')
    .option('--url <url>', 'the request to ask about; without it, the health is asked for', parseUrl)
    .option('--method <method>', 'its method', 'GET')
    .addOption(
      new Option('--token <token>', 'its session token, as authorization: Bearer').conflicts('tokenFile'),
    )
    .option('--token-file <file>', 'a file that holds its session token')
    .addOption(
      new Option('--header <header>', 'one of its headers, "name: value"; may be repeated')
        .argParser(collect(':'))
        .default([], 'none'),
    )
    .addOption(
      new Option('--context <entry>', 'one of its context_extensions, "key=value"; may be repeated')
        .argParser(collect('='))
        .default([], 'none'),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long to wait').argParser(parseTimeout).default(1_000, '1s'),
    )
    .option('--tls', 'over TLS; so it is with each of the options that follow')
    .addOption(
      new Option(
        '--server-name <name>',
        "the name that the server's certificate must have; without it, the host of the address",
      ).implies({ tls: true }),
    )
    .action(async (address: string, options: ProbeOptions) => {
      const channel = await openChannel(address, options);
      try {
        await (options.url ? probeCheck(channel, options.url, options, io) : probeHealth(channel, io));
      } finally {
        channel.close();
      }
    });
  tlsFileOptions().forEach((option) => command.addOption(option.implies({ tls: true })));
  return command;
}

async function probeHealth(channel: Channel, io: ProbeIo): Promise<void> {
  const request = HealthCheckRequest.encode({}).finish();
  const bytes = await channel.call('/grpc.health.v1.Health/Check', request);
  const health = HealthCheckResponse.ServingStatus[HealthCheckResponse.decode(bytes).status];
  io.write(`${JSON.stringify({ health })}\n`);
  if (health !== 'SERVING') throw new CliError(EXIT.refused, `the server is ${health}`);
}

async function probeCheck(channel: Channel, url: URL, options: ProbeOptions, io: ProbeIo): Promise<void> {
  const request = CheckRequest.encode({
    attributes: {
      request: { http: await httpRequest(url, options) },
      contextExtensions: Object.fromEntries(options.context),
    },
  }).finish();
  const bytes = await channel.call('/envoy.service.auth.v3.Authorization/Check', request);
  const response = CheckResponse.decode(bytes);
  io.write(`${JSON.stringify(describe(response), undefined, 2)}\n`);
  if (response.status?.code === OK) return;
  const httpStatus = response.deniedResponse?.status?.code ?? 403;
  throw new CliError(
    httpStatus >= 500 ? EXIT.unavailable : EXIT.refused,
    `not allowed: HTTP status ${httpStatus}`,
  );
}

async function httpRequest(url: URL, options: ProbeOptions) {
  const token = options.token ?? (options.tokenFile && (await readToken(options.tokenFile)));
  const path = `${url.pathname}${url.search}`;
  return {
    id: 'probe',
    method: options.method,
    path,
    host: url.host,
    headers: {
      ':method': options.method,
      ':path': path,
      ':authority': url.host,
      ...Object.fromEntries(options.header.map(([name, value]) => [name.toLowerCase(), value])),
      ...(token && { authorization: `Bearer ${token}` }),
    },
  };
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new CliError(EXIT.usage, `can't read the token file ${file}`, { cause: error });
  }
}

function describe(response: envoy.service.auth.v3.CheckResponse.$Properties) {
  const { okResponse, deniedResponse } = response;
  const headers = (list: readonly envoy.service.auth.v3.HeaderValueOption.$Properties[] | null | undefined) =>
    Object.fromEntries((list ?? []).map(({ header }) => [header?.key ?? '', header?.value ?? '']));
  if (okResponse) {
    return {
      allowed: true,
      set: headers(okResponse.headers),
      remove: okResponse.headersToRemove ?? [],
      response_headers: headers(okResponse.responseHeadersToAdd),
    };
  }
  return {
    allowed: false,
    status: deniedResponse?.status?.code,
    headers: headers(deniedResponse?.headers),
    body: deniedResponse?.body,
  };
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text))
    throw new InvalidArgumentError('It must be a URL, such as http://app.example.com/path.');
  return new URL(text);
}

function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (!(ms > 0)) throw new InvalidArgumentError('It must be a duration, such as 500ms or 2s.');
  return ms;
}

function collect(separator: ':' | '=') {
  return (text: string, before: readonly [string, string][]): [string, string][] => {
    const at = text.indexOf(separator);
    if (at < 1) throw new InvalidArgumentError(`It must be a name, "${separator}" and a value.`);
    return [...before, [text.slice(0, at).trim(), text.slice(at + 1).trim()]];
  };
}
