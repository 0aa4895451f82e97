/** The gRPC health checking protocol, for Kubernetes' gRPC probes and Envoy's health checks: the state of `/readyz`. */
import { grpc } from '../gen/envoy/messages.js';
import { CHECK_METHOD } from './check-service.ts';
import type { GrpcCall, GrpcMethod } from './grpc-server.ts';
import { GRPC_STATUS } from './grpc-status.ts';

const { HealthCheckRequest, HealthCheckResponse } = grpc.health.v1;
const { ServingStatus } = HealthCheckResponse;

/** What the service needs to know: whether this server should be sent checks, and when that changes. */
export interface Readiness {
  readonly ready: boolean;
  subscribe(listener: () => void): () => void;
}

/** The server as a whole, and the one service that is served here. */
const SERVICES: ReadonlySet<string> = new Set(['', CHECK_METHOD.slice(1, CHECK_METHOD.lastIndexOf('/'))]);

/** grpc.health.v1.Health, by method path. */
export function createHealthMethods(health: Readiness): [path: string, method: GrpcMethod][] {
  return [
    ['/grpc.health.v1.Health/Check', (message, call) => check(health, message, call)],
    ['/grpc.health.v1.Health/Watch', (message, call) => watch(health, message, call)],
  ];
}

function check(health: Readiness, message: Buffer, call: GrpcCall): void {
  const service = readService(message, call);
  if (service === undefined) return;
  if (SERVICES.has(service)) call.respond(statusMessage(servingStatus(health)));
  else call.end(GRPC_STATUS.NOT_FOUND, 'unknown service');
}

/** A service that is not known may be some day, so its watch stays open (health.proto). */
function watch(health: Readiness, message: Buffer, call: GrpcCall): void {
  const service = readService(message, call);
  if (service === undefined) return;
  if (!SERVICES.has(service)) {
    call.send(statusMessage(ServingStatus.SERVICE_UNKNOWN));
    return;
  }
  let told = servingStatus(health);
  call.send(statusMessage(told));
  const unsubscribe = health.subscribe(() => {
    const status = servingStatus(health);
    if (status === told) return;
    told = status;
    call.send(statusMessage(status));
  });
  call.onClose(unsubscribe);
}

/** The service that is asked about; undefined where the call was ended, as the message is no HealthCheckRequest. */
function readService(message: Buffer, call: GrpcCall): string | undefined {
  try {
    return HealthCheckRequest.decode(message).service;
  } catch {
    call.end(GRPC_STATUS.INVALID_ARGUMENT, 'the message is no HealthCheckRequest');
    return undefined;
  }
}

function servingStatus(health: Readiness): grpc.health.v1.HealthCheckResponse.ServingStatus {
  return health.ready ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}

function statusMessage(status: grpc.health.v1.HealthCheckResponse.ServingStatus): Uint8Array {
  return HealthCheckResponse.encode({ status }).finish();
}
