/** All that is wrong with a configuration file, its routes and the files that it names, with lines. Changes nothing. */
import { compileRoutes, type RouteTable } from '../authz/routes.ts';
import type { Environment } from '../config/environment.ts';
import { problemOf, readConfigFile } from '../config/files.ts';
import { loadConfig, problemAt, routeProblem, type LoadedConfig, type Locate } from '../config/load.ts';
import { inFileOrder, type ConfigProblem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';

export type CheckedConfig =
  | { readonly ok: true; readonly config: Config; readonly routes: RouteTable; readonly locate: Locate }
  /** In the order of the file. */
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Never rejects: a file that can't be read is a problem too. */
export async function checkConfig(file: string, env: Environment): Promise<CheckedConfig> {
  const reading = await readConfigFile(file);
  if (!reading.ok) {
    const problem = { line: 1, column: 1, path: '', message: `the configuration file ${reading.problem}` };
    return { ok: false, problems: [problem] };
  }
  const loaded = loadConfig({ text: reading.text, file, env });
  const routes = compileRoutes(loaded.sound.routes.map(({ route }) => route));
  const problems = [
    ...(loaded.ok ? [] : loaded.problems),
    ...(routes.ok ? [] : routes.problems.map((problem) => inFile(problem, loaded))),
    ...(await fileProblems(loaded)),
  ];
  if (loaded.ok && routes.ok && problems.length === 0) {
    return { ok: true, config: loaded.config, routes: routes.table, locate: loaded.locate };
  }
  return { ok: false, problems: inFileOrder(problems) };
}

/** The route table sees the sound routes alone: its indexes, also those in its messages, are turned into the file's. */
function inFile(problem: Parameters<typeof routeProblem>[1], { sound, locate }: LoadedConfig): ConfigProblem {
  const written = (index: number) => sound.routes[index]?.index ?? index;
  const message = problem.message.replace(
    /\broutes\[(\d+)\]/g,
    (_, other) => `routes[${written(Number(other))}]`,
  );
  return routeProblem(locate, { ...problem, index: written(problem.index), message });
}

async function fileProblems({ sound, locate }: LoadedConfig): Promise<readonly ConfigProblem[]> {
  const found = await Promise.all(
    sound.files.map(async (file) => ({ file, problem: await problemOf(file) })),
  );
  return found.flatMap(({ file: { path, location }, problem }) =>
    problem === undefined ? [] : [problemAt(locate, { path, message: `${location} ${problem}` })],
  );
}
