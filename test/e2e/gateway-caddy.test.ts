/** A real Caddy, run from deploy/caddy. */
import { caddy } from '../parts/gateways.ts';
import { gatewayScenarios } from '../parts/gateway-scenarios.ts';

gatewayScenarios('Caddy', caddy(), {
  denialBody: 'same',
  failureBody: 'same',
  unknownHeader: 'removed',
  untrusted: 421,
  gone: 503,
  goneSaysWhen: true,
  uncheckedRoutes: true,
  tellsOfAllows: true,
});
