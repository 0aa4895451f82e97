/** Why identity can't be set up as configured. */

/** A fault of the configuration, or of a file that it names. Each problem says what would be right. */
export class IdentityConfigError extends Error {
  override readonly name = 'IdentityConfigError';
  readonly code = 'ERR_IDENTITY_CONFIG';
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options);
    this.problems = problems;
  }
}
