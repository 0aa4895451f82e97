/** The gateways that the examples in deploy/ are for, as Go modules: their versions, and their programs. */
import { goModuleFolder, goTool } from './go-tools.ts';

export const MODULES = {
  envoyGateway: { path: 'github.com/envoyproxy/gateway', version: 'v1.9.1' },
  contour: { path: 'github.com/projectcontour/contour', version: 'v1.33.8' },
  /** Istio's objects; its programs are in another module. */
  istio: { path: 'istio.io/api', version: 'v1.31.4' },
  emissary: { path: 'github.com/emissary-ingress/emissary/v3', version: 'v3.9.1' },
} as const;

/** The folder of a module's files: schemas, charts, manifests. */
export async function gatewayFiles(name: keyof typeof MODULES): Promise<string> {
  return goModuleFolder(MODULES[name].path, MODULES[name].version);
}

const program = (name: keyof typeof MODULES, command: string, variable: string) => {
  const { path, version } = MODULES[name];
  return goTool({ name: command, path: `${path}/cmd/${command}`, version, variable });
};

/** Envoy Gateway's command line, with its translator; `EGCTL_BIN` where it is set. */
export const egctlBinary = () => program('envoyGateway', 'egctl', 'EGCTL_BIN');

export const envoyGatewayBinary = () => program('envoyGateway', 'envoy-gateway', 'ENVOY_GATEWAY_BIN');

export const contourBinary = () => program('contour', 'contour', 'CONTOUR_BIN');

/** Istio's releases are no versions of its module: of the branch of 1.31, August 2026. `ISTIOCTL_BIN` where it is set. */
export const istioctlBinary = () =>
  goTool({
    name: 'istioctl',
    path: 'istio.io/istio/istioctl/cmd/istioctl',
    version: 'v0.0.0-20260827124520-eed52ebb66ad',
    variable: 'ISTIOCTL_BIN',
  });
