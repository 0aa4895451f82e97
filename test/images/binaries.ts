/** Prints the paths of the Envoy and the Valkey that the tests run, a line each; for archives.sh. */
import { envoyBinary, valkeyBinary } from '../../quickstart/parts.ts';

console.log(await envoyBinary());
console.log(await valkeyBinary());
