/**
 * An `Answer` as Envoy's CheckResponse bytes. A failure is sent as a denial with its own status, headers and body, so
 * that no `failure_mode_allow` in an Envoy configuration can turn it into an allow.
 */
import type { Answer, DecisionMetadata, Passage } from '../authz/answer.ts';
import type { HeaderField } from '../authz/mutations.ts';
import { GRPC_STATUS } from './grpc-status.ts';
import { MessageWriter } from './message-writer.ts';

/** Where the facts are within the dynamic metadata that Envoy files under the ext_authz filter's own namespace. */
export const METADATA_KEY = 'singlestate';

const STATUS_OF_HTTP = new Map<number, number>([
  // To the login.
  [302, GRPC_STATUS.UNAUTHENTICATED],
  [401, GRPC_STATUS.UNAUTHENTICATED],
  [403, GRPC_STATUS.PERMISSION_DENIED],
  [429, GRPC_STATUS.RESOURCE_EXHAUSTED],
]);

/** Field numbers of proto/envoy/ext_authz.proto. */
const CHECK_RESPONSE = { status: 1, deniedResponse: 2, okResponse: 3, dynamicMetadata: 4 } as const;
const STATUS = { code: 1 } as const;
const DENIED = { status: 1, headers: 2, body: 3 } as const;
const OK = { headers: 2, headersToRemove: 5, responseHeadersToAdd: 6 } as const;
const HEADER_OPTION = { header: 1, appendAction: 3 } as const;
const HEADER = { key: 1, value: 2 } as const;
const STRUCT = { fields: 1 } as const;
const MAP_ENTRY = { key: 1, value: 2 } as const;
const VALUE = { number: 2, string: 3, struct: 5 } as const;

/** HeaderAppendAction. */
const APPEND_IF_EXISTS_OR_ADD = 0;
const OVERWRITE_IF_EXISTS_OR_ADD = 2;

type Refused = Extract<Answer, { allowed: false }>;

/** One for all: nothing is awaited while a message is written. */
const writer = new MessageWriter();

/** Source: envoy.service.auth.v3.CheckResponse. Written last to first, as the writer wants it. */
export function encodeCheckResponse(answer: Answer): Uint8Array {
  writer.clear();
  writeMetadata(answer.metadata);
  if (answer.allowed) writeOk(answer);
  else writeDenied(answer);
  const code = answer.allowed
    ? GRPC_STATUS.OK
    : (STATUS_OF_HTTP.get(answer.status) ?? GRPC_STATUS.UNAVAILABLE);
  writeStatus(CHECK_RESPONSE.status, code);
  return writer.finish();
}

function writeOk({ set, remove, response, cookies }: Passage): void {
  const before = writer.written;
  if (cookies !== undefined) writeCookies(cookies);
  writeHeaders(OK.responseHeadersToAdd, response);
  for (let at = remove.length - 1; at >= 0; at -= 1) writer.string(OK.headersToRemove, remove[at] ?? '');
  writeHeaders(OK.headers, set);
  writer.message(CHECK_RESPONSE.okResponse, before);
}

function writeDenied({ status, headers, body }: Refused): void {
  const before = writer.written;
  writer.string(DENIED.body, body);
  writeHeaders(DENIED.headers, headers);
  writeStatus(DENIED.status, status);
  writer.message(CHECK_RESPONSE.deniedResponse, before);
}

/** google.rpc.Status and envoy.type.v3.HttpStatus alike. */
function writeStatus(field: number, code: number): void {
  const before = writer.written;
  writer.integer(STATUS.code, code);
  writer.message(field, before);
}

function writeHeaders(field: number, headers: readonly HeaderField[]): void {
  for (let at = headers.length - 1; at >= 0; at -= 1) {
    const [key, value] = headers[at] ?? ['', ''];
    writeHeader(field, key, value, OVERWRITE_IF_EXISTS_OR_ADD);
  }
}

/** Each in a field of its own (RFC 6265 section 3), and none in place of the app's. */
function writeCookies(cookies: readonly string[]): void {
  for (const cookie of cookies.toReversed())
    writeHeader(OK.responseHeadersToAdd, 'set-cookie', cookie, APPEND_IF_EXISTS_OR_ADD);
}

function writeHeader(field: number, key: string, value: string, appendAction: number): void {
  const option = writer.written;
  writer.integer(HEADER_OPTION.appendAction, appendAction);
  const header = writer.written;
  writer.string(HEADER.value, value);
  writer.string(HEADER.key, key);
  writer.message(HEADER_OPTION.header, header);
  writer.message(field, option);
}

/** A google.protobuf.Struct with one field, in which all the facts are. */
function writeMetadata(metadata: DecisionMetadata): void {
  const before = writer.written;
  const facts = Object.entries(metadata);
  for (let at = facts.length - 1; at >= 0; at -= 1) writeFact(...(facts[at] ?? ['', '']));
  writer.message(VALUE.struct, before);
  writer.message(MAP_ENTRY.value, before);
  writer.string(MAP_ENTRY.key, METADATA_KEY);
  writer.message(STRUCT.fields, before);
  writer.message(CHECK_RESPONSE.dynamicMetadata, before);
}

function writeFact(name: string, fact: string | number): void {
  const entry = writer.written;
  if (typeof fact === 'string') writer.string(VALUE.string, fact);
  else writer.double(VALUE.number, fact);
  writer.message(MAP_ENTRY.value, entry);
  writer.string(MAP_ENTRY.key, name);
  writer.message(STRUCT.fields, entry);
}
