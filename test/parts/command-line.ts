/** Runs a command of the program in the test's own process, with the exit codes that src/main.ts gives. */
import { CommanderError, type Command } from 'commander';
import { CliError } from '../../src/cli/cli-error.ts';

export interface CommandEnd {
  readonly exitCode: number;
  /** What went wrong, as standard error has it. */
  readonly message: string;
}

/** A fault of the program itself rejects. */
export async function runCommand(command: Command, args: readonly string[]): Promise<CommandEnd> {
  for (const one of [command, ...command.commands]) {
    one.exitOverride().configureOutput({ writeErr: () => undefined });
  }
  try {
    await command.parseAsync(args, { from: 'user' });
    return { exitCode: 0, message: '' };
  } catch (error) {
    if (error instanceof CommanderError) return { exitCode: 2, message: error.message };
    if (error instanceof CliError) return { exitCode: error.exitCode, message: error.message };
    throw error;
  }
}
