/** From a configuration file on disk to a runtime: what start-up, every reload and `check-config` go through. */
import type { Environment } from '../config/environment.ts';
import { problemAt } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { checkConfig } from './check-config.ts';
import { buildRuntime, type Runtime, type RuntimeOptions } from './runtime.ts';

export type LoadedRuntime =
  | { readonly ok: true; readonly runtime: Runtime; readonly warnings: readonly string[] }
  /** Lines for people, as compilers write them: `FILE:LINE:COLUMN path: message`. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Never rejects for what is wrong with a file: all that is, the keys and identities that it names included, comes at once. */
export async function loadRuntime(
  file: string,
  env: Environment,
  options: RuntimeOptions,
): Promise<LoadedRuntime> {
  const checked = await checkConfig(file, env);
  const built = checked.ok ? await buildRuntime(checked.config, checked.routes, options) : undefined;
  if (built?.ok) return built;
  const problems = checked.ok
    ? (built?.findings ?? []).map((finding) => problemAt(checked.locate, finding))
    : checked.problems;
  return { ok: false, problems: problems.map((problem) => `${file}:${formatProblem(problem)}`) };
}
