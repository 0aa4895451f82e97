/** Which keys a running server can't take over. */
import { isDeepStrictEqual } from 'node:util';
import { formatPath } from './problem.ts';
import type { ConfigPath } from './problem.ts';
import type { Config } from './schema.ts';

/**
 * Listeners keep their sockets, the store its connections, and so does who watches the API server: a reload that changes
 * these is refused as a whole. So is one that gives a listener TLS or takes it away; all else about its TLS changes while
 * the server runs.
 */
export const RESTART_ONLY = ['listen', 'store', 'kubernetes'] as const satisfies readonly (keyof Config)[];

const LISTENERS = ['check', 'http', 'api', 'ops'] as const satisfies readonly (keyof Config['tls'])[];

/** The changed keys that take a restart, such as `store.url`; none when `after` can replace `before` in a running server. */
export function restartOnlyChanges(before: Config, after: Config): readonly string[] {
  return [
    ...RESTART_ONLY.flatMap((key) => changedLeaves(before[key], after[key], [key])),
    ...LISTENERS.filter((name) => !before.tls[name] !== !after.tls[name]).map((name) => `tls.${name}`),
  ];
}

function changedLeaves(before: unknown, after: unknown, path: ConfigPath): readonly string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isMapping(before) || !isMapping(after)) return [formatPath(path)];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].sort().flatMap((key) => changedLeaves(before[key], after[key], [...path, key]));
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
