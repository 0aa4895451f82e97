/** The gRPC method that Envoy's ext_authz filter calls: bytes in, one check, bytes out. */
import type { Checker } from '../authz/checker.ts';
import { decodeCheckRequest } from './check-request.ts';
import { encodeCheckResponse } from './check-response.ts';
import type { GrpcMethod } from './grpc-server.ts';
import { GRPC_STATUS } from './grpc-status.ts';

export const CHECK_METHOD = '/envoy.service.auth.v3.Authorization/Check';

/** Bytes that are no CheckRequest end with INVALID_ARGUMENT, which Envoy treats as a failed check. */
export function createCheckMethod(checker: Checker, onError: (error: unknown) => void): GrpcMethod {
  return (message, call) => {
    let request;
    try {
      request = decodeCheckRequest(message, call);
    } catch {
      call.end(GRPC_STATUS.INVALID_ARGUMENT, 'the message is no CheckRequest');
      return;
    }
    checker
      .check(request, call.timeoutMs)
      .then((answer) => call.respond(encodeCheckResponse(answer)))
      .catch((error: unknown) => {
        onError(error);
        call.end(GRPC_STATUS.INTERNAL, 'internal error');
      });
  };
}
