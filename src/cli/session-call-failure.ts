/** What a failed call of the Session API is to the command line: a refusal, or nobody who can answer now. */
import { Code, ConnectError } from '@connectrpc/connect';
import { CliError, EXIT } from './cli-error.ts';

/** The Session API understood and said no; to try again unchanged is of no use. */
const REFUSALS: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.FailedPrecondition,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.ResourceExhausted,
]);

export function callFailure(api: string, thrown: unknown): CliError {
  const error = ConnectError.from(thrown, Code.Unavailable);
  const text = `${Code[error.code]}: ${error.rawMessage.replace(/\s+/g, ' ')}`;
  if (REFUSALS.has(error.code)) {
    return new CliError(EXIT.refused, `The Session API refused. ${text}`, { cause: error });
  }
  return new CliError(EXIT.unavailable, `The Session API at ${api} does not answer as it should. ${text}`, {
    cause: error,
  });
}
