/** For bench/micro/transport.ts: @grpc/grpc-js with the product's codec, on the port of its argument. */
import { promisify } from 'node:util';
import { Server, ServerCredentials, type handleUnaryCall, type MethodDefinition } from '@grpc/grpc-js';
import { CHECK_METHOD } from '../../src/envoy/check-service.ts';
import { answerCheck, CheckRequest, CheckResponse } from './answer-check.ts';

type Request = ReturnType<typeof CheckRequest.decode>;
type Response = ReturnType<typeof answerCheck>;

const definition: MethodDefinition<Request, Response> = {
  path: CHECK_METHOD,
  requestStream: false,
  responseStream: false,
  requestSerialize: (request) => Buffer.from(CheckRequest.encode(request).finish()),
  requestDeserialize: (bytes) => CheckRequest.decode(bytes),
  // A view, not a copy: protobufjs' writer already made a Buffer, and the two servers must do the same work.
  responseSerialize: (response) => CheckResponse.encode(response).finish() as Buffer,
  responseDeserialize: (bytes) => CheckResponse.decode(bytes),
};

const check: handleUnaryCall<Request, Response> = (call, callback) =>
  callback(null, answerCheck(call.request));

const server = new Server();
server.addService({ Check: definition }, { Check: check });
await promisify(server.bindAsync.bind(server))(
  `127.0.0.1:${process.argv[2] ?? ''}`,
  ServerCredentials.createInsecure(),
);
process.once('SIGTERM', () => process.exit(0));
