/** Loads the Lua scripts that lie beside the code, and defines them as commands of a connection. */
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

const NUMBER_OF_KEYS = { create: 2, write: 1, revoke: 1, touch: 1 } as const;

export type ScriptName = keyof typeof NUMBER_OF_KEYS;

type Callback = (error: Error | null | undefined, reply?: unknown) => void;

/** Runs a script by its hash; ioredis sends its text to a server that does not have it (NOSCRIPT). */
export type RunScript = (name: ScriptName, keysAndArguments: readonly string[], callback: Callback) => void;

type ScriptCommand = (...args: [...string[], Callback]) => unknown;

/** @throws Error where a script file can't be read, which only a broken installation shows. */
export function defineScripts(connection: Redis): RunScript {
  const prelude = readScript('record');
  const names = Object.keys(NUMBER_OF_KEYS) as ScriptName[];
  for (const name of names) {
    const lua = `${prelude}\n${readScript(name)}`;
    connection.defineCommand(commandName(name), { lua, numberOfKeys: NUMBER_OF_KEYS[name] });
  }
  const commands = connection as unknown as Record<string, ScriptCommand>;
  return (name, keysAndArguments, callback) => {
    commands[commandName(name)]?.(...keysAndArguments, callback);
  };
}

/** A name of our own, because Redis has a TOUCH as well. */
function commandName(name: ScriptName): string {
  return `${name}Session`;
}

function readScript(name: string): string {
  return readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8');
}
