/** How `singlestate probe` reaches a server: an independent gRPC client (grpc-js), with or without TLS. Hides its errors. */
import { Client, credentials, Metadata, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js';
import { AddressError, parseAddress } from '../net/address.ts';
import { CliError, EXIT } from './cli-error.ts';
import { TlsCredentials } from './tls-credentials.ts';
import { tlsFailure } from './tls-failure.ts';
import { readTlsFiles, type TlsFileOptions } from './tls-options.ts';

export interface ChannelOptions extends TlsFileOptions {
  readonly tls?: true;
  /** Default: the host of the address. */
  readonly serverName?: string;
  /** In milliseconds, for one call. */
  readonly timeout: number;
}

export interface Channel {
  /** Rejects with `CliError`. */
  call(path: string, message: Uint8Array): Promise<Buffer>;
  close(): void;
}

/** What a connection is made with, and what is to be said where none came about. */
interface Security {
  readonly credentials: ChannelCredentials;
  readonly explain: (error: ServiceError) => string;
}

/** How grpc-js begins what it says where no connection came about: an answer that says "unavailable" has other words. */
const NOT_CONNECTED = 'No connection established';
/** What it says, after that, of one that the server ended: which of them it is, is a matter of time. */
const ENDED = /Failed to connect|ECONNRESET|EPIPE/;

/** Connects with the first call. Rejects with `CliError` where the options are not right. */
export async function openChannel(address: string, options: ChannelOptions): Promise<Channel> {
  const { credentials, explain } = options.tls ? await tlsTo(address, options) : CLEARTEXT;
  const client = new Client(address, credentials);
  return {
    call: async (path, message) => {
      const deadline = Date.now() + options.timeout;
      try {
        return await callOnce(client, path, message, deadline);
      } catch (cause) {
        const problem = `no answer: ${whyNone(cause as ServiceError, explain)}`;
        throw new CliError(EXIT.unavailable, problem, { cause });
      }
    },
    close: () => client.close(),
  };
}

const CLEARTEXT: Security = {
  credentials: credentials.createInsecure(),
  explain: ({ details }) =>
    ENDED.test(details)
      ? 'the server ended the connection at its beginning: if it speaks TLS, use --tls'
      : details,
};

async function tlsTo(address: string, options: ChannelOptions): Promise<Security> {
  const serverName = options.serverName ?? hostOf(address);
  const credentials = new TlsCredentials(serverName, await readTlsFiles(options));
  const attempt = { ...options, nameOption: '--server-name' } as const;
  return { credentials, explain: ({ details }) => tlsFailure(credentials.failure, attempt) ?? details };
}

/** `localhost` for a unix socket, as gRPC has it. */
function hostOf(text: string): string {
  try {
    const address = parseAddress(text);
    return address.kind === 'unix' ? 'localhost' : address.host;
  } catch (error) {
    if (error instanceof AddressError) throw new CliError(EXIT.usage, error.message, { cause: error });
    throw error;
  }
}

/** Rejects with a `ServiceError`. */
function callOnce(client: Client, path: string, message: Uint8Array, deadline: number): Promise<Buffer> {
  const toBytes = (value: Uint8Array) => Buffer.from(value);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<Uint8Array, Buffer>(
      path,
      toBytes,
      (value) => value,
      message,
      new Metadata(),
      { deadline },
      (error: ServiceError | null, value = Buffer.alloc(0)) => {
        if (error === null) resolve(value);
        else reject(error);
      },
    );
  });
}

function whyNone(error: ServiceError, explain: Security['explain']): string {
  const why = error.details.startsWith(NOT_CONNECTED) ? explain(error) : error.details;
  return why.replace(/\s+/g, ' ').trim();
}
