/** Calls of the Session API over each of its protocols, all with the same answer. Hides the clients. */
import {
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type JsonObject,
  type Message,
} from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-node';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { SessionService, VersionConflictSchema } from '../../src/gen/singlestate/session/v1/session_pb.ts';

export type Call = keyof typeof SessionService.method;

export interface Answer {
  /** `ok`, or the code of the error as Connect writes it. */
  readonly code: string;
  /** The error's message. */
  readonly message?: string;
  /** The answer, fields named as in the schema. */
  readonly body: JsonObject;
  /** Of a VersionConflict among the error's details. */
  readonly currentVersion?: number;
  /** `www-authenticate` and `retry-after`, from headers or from trailers. */
  readonly headers: Readonly<Record<string, string>>;
}

/** `body` has its fields named as in the schema. Without a credential, no `authorization` is sent. */
export type Caller = (base: string, call: Call, body: JsonObject, credential?: string) => Promise<Answer>;

const SHOWN_HEADERS = ['www-authenticate', 'retry-after'];

const path = (call: Call) => `/${SessionService.typeName}/${SessionService.method[call].name}`;
const bearer = (credential?: string): Record<string, string> =>
  credential === undefined ? {} : { authorization: `Bearer ${credential}` };
const json = (desc: DescMessage, message: Message) =>
  toJson(desc, message, { useProtoFieldName: true }) as JsonObject;
const snakeCase = (name: string) => name.replace(/\B[A-Z]/g, '_$&').toLowerCase();

interface JsonError {
  readonly code: string;
  readonly message: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

const withVersion = (currentVersion: number | undefined) =>
  currentVersion === undefined ? {} : { currentVersion };
const versionIn = (error: ConnectError | undefined) =>
  withVersion(error?.findDetails(VersionConflictSchema)[0]?.currentVersion);

/** Connect's JSON, as curl would send it. */
export const overJson: Caller = async (base, call, body, credential) => {
  const response = await fetch(base + path(call), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(credential) },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as JsonObject;
  const headers = pick((name) => response.headers.get(name));
  if (!response.ok) {
    const { code, message, details = [] } = answer as unknown as JsonError;
    const conflict = details.find(({ type }) => type === VersionConflictSchema.typeName);
    const value = conflict && fromBinary(VersionConflictSchema, Buffer.from(conflict.value, 'base64'));
    return { code, message, body: {}, ...withVersion(value?.currentVersion), headers };
  }
  const { output }: { output: DescMessage } = SessionService.method[call];
  return { code: 'ok', body: json(output, fromJson(output, answer)), headers };
};

/** gRPC by grpc-js, which shares no code with the server. */
export const overGrpc: Caller = async (base, call, body, credential) => {
  const { input, output }: { input: DescMessage; output: DescMessage } = SessionService.method[call];
  const client = new Client(new URL(base).host, credentials.createInsecure());
  const metadata = Metadata.fromHttp2Headers(bearer(credential));
  try {
    return await new Promise<Answer>((resolve) => {
      client.makeUnaryRequest(
        path(call),
        (message: Message) => Buffer.from(toBinary(input, message)),
        (bytes) => fromBinary(output, bytes),
        fromJson(input, body),
        metadata,
        (error, message) => {
          if (error === null)
            resolve({ code: 'ok', body: message ? json(output, message) : {}, headers: {} });
          else resolve(grpcFailure(error));
        },
      );
    });
  } finally {
    client.close();
  }
};

function grpcFailure({ code, details, metadata }: ServiceError): Answer {
  const headers = pick((name) => metadata.get(name)[0]?.toString());
  // grpc-js leaves reserved characters percent-encoded, which gRPC allows a server to send encoded.
  const message = decodeURIComponent(details);
  const trailers = new Headers(
    Object.keys(metadata.getMap()).map((name): [string, string] => [name, textOf(metadata, name)]),
  );
  trailers.set('grpc-status', String(code));
  const conflict = versionIn(findTrailerError(trailers));
  return { code: status[code].toLowerCase(), message, body: {}, ...conflict, headers };
}

/** grpc-js decodes what is binary; others read it as it was sent. */
function textOf(metadata: Metadata, name: string): string {
  const [value = ''] = metadata.get(name);
  return typeof value === 'string' ? value : value.toString('base64');
}

export const overGrpcWeb: Caller = async (base, call, body, credential) => {
  const { input, output }: { input: DescMessage; output: DescMessage } = SessionService.method[call];
  const client = createClient(SessionService, createGrpcWebTransport({ baseUrl: base, httpVersion: '1.1' }));
  const method = client[call] as (
    request: Message,
    how: { headers: Record<string, string> },
  ) => Promise<Message>;
  try {
    const message = await method(fromJson(input, body), { headers: bearer(credential) });
    return { code: 'ok', body: json(output, message), headers: {} };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const headers = pick((name) => error.metadata.get(name));
    const message = error.rawMessage;
    return { code: snakeCase(Code[error.code]), message, body: {}, ...versionIn(error), headers };
  }
};

function pick(valueOf: (name: string) => string | null | undefined): Record<string, string> {
  return Object.fromEntries(
    SHOWN_HEADERS.flatMap((name) => {
      const value = valueOf(name);
      return value === null || value === undefined ? [] : [[name, value]];
    }),
  );
}
