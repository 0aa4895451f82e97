/** Loads the Lua scripts that lie beside the code, and defines them as commands of a connection. Hides how arguments are passed. */
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** Each script, with those that go before it in its text. */
const SCRIPTS = {
  create: ['given', 'record', 'ending'],
  write: ['given', 'record'],
  revoke: ['given', 'record', 'ending'],
  'revoke-many': ['given', 'record', 'ending'],
  touch: ['given', 'record'],
  refresh: ['given', 'record', 'ending'],
  append: ['given', 'record'],
  take: ['given'],
} as const;

export type ScriptName = keyof typeof SCRIPTS;

/**
 * What a script is given. `keys` are those that are known beforehand; the script makes the others, which it finds in an
 * index or a record, with the hash tag of these, so that on a Cluster all are in one slot.
 */
export interface ScriptCall {
  readonly keys: readonly string[];
  /** By name; what is undefined is left out. */
  readonly given: Readonly<Record<string, string | undefined>>;
}

type Callback = (error: Error | null | undefined, reply?: unknown) => void;

/** Runs a script by its hash; ioredis sends its text to a server that does not have it (NOSCRIPT). */
export type RunScript = (name: ScriptName, call: ScriptCall, callback: Callback) => void;

type ScriptCommand = (...args: [...string[], Callback]) => unknown;

/** @throws Error where a script file can't be read, which only a broken installation shows. */
export function defineScripts(connection: Redis): RunScript {
  for (const name of Object.keys(SCRIPTS) as ScriptName[]) {
    const lua = [...SCRIPTS[name], name].map(readScript).join('\n');
    connection.defineCommand(commandName(name), { lua });
  }
  const commands = connection as unknown as Record<string, ScriptCommand>;
  return (name, { keys, given }, callback) => {
    const pairs = Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [key, value]));
    commands[commandName(name)]?.(String(keys.length), ...keys, ...pairs, callback);
  };
}

/** A name of our own, because Redis has a TOUCH as well. */
function commandName(name: ScriptName): string {
  return `singlestate-${name}`;
}

function readScript(name: string): string {
  return readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8');
}
