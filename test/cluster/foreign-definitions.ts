/** The definitions of other projects' kinds that the chart makes when it is asked to, out of their releases. */
import { join } from 'node:path';
import { goModuleFolder } from '../parts/go-tools.ts';

/** The files, each with one CustomResourceDefinition. */
export async function foreignDefinitions(): Promise<readonly string[]> {
  const prometheus = await goModuleFolder('github.com/prometheus-operator/prometheus-operator', 'v0.85.0');
  const certManager = await goModuleFolder('github.com/cert-manager/cert-manager', 'v1.21.2');
  const monitoring = ['servicemonitors', 'podmonitors', 'prometheusrules'].map((kind) =>
    join(prometheus, 'example', 'prometheus-operator-crd', `monitoring.coreos.com_${kind}.yaml`),
  );
  return [...monitoring, join(certManager, 'deploy', 'crds', 'cert-manager.io_certificates.yaml')];
}
