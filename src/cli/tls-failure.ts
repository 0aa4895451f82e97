/** Why there is no TLS connection, in words for whoever gave the options. Hides the error codes of node:tls and OpenSSL. */
import type { TlsFileOptions } from './tls-options.ts';

export interface TlsAttempt extends Pick<TlsFileOptions, 'caFile' | 'certFile'> {
  /** The option that says which name the server's certificate must have. */
  readonly nameOption: '--api' | '--server-name';
}

type Kind = keyof typeof PROBLEMS;

/** A sentence's part, to be read after a colon. */
const PROBLEMS = {
  untrusted: ({ caFile }: TlsAttempt) =>
    caFile === undefined
      ? "no CA of the system has signed the server's certificate: name its CA by --ca-file"
      : `no CA in ${caFile} has signed the server's certificate: --ca-file must have the one that did`,
  expired: () => 'the certificate of the server, or of its CA, has expired',
  early: () => 'the certificate of the server is not valid yet: check the clocks',
  purpose: () => 'the certificate of the server is not one for servers',
  noTls: () => 'the server speaks no TLS on this port: is it the right one?',
  oldTls: () => 'the server speaks no TLS 1.2 or later',
  otherProtocol: () => 'the server speaks another protocol on this port: is it the right one?',
  client: ({ certFile }: TlsAttempt) =>
    certFile === undefined
      ? 'the server wants a client certificate: name one by --cert-file and --key-file'
      : `the server does not take the client certificate in ${certFile} (--cert-file)`,
  // Over TLS 1.3 a client is refused after it is connected.
  ended: ({ certFile }: TlsAttempt) =>
    certFile === undefined
      ? 'the server ended the connection without an answer; if it does so again, it may want a client certificate (--cert-file and --key-file)'
      : `the server ended the connection without an answer; if it does so again, it may not take the client certificate in ${certFile} (--cert-file)`,
} as const;

const KINDS: Readonly<Record<string, Kind>> = {
  CERT_SIGNATURE_FAILURE: 'untrusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'early',
  INVALID_PURPOSE: 'purpose',
  ERR_SSL_WRONG_VERSION_NUMBER: 'noTls',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'noTls',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'oldTls',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'otherProtocol',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'client',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'client',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'client',
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': 'client',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'client',
  'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': 'client',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'client',
  'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED': 'client',
  ECONNRESET: 'ended',
  EPIPE: 'ended',
};

/** undefined where `failure`, and whatever caused it, is not about TLS. */
export function tlsFailure(failure: unknown, attempt: TlsAttempt): string | undefined {
  const error = causeWithCode(failure);
  if (error === undefined) return undefined;
  const code = opensslCode(error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const reason = 'reason' in error ? String(error.reason) : error.message;
    return `the server's certificate has another name, and ${attempt.nameOption} must have one of its own: ${reason}`;
  }
  const kind = KINDS[code];
  if (kind !== undefined) return PROBLEMS[kind](attempt);
  return code.startsWith('ERR_SSL_') ? `TLS failed (${code})` : undefined;
}

type ErrorWithCode = Error & { readonly code: string };

/** The first in the chain of causes that node:net or node:tls made. */
export function causeWithCode(failure: unknown): ErrorWithCode | undefined {
  if (!(failure instanceof Error)) return undefined;
  return 'code' in failure && typeof failure.code === 'string'
    ? (failure as ErrorWithCode)
    : causeWithCode(failure.cause);
}

/** Where a write came upon it, Node leaves what OpenSSL says in the text alone: `ID:error:NUMBER:SSL routines:WHERE:WHAT:`. */
function opensslCode({ code, message }: ErrorWithCode): string {
  const what = code === 'EPROTO' ? /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1] : undefined;
  return what === undefined ? code : `ERR_SSL_${what.toUpperCase().replaceAll(' ', '_')}`;
}
