/** `singlestate check-config`: all that is wrong with a configuration file, as the server would find it. */
import { Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import { loadRuntime } from '../server/load-runtime.ts';
import { CliError, EXIT } from './cli-error.ts';

export interface CheckConfigIo {
  readonly env: Environment;
  readonly write: (text: string) => void;
}

/** Prints a line for each problem, or that all is well; exit code 1 where there are problems. Asks no network. */
export function checkConfigCommand({ env, write }: CheckConfigIo): Command {
  return new Command('check-config')
    .description('all that is wrong with a configuration file, with line and path')
    .argument('<file>', 'the configuration file')
    .action(async (file: string) => {
      const loaded = await loadRuntime(file, env, { now: Date.now, onFetchFailure: () => undefined });
      if (loaded.ok) {
        const { routes, apps } = loaded.runtime.config;
        loaded.warnings.forEach((warning) => write(`warning: ${warning}\n`));
        write(`${file}: ok, ${count(routes.length, 'route')}, ${count(Object.keys(apps).length, 'app')}\n`);
        return;
      }
      const { problems } = loaded;
      write(`${problems.join('\n')}\n${count(problems.length, 'problem')}\n`);
      throw new CliError(EXIT.refused, `${file} can't be served as it is`);
    });
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}
