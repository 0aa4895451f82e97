/** Finds what happened in an error whose message does not say it. */

/** `fetch` says no more than "fetch failed": what happened is in the causes. */
export function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.cause instanceof Error) return rootMessage(error.cause);
  // A refused connection to a name with several addresses has a code and no message.
  return error.message === '' && 'code' in error ? String(error.code) : error.message;
}
