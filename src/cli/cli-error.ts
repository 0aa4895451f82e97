/** How a command says that it failed: one line for a human, and the exit code for a script. */

export const EXIT = {
  /** What was asked for was refused, or is not there. */
  refused: 1,
  /** The command line, or a file that it names, is not right. */
  usage: 2,
  /** The other side can't be reached or can't answer now: try again (`EX_UNAVAILABLE` of sysexits.h). */
  unavailable: 69,
} as const;

export type FailureExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Thrown by a command's action. `src/main.ts` prints the message on standard error and ends with `exitCode`. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: FailureExitCode;

  /** `message` is one line that says what was wrong and what would be right, without any secret. */
  constructor(exitCode: FailureExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
