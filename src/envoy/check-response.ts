/**
 * An `Answer` as Envoy's CheckResponse bytes. A failure is sent as a denial with its own status, headers and body, so
 * that no `failure_mode_allow` in an Envoy configuration can turn it into an allow.
 */
import type { Answer, DecisionMetadata } from '../authz/answer.ts';
import type { HeaderField } from '../authz/mutations.ts';
import { envoy } from '../gen/envoy/messages.js';
import { GRPC_STATUS } from './grpc-status.ts';

const { CheckResponse, HeaderAppendAction } = envoy.service.auth.v3;

/** Where the facts are within the dynamic metadata that Envoy files under the ext_authz filter's own namespace. */
export const METADATA_KEY = 'singlestate';

const STATUS_OF_HTTP = new Map<number, number>([
  [401, GRPC_STATUS.UNAUTHENTICATED],
  [403, GRPC_STATUS.PERMISSION_DENIED],
  [429, GRPC_STATUS.RESOURCE_EXHAUSTED],
]);

/** Source: envoy.service.auth.v3.CheckResponse. */
export function encodeCheckResponse(answer: Answer): Uint8Array {
  const dynamicMetadata = {
    fields: { [METADATA_KEY]: { structValue: { fields: structFields(answer.metadata) } } },
  };
  if (answer.allowed) {
    return CheckResponse.encode({
      status: { code: GRPC_STATUS.OK },
      okResponse: {
        headers: answer.set.map(overwrite),
        headersToRemove: [...answer.remove],
        responseHeadersToAdd: answer.response.map(overwrite),
      },
      dynamicMetadata,
    }).finish();
  }
  return CheckResponse.encode({
    status: { code: STATUS_OF_HTTP.get(answer.status) ?? GRPC_STATUS.UNAVAILABLE },
    deniedResponse: {
      status: { code: answer.status },
      headers: answer.headers.map(overwrite),
      body: answer.body,
    },
    dynamicMetadata,
  }).finish();
}

function overwrite([key, value]: HeaderField) {
  return { header: { key, value }, appendAction: HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD };
}

function structFields(metadata: DecisionMetadata) {
  const fields: Record<string, { stringValue: string } | { numberValue: number }> = {};
  for (const [name, value] of Object.entries(metadata)) {
    // Half a surrogate pair is no UTF-8: Envoy would refuse the whole response.
    fields[name] = typeof value === 'string' ? { stringValue: value.toWellFormed() } : { numberValue: value };
  }
  return fields;
}
