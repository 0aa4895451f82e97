/** kube-score, a linter of Kubernetes objects. */
import { goTool } from './go-tools.ts';

/** `KUBE_SCORE_BIN`, or a pinned one. */
export const kubeScoreBinary = () =>
  goTool({
    name: 'kube-score',
    path: 'github.com/zegl/kube-score/cmd/kube-score',
    version: 'v1.20.0',
    variable: 'KUBE_SCORE_BIN',
  });
