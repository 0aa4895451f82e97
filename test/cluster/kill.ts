/** Kills a container as its node's kernel would, without a word to what runs in it, under load. Hides the way to the node. */
import { expect } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { createNamespace, type Namespace } from './kubernetes.ts';
import { IMAGES } from './pods.ts';
import { refusedOf, startLoad } from './sessions.ts';

/** A pod that sees all processes of its node. */
const onNode = (nodeName: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'node' },
  spec: {
    nodeName,
    hostPID: true,
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsUser: 0 },
    containers: [
      {
        name: 'node',
        image: IMAGES.singlestate,
        imagePullPolicy: 'IfNotPresent',
        command: ['/usr/bin/node', '-e', 'setInterval(() => undefined, 1e6);'],
      },
    ],
  },
});

const KILL = (containerId: string) => `
import { readdirSync, readFileSync } from 'node:fs';
const isOfIt = (pid) => {
  try {
    return readFileSync('/proc/' + pid + '/cgroup', 'utf8').includes('${containerId}');
  } catch {
    return false;
  }
};
const found = readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && isOfIt(name));
for (const pid of found) {
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch (error) {
    // It went with the first of them.
    if (error.code !== 'ESRCH') throw error;
  }
}
if (found.length === 0) throw new Error('no process of ${containerId}');`;

/** Kills the first container of the pod, and resolves once the kubelet has started it anew and it is ready. @throws CommandFailure */
async function killContainer(namespace: Namespace, pod: string): Promise<void> {
  const fields = '{.spec.nodeName} {.status.containerStatuses[0].containerID}';
  const shown = await namespace.kubectl(['get', 'pod', pod, '-o', `jsonpath=${fields}`]);
  const [nodeName = '', containerId = ''] = shown.split(/ (?:\w+:\/\/)?/);
  // Anything shorter might be a part of what others are called.
  if (!/^[0-9a-f]{64}$/.test(containerId)) throw new Error(`${pod} has no container that runs: "${shown}"`);
  const privileged = await createNamespace(`${namespace.name}-node`, 'privileged');
  try {
    await privileged.apply(onNode(nodeName));
    await privileged.kubectl(['wait', 'pod/node', '--for=condition=Ready', '--timeout=60s']);
    await privileged.runNode('node', 'node', KILL(containerId));
  } finally {
    await privileged.remove();
  }
  const ended = '{.status.containerStatuses[0].lastState.terminated.exitCode}';
  const isKilled = async () =>
    (await namespace.kubectl(['get', 'pod', pod, '-o', `jsonpath=${ended}`])) === '137';
  await waitUntil(isKilled, { what: 'the end of the container', timeoutMs: 60_000 });
  await namespace.kubectl(['wait', `pod/${pod}`, '--for=condition=Ready', '--timeout=60s']);
}

/** Kills the first container of a replica that decides on the URL: the checks that it has fail, and hardly another. */
export async function expectHardlyMissed(
  namespace: Namespace,
  pod: string,
  { url, token }: { readonly url: string; readonly token: string },
): Promise<void> {
  const load = await startLoad(namespace, url, token, 1_000);
  await killContainer(namespace, pod);
  const { before, afterwards } = await load.stop();
  expect(afterwards).toEqual({ 200: 1_000 });
  expect(refusedOf(before)).toBeLessThan(50);
}
