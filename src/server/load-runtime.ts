/** From a configuration file on disk to a runtime: every problem of the file and of what it names, all at once. */
import type { Environment } from '../config/environment.ts';
import { readConfigFile } from '../config/files.ts';
import { loadConfig } from '../config/load.ts';
import { buildRuntime, type BuiltRuntime, type RuntimeOptions } from './runtime.ts';

/** Problems are lines for people: `FILE:LINE:COLUMN path: message`. Never rejects for what is wrong with a file. */
export async function loadRuntime(
  file: string,
  env: Environment,
  options: RuntimeOptions,
): Promise<BuiltRuntime> {
  const reading = await readConfigFile(file);
  if (!reading.ok) return { ok: false, problems: [`${file}: ${reading.problem}`] };
  const loaded = loadConfig({ text: reading.text, file, env });
  if (loaded.ok) return buildRuntime(loaded.config, options);
  const lines = loaded.problems.map(
    ({ line, column, path, message }) =>
      `${file}:${line}:${column} ${path}${path === '' ? '' : ': '}${message}`,
  );
  return { ok: false, problems: lines };
}
