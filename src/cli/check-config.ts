/** `check-config`: all that is wrong with a configuration file, the routes and the named files included. Changes nothing. */
import { Command } from 'commander';
import { compileRoutes } from '../authz/routes.ts';
import type { Environment } from '../config/environment.ts';
import { problemOf, readConfigFile } from '../config/files.ts';
import { loadConfig, problemAt, routeProblem } from '../config/load.ts';
import type { LoadedConfig, RouteProblem } from '../config/load.ts';
import { formatProblem, inFileOrder } from '../config/problem.ts';
import type { ConfigProblem } from '../config/problem.ts';
import type { RouteConfig } from '../config/schema.ts';
import { CliError, EXIT } from './cli-error.ts';

/** The route table's own compiler, as far as it is needed here. */
export type CompileRoutes = (
  routes: readonly RouteConfig[],
) => { readonly ok: true } | { readonly ok: false; readonly problems: readonly RouteProblem[] };

export interface CheckOptions {
  readonly file: string;
  readonly env: Environment;
  readonly compileRoutes: CompileRoutes;
}

export interface CheckedConfig {
  /** In the order of the file; none means that the file can be served. */
  readonly problems: readonly ConfigProblem[];
  /** How many the file has; 0 beside problems. */
  readonly routes: number;
  readonly apps: number;
}

export interface CheckConfigIo {
  readonly env: Environment;
  readonly write: (text: string) => void;
}

/** Prints the problems on standard output; exit code 1 where there are any. */
export function checkConfigCommand({ env, write }: CheckConfigIo): Command {
  return new Command('check-config')
    .description('all that is wrong with a configuration file, with line and path')
    .argument('<file>', 'the configuration file')
    .action(async (file: string) => {
      const checked = await checkConfig({ file, env, compileRoutes });
      write(renderCheck(file, checked));
      if (checked.problems.length > 0) throw new CliError(EXIT.refused, `${file} can't be served as it is`);
    });
}

/** Never rejects: a file that can't be read is a problem too. */
export async function checkConfig({ file, env, compileRoutes }: CheckOptions): Promise<CheckedConfig> {
  const reading = await readConfigFile(file);
  if (!reading.ok) {
    const problem = { line: 1, column: 1, path: '', message: `the configuration file ${reading.problem}` };
    return { problems: [problem], routes: 0, apps: 0 };
  }
  const loaded = loadConfig({ text: reading.text, file, env });
  const problems = [
    ...(loaded.ok ? [] : loaded.problems),
    ...routeProblems(loaded, compileRoutes),
    ...(await fileProblems(loaded)),
  ];
  const [routes, apps] = loaded.ok ? [loaded.config.routes, Object.keys(loaded.config.apps)] : [[], []];
  return { problems: inFileOrder(problems), routes: routes.length, apps: apps.length };
}

/** `FILE:LINE:COLUMN PATH: MESSAGE`, a problem a line, and how many there are; or that all is well, in one line. */
export function renderCheck(file: string, { problems, routes, apps }: CheckedConfig): string {
  if (problems.length === 0) return `${file}: ok, ${count(routes, 'route')}, ${count(apps, 'app')}\n`;
  const lines = problems.map((problem) => `${file}:${formatProblem(problem)}\n`);
  return `${lines.join('')}${count(problems.length, 'problem')}\n`;
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** The route table sees the sound routes alone: its indexes, also those in its messages, are turned into the file's. */
function routeProblems(
  { sound, locate }: LoadedConfig,
  compileRoutes: CompileRoutes,
): readonly ConfigProblem[] {
  const compiled = compileRoutes(sound.routes.map(({ route }) => route));
  if (compiled.ok) return [];
  const inFile = (index: number) => sound.routes[index]?.index ?? index;
  return compiled.problems.map(({ index, field, message }) =>
    routeProblem(locate, {
      index: inFile(index),
      field,
      message: message.replace(/\broutes\[(\d+)\]/g, (_, other) => `routes[${inFile(Number(other))}]`),
    }),
  );
}

async function fileProblems({ sound, locate }: LoadedConfig): Promise<readonly ConfigProblem[]> {
  const found = await Promise.all(
    sound.files.map(async (file) => ({ file, problem: await problemOf(file) })),
  );
  return found.flatMap(({ file: { path, location }, problem }) =>
    problem === undefined ? [] : [problemAt(locate, { path, message: `${location} ${problem}` })],
  );
}
