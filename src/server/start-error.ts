/** The server could not be started, for a reason that whoever starts it can mend; the message says what and where. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code = 'ERR_START';
}
