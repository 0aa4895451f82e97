/** The refusals of the Session API, and the one place where foreign errors become one of them. */
import { Code, ConnectError } from '@connectrpc/connect';
import { StoreError } from '../session/store.ts';

/** An argument that does not hold; the message begins with the name of its field. */
export function invalidField(field: string, problem: string): ConnectError {
  return new ConnectError(`${field}: ${problem}`, Code.InvalidArgument);
}

/** Something that the call depends on does not answer; the caller may try again after `retryAfterSeconds`. */
export function unavailable(message: string, retryAfterSeconds: number, cause?: unknown): ConnectError {
  const metadata = { 'retry-after': String(retryAfterSeconds) };
  return new ConnectError(message, Code.Unavailable, metadata, undefined, cause);
}

/** RFC 6750 section 3: what was sent, if anything, is no credential that holds. */
export function unauthenticated(problem: string, credentialSent: boolean): ConnectError {
  const challenge = credentialSent ? 'Bearer error="invalid_token"' : 'Bearer';
  return new ConnectError(problem, Code.Unauthenticated, { 'www-authenticate': challenge });
}

/** Whatever was thrown, as the caller may see it: nothing of an unexpected error but that there was one. */
export function toApiError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  if (thrown instanceof StoreError) {
    return unavailable('the session store does not answer: try again', 1, thrown);
  }
  return new ConnectError('internal error', Code.Internal, undefined, undefined, thrown);
}
