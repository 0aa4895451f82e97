/** A real Envoy that asks over HTTP, run from deploy/envoy-http. */
import { envoyOverHttp } from '../parts/gateways.ts';
import { gatewayScenarios } from '../parts/gateway-scenarios.ts';

gatewayScenarios('Envoy over HTTP', envoyOverHttp(), {
  denialBody: 'same',
  failureBody: 'own',
  unknownHeader: 'removed',
  untrusted: 421,
  gone: 503,
  goneSaysWhen: true,
  uncheckedRoutes: true,
  tellsOfAllows: true,
});
