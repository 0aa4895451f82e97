/** Debian's nginx, run from deploy/nginx. */
import { nginx } from '../parts/gateways.ts';
import { gatewayScenarios } from '../parts/gateway-scenarios.ts';
import { debianBinary } from './debian-binary.ts';

gatewayScenarios(
  'nginx',
  nginx(() => debianBinary('nginx', 'nginx')),
  {
    denialBody: 'own',
    failureBody: 'own',
    unknownHeader: 'refused',
    untrusted: 503,
    gone: 503,
    goneSaysWhen: true,
    uncheckedRoutes: true,
    tellsOfAllows: true,
  },
);
