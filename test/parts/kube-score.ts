/** kube-score, a linter of Kubernetes objects: the binary that the user names, or the pinned Go module, built once. */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const VERSION = '1.20.0';
const FOLDER = join(import.meta.dirname, '..', '..', '.cache', 'parts', `kube-score-${VERSION}`);

/** `KUBE_SCORE_BIN` where it is set. Rejects with one line that says what to do where it can't be built. */
export async function kubeScoreBinary(): Promise<string> {
  const named = process.env['KUBE_SCORE_BIN'];
  if (named !== undefined) return named;
  const binary = join(FOLDER, 'kube-score');
  const isThere = await access(binary, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isThere) await build();
  return binary;
}

async function build(): Promise<void> {
  const module = `github.com/zegl/kube-score/cmd/kube-score@v${VERSION}`;
  process.stderr.write(`Building kube-score (${module}), once.\n`);
  const env = { ...process.env, GOBIN: FOLDER };
  await promisify(execFile)('go', ['install', module], { env }).catch((cause: unknown) => {
    const said = cause instanceof Error ? (cause.message.trim().split('\n').at(-1) ?? '') : '';
    throw new Error(`go can't install ${module} (${said}): install Go, or name a binary by KUBE_SCORE_BIN.`, {
      cause,
    });
  });
}
