/** Prints the paths of the controllers of Envoy Gateway and of Contour, a line each; for gateways.sh. */
import { contourBinary, envoyGatewayBinary } from '../parts/gateway-modules.ts';

console.log(await envoyGatewayBinary());
console.log(await contourBinary());
