/** `npm run test:cluster`: the chart on the cluster of KUBECONFIG; with `--gateways` the real gateways in it, before a release. */
import { run } from './run.ts';

const given = process.argv.slice(2);
const project = given.includes('--gateways') ? 'gateways' : 'cluster';
const others = given.filter((argument) => argument !== '--gateways');
if (!run('vitest', ['run', '--project', project, ...others])) process.exitCode = 1;
