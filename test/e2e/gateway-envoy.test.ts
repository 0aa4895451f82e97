/** A real Envoy that asks over gRPC, run from deploy/envoy. */
import { envoyOverGrpc } from '../parts/gateways.ts';
import { gatewayScenarios } from '../parts/gateway-scenarios.ts';

gatewayScenarios('Envoy', envoyOverGrpc(), {
  denialBody: 'same',
  failureBody: 'same',
  unknownHeader: 'removed',
  gone: 503,
  goneSaysWhen: false,
  uncheckedRoutes: true,
  tellsOfAllows: true,
});
