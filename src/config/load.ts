/** Makes a frozen configuration out of a YAML text, or says all that is wrong with it at once. No file is read here. */
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { crossChecks } from './checks.ts';
import type { Environment } from './environment.ts';
import { namedFiles, resolveLocations } from './files.ts';
import type { NamedFile } from './files.ts';
import { deepFreeze } from './freeze.ts';
import { formatPath, inFileOrder } from './problem.ts';
import type { ConfigPath, ConfigProblem, Finding, Position } from './problem.ts';
import { sayIssue, schemaFindings, stringPath } from './schema-findings.ts';
import { readable } from './schema-shape.ts';
import type { Readable } from './schema-shape.ts';
import { routeSchema } from './schema-routes.ts';
import { configSchema } from './schema.ts';
import type { Config, RouteConfig } from './schema.ts';
import { readYaml } from './yaml-values.ts';
import type { YamlValues } from './yaml-values.ts';

export interface ConfigSource {
  readonly text: string;
  /** Where the text is from: relative locations in it are below this file's folder. */
  readonly file: string;
  /** For `${NAME}`. */
  readonly env: Environment;
}

/** The line of a value, or of what is nearest to it where the file does not have it. */
export type Locate = (path: ConfigPath) => Position;

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly locate: Locate; readonly sound: SoundParts }
  | {
      readonly ok: false;
      /** At least one, in the order of the file. */
      readonly problems: readonly ConfigProblem[];
      readonly locate: Locate;
      readonly sound: SoundParts;
    };

/** What of a file, also of a faulty one, other checks can look at, so that all problems are found at once. Never to be served. */
export interface SoundParts {
  /** Without those that have a problem of their own; `index` is that in the file. */
  readonly routes: readonly { readonly index: number; readonly route: RouteConfig }[];
  readonly files: readonly NamedFile[];
}

/** What the route table finds wrong with the route of this index: `field` is a key of the route or of its `match`. */
export interface RouteProblem {
  readonly index: number;
  readonly field: string;
  readonly message: string;
}

/** Never throws, whatever the text is. */
export function loadConfig({ text, file, env }: ConfigSource): LoadedConfig {
  const yaml = readYaml(text, env);
  if (!yaml.ok) return { ok: false, problems: yaml.problems, locate: () => START, sound: NOTHING };
  const { value, result } = parseTyped(yaml);
  const config: Readable<Config> = result.success
    ? result.data
    : ((readable(configSchema, value) as Readable<Config> | undefined) ?? {});
  const problems = allProblems(yaml, value, result, config);
  const files = namedFiles(config, dirname(resolve(file)));
  if (!result.success || problems.length > 0)
    return { ok: false, problems, locate: yaml.locate, sound: { routes: soundRoutes(yaml, value), files } };
  const loaded = deepFreeze(resolveLocations(result.data, file));
  const routes = loaded.routes.map((route, index) => ({ index, route }));
  return { ok: true, config: loaded, locate: yaml.locate, sound: { routes, files } };
}

/** A finding of another check, such as that of the routes, as a problem of the file. */
export function problemAt(locate: Locate, { path, message }: Finding): ConfigProblem {
  return { ...locate(path), path: formatPath(path), message };
}

/** A route's problem as a problem of the file. */
export function routeProblem(locate: Locate, { index, field, message }: RouteProblem): ConfigProblem {
  const isMatch = Object.hasOwn(routeSchema.shape.match.shape, field);
  return problemAt(locate, { path: ['routes', index, ...(isMatch ? ['match', field] : [field])], message });
}

const START: Position = { line: 1, column: 1 };
const NOTHING: SoundParts = { routes: [], files: [] };

type Parsed = z.ZodSafeParseResult<z.infer<typeof configSchema>>;

/** An unquoted `${NAME}` may stand for a number or a boolean where the schema wants one; elsewhere its text stays text. */
function parseTyped(yaml: YamlValues): { readonly value: unknown; readonly result: Parsed } {
  const { value } = yaml;
  const result = configSchema.safeParse(value, { error: sayIssue });
  const wrong = result.error?.issues.filter((issue) =>
    ['invalid_type', 'invalid_value'].includes(issue.code),
  );
  const paths = (wrong ?? []).map(stringPath).filter((path) => yaml.mayBeTyped(path));
  if (paths.length === 0) return { value, result };
  for (const path of paths) retypeAt(value, path);
  return { value, result: configSchema.safeParse(value, { error: sayIssue }) };
}

/** Makes the text at `path` what YAML 1.2's core schema takes it for. */
function retypeAt(root: unknown, path: ConfigPath): void {
  const last = path.at(-1) ?? '';
  const parent = path.slice(0, -1).reduce<unknown>((at, step) => (at as Mapping)[step], root) as Mapping;
  const text = parent[last];
  if (typeof text === 'string') parent[last] = retype(text);
}

type Mapping = Record<string | number, unknown>;

function retype(text: string): unknown {
  if (/^[-+]?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

function allProblems(
  yaml: YamlValues,
  value: unknown,
  result: Parsed,
  config: Readable<Config>,
): readonly ConfigProblem[] {
  const bySchema = schemaFindings(configSchema, value, result.error?.issues ?? []).map((finding) => ({
    ...finding,
    position: finding.about === 'key' ? yaml.locateKey(finding.path) : yaml.locate(finding.path),
  }));
  const acrossKeys = crossChecks(config, yaml.isWritten).map((finding) => ({
    ...finding,
    position: yaml.locate(finding.path),
  }));
  const isUnknown = unknownValues(yaml);
  const findings = [...bySchema, ...acrossKeys].filter(({ path }) => !isUnknown(path));
  return inFileOrder(
    [...yaml.faults, ...findings].map(({ path, message, position }) => ({
      ...position,
      path: formatPath(path),
      message,
    })),
  );
}

/** Whether a path is at or below a value that its writer did not get across, such as an unset variable. */
function unknownValues(yaml: YamlValues): (path: ConfigPath) => boolean {
  const unknown = new Set(
    yaml.faults.filter((fault) => fault.valueUnknown).map((fault) => formatPath(fault.path)),
  );
  return (path) => [...path, undefined].some((_, length) => unknown.has(formatPath(path.slice(0, length))));
}

function soundRoutes(yaml: YamlValues, value: unknown): SoundParts['routes'] {
  const routes = (value as { readonly routes?: unknown } | null | undefined)?.routes;
  if (!Array.isArray(routes)) return [];
  const faulty = new Set(yaml.faults.filter(({ path }) => path[0] === 'routes').map(({ path }) => path[1]));
  return (routes as readonly unknown[]).flatMap((each, index) => {
    const parsed = routeSchema.safeParse(each);
    return parsed.success && !faulty.has(index) ? [{ index, route: parsed.data }] : [];
  });
}
