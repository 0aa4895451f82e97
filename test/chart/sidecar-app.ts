/** Renders the example of an app with a sidecar, deploy/kubernetes/app-with-sidecar, with the library chart of this repository. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { helm, ROOT } from './helm.ts';

const EXAMPLE = join(ROOT, 'deploy', 'kubernetes', 'app-with-sidecar');
const LIBRARY = join(ROOT, 'helm', 'singlestate', 'charts', 'singlestate-pod');

/** A copy of the example with its dependency in it, for as long as `use` runs. */
export async function withSidecarChart<T>(use: (chart: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-app-'));
  try {
    const chart = join(folder, 'app-with-sidecar');
    await cp(EXAMPLE, chart, { recursive: true });
    const file = join(chart, 'Chart.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/repository: file:.*/, `repository: file://${LIBRARY}`));
    await helm('dependency', 'update', chart);
    return await use(chart);
  } finally {
    await rm(folder, { recursive: true });
  }
}
