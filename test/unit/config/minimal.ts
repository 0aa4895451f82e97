/** The smallest configuration that is right, for tests to add to. */
import { loadConfig } from '../../../src/config/load.ts';
import type { LoadedConfig } from '../../../src/config/load.ts';
import type { Environment } from '../../../src/config/environment.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import type { Config } from '../../../src/config/schema.ts';

/** Six lines, so that what a test appends begins in line 7. */
export const MINIMAL = `store:
  url: "memory:"
token:
  issuer: https://sessions.example.com
  keysDir: keys
# from here on
`;

export function load(text: string, env: Environment = {}): LoadedConfig {
  return loadConfig({ text, file: '/etc/singlestate/config.yaml', env });
}

/** `LINE:COLUMN PATH: MESSAGE` of each problem; empty where there is none. */
export function problemsOf(text: string, env: Environment = {}): readonly string[] {
  const loaded = load(text, env);
  return loaded.ok ? [] : loaded.problems.map(formatProblem);
}

/** The configuration of a text that has to be right. */
export function configOf(text: string, env: Environment = {}): Config {
  const loaded = load(text, env);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config;
}
