/** For bench/micro/transport.ts: the product's own transport, src/envoy/grpc-server.ts, on the port of its argument. */
import { CHECK_METHOD } from '../../src/envoy/check-service.ts';
import { createGrpcServer } from '../../src/envoy/grpc-server.ts';
import { answerCheck, CheckRequest, CheckResponse } from './answer-check.ts';

const { server } = createGrpcServer({
  methods: new Map([
    [
      CHECK_METHOD,
      (message, call) =>
        call.respond(CheckResponse.encode(answerCheck(CheckRequest.decode(message))).finish()),
    ],
  ]),
  maxMessageBytes: 1024 * 1024,
  maxConnectionAgeMs: () => 600_000,
  onError: console.error,
});
server.listen(Number(process.argv[2]), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
