/** Fetches all that the tests in this folder run, ahead of them: a cluster's network may have no way out to where it comes from. */
import { gatewayFiles, MODULES } from '../parts/gateway-modules.ts';
import { kubeconformBinary } from '../parts/kubeconform.ts';
import { helmBinary, kubectlBinary } from '../parts/kubernetes-tools.ts';
import { foreignDefinitions } from './foreign-definitions.ts';

await helmBinary();
await kubectlBinary();
await kubeconformBinary();
await foreignDefinitions();
for (const name of Object.keys(MODULES)) await gatewayFiles(name as keyof typeof MODULES);
