/** A real Envoy that asks over gRPC, run from deploy/envoy. */
import { envoyOverGrpc } from '../parts/gateways.ts';
import { ENVOY_OVER_GRPC, gatewayScenarios } from '../parts/gateway-scenarios.ts';

gatewayScenarios('Envoy', envoyOverGrpc(), ENVOY_OVER_GRPC);
