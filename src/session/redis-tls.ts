/**
 * TLS to the store: for ioredis, a way to connect that reads the certificate files anew for each connection. Hides what
 * ioredis makes of a connection that could not even be tried, and puts what OpenSSL says into words.
 */
import { readFile } from 'node:fs/promises';
import { isIP, Socket } from 'node:net';
import { checkServerIdentity, connect, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';

/** Locations are absolute. */
export interface RedisTlsOptions {
  /** PEM certificates of the CAs to be trusted; without it those that come with Node. */
  readonly caFile?: string | undefined;
  /** What this client shows: a PEM certificate chain. It needs `keyFile`. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** The DNS name or address that the server's certificate must have. Default: the host of the URL. */
  readonly serverName?: string | undefined;
}

interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * The part of ioredis' options that is TLS. A file that can't be read or used fails the one attempt that needed it, with
 * an error that names what is wrong; the next attempt reads it again.
 */
export function redisTlsOptions(server: ServerAddress, tls: RedisTlsOptions, disconnectTimeoutMs: number) {
  class TlsConnector extends AbstractConnector {
    constructor() {
      super(disconnectTimeoutMs);
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      this.stream = await this.#open();
      return this.stream;
    }

    /** Does not reject, as that would end ioredis' attempts for good; a stream that is destroyed is one that failed. */
    async #open(): Promise<Socket> {
      try {
        const options = await connectionOptions(server, tls);
        // Meanwhile `disconnect` may have been called, which knew of no stream to end.
        if (!this.connecting) return new Socket().destroy();
        // Each of them: ioredis hears the first alone, and an alert may follow a certificate that was not accepted.
        return connect(options).on('error', (error: Error) => (this.firstError = error));
      } catch (error) {
        this.firstError = error as Error;
        return new Socket().destroy();
      }
    }
  }
  // With `tls` set, ioredis waits for the handshake.
  return { tls: {}, Connector: TlsConnector } satisfies RedisOptions;
}

async function connectionOptions(
  { host, port }: ServerAddress,
  { caFile, certFile, keyFile, serverName = host }: RedisTlsOptions,
): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(readIfNamed));
  return {
    host,
    port,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    // An address is no server name (RFC 6066 section 3).
    ...(isIP(serverName) === 0 && { servername: serverName }),
    checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
      checkServerIdentity(serverName, certificate),
  };
}

async function readIfNamed(file: string | undefined): Promise<Buffer | undefined> {
  try {
    return file === undefined ? undefined : await readFile(file);
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    throw new Error(`${file ?? ''} can't be read (${code})`, { cause });
  }
}

const NOT_TRUSTED = 'no CA that is trusted has signed the certificate of the store: see store.tls.caFile';
const NO_TLS = 'the store speaks no TLS on this port: is it the right one?';
const CLIENT_REFUSED = 'the store refuses the client certificate: see store.tls.certFile';
const CLIENT_WANTED = 'the store wants a client certificate that it trusts: see store.tls.certFile';

/** By the error codes of node:tls and OpenSSL. */
const MEANINGS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate of the store, or of its CA, has expired',
  CERT_NOT_YET_VALID: 'the certificate of the store is not valid yet: check the clocks',
  CERT_SIGNATURE_FAILURE: NOT_TRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: NOT_TRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_TRUSTED,
  INVALID_PURPOSE: 'the certificate of the store is not one for servers',
  // A Redis waits in silence for more of what it takes for a command.
  ETIMEDOUT: 'no TLS connection to the store in time: is it there, and does it speak TLS on this port?',
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the store speaks no TLS 1.2 or later',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: CLIENT_WANTED,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: CLIENT_WANTED,
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': CLIENT_WANTED,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: CLIENT_REFUSED,
  'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': CLIENT_REFUSED,
  'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED': CLIENT_REFUSED,
};

/**
 * The error of a TLS connection in words for whoever runs the store; one that is not about TLS as it is. `isNew`: the
 * server has not answered anything yet, which over TLS 1.3 may be because it refuses the client's certificate.
 */
export function explainTlsError(error: Error, isNew: boolean): Error {
  const message = meaningOf(error, 'code' in error ? String(error.code) : '', isNew);
  return message === undefined ? error : new Error(message, { cause: error });
}

function meaningOf(error: Error, code: string, isNew: boolean): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const reason = 'reason' in error ? String(error.reason) : error.message;
    return `the certificate of the store has another name, see store.tls.serverName: ${reason}`;
  }
  if (isNew && (code === 'ECONNRESET' || code === 'EPIPE')) {
    return 'the store ended the connection at its beginning: does it accept the client certificate, store.tls.certFile?';
  }
  if (code.startsWith('ERR_OSSL_')) return `the files of store.tls can't be used (${code})`;
  return MEANINGS[code] ?? (code.startsWith('ERR_SSL_') ? `TLS to the store failed (${code})` : undefined);
}
