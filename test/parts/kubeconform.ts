/** kubeconform, which holds Kubernetes objects against JSON Schemas. */
import { goTool } from './go-tools.ts';

/** `KUBECONFORM_BIN`, or a pinned one. */
export const kubeconformBinary = () =>
  goTool({
    name: 'kubeconform',
    path: 'github.com/yannh/kubeconform/cmd/kubeconform',
    version: 'v0.8.0',
    variable: 'KUBECONFORM_BIN',
  });
