/** kubectl and helm on the cluster of KUBECONFIG, in a namespace of the test's own. Hides their command lines. */
import { execFile } from 'node:child_process';
import { helmBinary, kubectlBinary } from '../parts/kubernetes-tools.ts';

/** A command that failed; the message is what it printed. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

export interface Namespace {
  readonly name: string;
  /** Standard output. @throws CommandFailure */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** The same of helm, with this namespace. */
  helm(args: readonly string[]): Promise<string>;
  apply(...objects: readonly object[]): Promise<void>;
  /** The names of all objects of these kinds, such as `pod/a`; more arguments narrow it down. */
  names(kinds: string, ...selectors: readonly string[]): Promise<readonly string[]>;
  /** Runs a JavaScript module in a pod of the program's image, whose Node is all that is in it; `input` is its standard input. */
  runNode(pod: string, container: string, script: string, input?: string): Promise<string>;
  /** The same, for a script that goes on until its standard input ends. */
  startNode(pod: string, container: string, script: string): RunningScript;
  remove(): Promise<void>;
}

export interface RunningScript {
  /** Resolves once it has printed something. @throws CommandFailure where it ends before */
  readonly begun: Promise<void>;
  /** Ends its standard input, and resolves to its standard output. */
  stop(): Promise<string>;
}

/** Unless told otherwise it enforces Pod Security "restricted", and warns of what makes pods that do not keep to it. */
export async function createNamespace(
  name: string,
  security: 'restricted' | 'privileged' = 'restricted',
): Promise<Namespace> {
  const [kubectlPath, helmPath] = [await kubectlBinary(), await helmBinary()];
  const kubectl = (args: readonly string[], input?: string) =>
    run(kubectlPath, ['--namespace', name, ...args], input);
  await kubectl(['apply', '-f', '-'], JSON.stringify(namespaceObject(name, security)));
  const nodeIn = (pod: string, container: string, script: string) => [
    ...['exec', '-i', pod, '-c', container, '--'],
    ...['/usr/bin/node', '--input-type=module', '-e', script],
  ];
  return {
    name,
    kubectl,
    helm: (args) => run(helmPath, ['--namespace', name, ...args]),
    apply: async (...objects) => {
      const list = { apiVersion: 'v1', kind: 'List', items: objects };
      await kubectl(['apply', '-f', '-'], JSON.stringify(list));
    },
    names: async (kinds, ...selectors) =>
      (await kubectl(['get', kinds, ...selectors, '-o', 'name'])).split('\n').filter((line) => line !== ''),
    runNode: (pod, container, script, input = '') => kubectl(nodeIn(pod, container, script), input),
    startNode: (pod, container, script) => {
      const child = start(kubectlPath, ['--namespace', name, ...nodeIn(pod, container, script)]);
      return { begun: child.begun, stop: () => (child.end(), child.output) };
    },
    remove: async () => {
      await kubectl(['delete', 'namespace', name, '--wait', '--timeout=120s']);
    },
  };
}

function namespaceObject(name: string, security: string): object {
  const labels = {
    'pod-security.kubernetes.io/enforce': security,
    'pod-security.kubernetes.io/warn': security,
  };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

async function run(command: string, args: readonly string[], input?: string): Promise<string> {
  const child = start(command, args);
  child.end(input);
  return child.output;
}

function start(command: string, args: readonly string[]) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { maxBuffer: 64 * 1024 * 1024, timeout: 300_000 };
  const child = execFile(command, args, options, (error, stdout, stderr) => {
    if (error)
      reject(new CommandFailure(`${args.slice(2, 6).join(' ')}: ${stdout}${stderr}`, { cause: error }));
    else resolve(stdout);
  });
  // What ends early says why on its standard error.
  child.stdin?.on('error', () => undefined);
  const begun = new Promise<void>((settle, fail) => {
    child.stdout?.once('data', () => settle());
    promise.then(() => fail(new CommandFailure('it ended and had printed nothing')), fail);
  });
  // Who does not wait for it is told by `output`.
  begun.catch(() => undefined);
  return { begun, output: promise, end: (input = '') => void child.stdin?.end(input) };
}
