/** `singlestate serve`: runs the server until it is told to stop. */
import { Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import { ListenError } from '../net/listener.ts';
import { StartError } from '../server/start-error.ts';
import { startServer } from '../server/start.ts';
import { CliError, EXIT } from './cli-error.ts';

export interface ServeIo {
  readonly env: Environment;
  readonly version: string;
  onSignal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', listener: () => void): void;
}

/** SIGTERM and SIGINT drain and end with exit code 0; SIGHUP reloads the configuration. */
export function serveCommand(io: ServeIo): Command {
  return new Command('serve')
    .description('run the server')
    .requiredOption('--config <file>', 'the configuration file')
    .action(async ({ config }: { readonly config: string }) => {
      const server = await startServer({ configFile: config, env: io.env, version: io.version }).catch(
        asCliError,
      );
      io.onSignal('SIGHUP', () => void server.reload());
      await new Promise<void>((resolve, reject) => {
        const stop = () => void server.stop().then(resolve, reject);
        io.onSignal('SIGTERM', stop);
        io.onSignal('SIGINT', stop);
      });
    });
}

function asCliError(error: unknown): never {
  if (error instanceof StartError || error instanceof ListenError) {
    throw new CliError(EXIT.refused, error.message, { cause: error });
  }
  throw error;
}
