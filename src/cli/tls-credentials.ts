/**
 * TLS for grpc-js by our own hand, because its own takes no IP address for a host (it would send it as the server name,
 * which Node refuses) and leaves of an error only its text.
 */
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { CallCredentials, ChannelCredentials } from '@grpc/grpc-js';
import type { TlsClientOptions } from './tls-options.ts';

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/** For one channel, to a server whose certificate has the DNS name or address `serverName`. */
export class TlsCredentials extends ChannelCredentials {
  /** Why a connection came to nothing; undefined before one was tried, and where it ended before TLS. */
  failure: Error | undefined;
  readonly #serverName: string;
  readonly #options: TlsClientOptions;

  constructor(serverName: string, options: TlsClientOptions) {
    super();
    this.#serverName = serverName;
    this.#options = options;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(
    ...[, , callCredentials = CallCredentials.createEmpty()]: Parameters<
      ChannelCredentials['_createSecureConnector']
    >
  ): Connector {
    return {
      connect: async (socket) => ({ socket: await this.#handshake(socket), secure: true }),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials,
      destroy: () => undefined,
    };
  }

  #handshake(socket: Socket): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const secured = connect({
        ...{ ...this.#options, socket, ALPNProtocols: ['h2'], rejectUnauthorized: true },
        // An address is no server name (RFC 6066 section 3).
        ...(isIP(this.#serverName) === 0 && { servername: this.#serverName }),
        checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
          checkServerIdentity(this.#serverName, certificate),
      });
      secured.once('secureConnect', () => {
        this.failure = new EndedEarly();
        resolve(secured);
      });
      // Each of them: an alert may come when the handshake is over for this side.
      secured.on('error', (error) => {
        this.failure = error;
        reject(error);
      });
    });
  }
}

/** What a connection without an answer came to, unless more is known: node:http2 leaves no error where it just ends. */
class EndedEarly extends Error {
  override readonly name = 'EndedEarly';
  readonly code = 'ECONNRESET';
}
