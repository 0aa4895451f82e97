/** What is wrong with a configuration file, and where: paths, positions, order. */

/** Where something is in the configuration: `['routes', 2, 'match', 'path']`. */
export type ConfigPath = readonly (string | number)[];

/** Both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Something wrong at a path. */
export interface Finding {
  readonly path: ConfigPath;
  /** What is wrong and what would be right, to be read after the path; it holds no value out of the file or the environment. */
  readonly message: string;
}

/** A finding as its reader sees it. */
export interface ConfigProblem extends Position {
  /** `routes[2].match.path`; empty where the file as a whole is meant. */
  readonly path: string;
  readonly message: string;
}

export function formatPath(path: ConfigPath): string {
  return path.reduce<string>((whole, step) => {
    if (typeof step === 'number') return `${whole}[${step}]`;
    if (!/^[A-Za-z_][\w-]*$/.test(step)) return `${whole}[${JSON.stringify(step)}]`;
    return whole === '' ? step : `${whole}.${step}`;
  }, '');
}

/** `LINE:COLUMN PATH: MESSAGE`, to follow the name of the file and ":". */
export function formatProblem({ line, column, path, message }: ConfigProblem): string {
  return `${line}:${column} ${path === '' ? '' : `${path}: `}${message}`;
}

/** In the order of the file, each once. */
export function inFileOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const unique = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...unique.values()].sort(
    (a, b) => a.line - b.line || a.column - b.column || compareText(a.path, b.path),
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Whether the file has this key, or leaves it to its default. */
export type IsWritten = (path: ConfigPath) => boolean;
