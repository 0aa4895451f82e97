/**
 * TLS in front of a server that knows nothing of it: handshakes, who may connect, and taking up new certificates while
 * connections are open. Hides node:tls.
 */
import { constants, type X509Certificate } from 'node:crypto';
import { Server as HttpServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import { createServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { certificateNames, rememberClientNames } from './tls-client-names.ts';
import { TLS_RULES, type TlsMaterial } from './tls-material.ts';

export type AlpnProtocol = 'h2' | 'http/1.1';

/** A connection that was ended before anything was read from it. */
export interface TlsRefusal {
  readonly reason:
    /** No common version, cipher or protocol, bytes that are no TLS, or the client did not accept our certificate. */
    | 'handshake_failed'
    | 'handshake_timeout'
    | 'no_certificate'
    /** Expired, for another use, or signed by nobody whom `clientCas` names. */
    | 'untrusted_certificate'
    /** Its names can't be told for certain. */
    | 'ambiguous_certificate'
    /** None of its names is in `clients`. */
    | 'client_not_allowed';
  /** More, for the log: OpenSSL's code, or what the certificate names. */
  readonly detail: string;
  /** The client's address; undefined on a unix socket. */
  readonly address: string | undefined;
}

export interface TlsTerminationOptions {
  readonly material: TlsMaterial;
  /** What the server behind it speaks, the preferred one first. A client that names no protocol gets HTTP/1.1. */
  readonly protocols: readonly AlpnProtocol[];
  /**
   * Whether a client without a certificate is refused where `material.clientCas` is set; where `material.clients` is
   * set it always is. A certificate that is shown and not good is always refused.
   */
  readonly clientCertificate: 'required' | 'optional';
  /** How long a handshake may take. Default 5 s. */
  readonly handshakeTimeoutMs?: number;
  /** Told once for each connection that is refused; not for one that the client ended within the handshake, as probes do. */
  readonly onRefused: (refusal: TlsRefusal) => void;
}

/** For `listen`. */
export interface TlsTermination {
  /** Puts TLS before `server`: what connects is shown to it once it is known to be allowed. For one server, once. */
  attach(server: Server): void;
  /**
   * For new connections; open ones go on, but for those of clients that the new material would refuse: they are cut, as
   * is one whose client's certificate expires.
   */
  update(material: TlsMaterial): void;
}

const HANDSHAKE_TIMEOUT_MS = 5_000;

/** A certificate that signed itself may be its own issuer. */
const MAX_CHAIN = 10;

/** Node's timers take no more, some 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A resumed session would bring the certificate that was verified when it began, by the rules of then. */
const NO_RESUMPTION = constants.SSL_OP_NO_TICKET;

export function createTlsTermination(options: TlsTerminationOptions): TlsTermination {
  const open = new Set<TLSSocket>();
  let { material } = options;
  let serve: (socket: TLSSocket) => void = (socket) => socket.destroy();
  let handshakes = newHandshakes();

  // A TLS server that never listens, for one set of material.
  function newHandshakes(): TlsServer {
    const server = createServer(serverOptions(options, material));
    server.on('tlsClientError', (error, socket) => {
      const refusal = failedHandshake(error, socket);
      if (refusal.detail !== 'ECONNRESET') options.onRefused(refusal);
      socket.destroy();
    });
    server.on('secureConnection', admit);
    return server;
  }

  function admit(socket: TLSSocket): void {
    // Until somebody serves it, an error has nobody else to be told to.
    socket.on('error', ignore);
    const verdict = judge(socket, options, material);
    if (!verdict.ok) {
      options.onRefused({ ...verdict.refusal, address: socket.remoteAddress });
      socket.destroy();
      return;
    }
    rememberClientNames(socket, verdict.names);
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    endWithCertificate(socket);
    serve(socket);
  }

  return {
    attach(server) {
      const listeners = server.listeners('connection');
      server.removeAllListeners('connection');
      server.on('connection', (socket: Socket) => void handshakes.emit('connection', socket));
      serve = (socket) => {
        // A node:http server that was closed ends nothing that comes after.
        if (server instanceof HttpServer && !server.listening) socket.destroy();
        else for (const listener of listeners) listener.call(server, socket);
      };
    },
    update(next) {
      material = next;
      handshakes = newHandshakes();
      for (const socket of open) {
        const verdict = judge(socket, options, next);
        if (verdict.ok) rememberClientNames(socket, verdict.names);
        else socket.destroy();
      }
    },
  };
}

function serverOptions(
  { protocols, handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS }: TlsTerminationOptions,
  { certificates, key, clientCas }: TlsMaterial,
) {
  return {
    ...TLS_RULES,
    cert: certificates,
    key,
    ...(clientCas !== undefined && { ca: clientCas.map(String) }),
    requestCert: clientCas !== undefined,
    // `judge` rejects them, and says why.
    rejectUnauthorized: false,
    handshakeTimeout: handshakeTimeoutMs,
    ALPNProtocols: [...protocols],
    secureOptions: NO_RESUMPTION | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

type Verdict =
  | { readonly ok: true; readonly names: readonly string[] }
  | { readonly ok: false; readonly refusal: Omit<TlsRefusal, 'address'> };

/** The one place that lets a connection in. Its handshake may have begun with other material than that of now. */
function judge(
  socket: TLSSocket,
  { protocols, clientCertificate }: TlsTerminationOptions,
  { clientCas, clients }: TlsMaterial,
): Verdict {
  // OpenSSL has refused whoever names other protocols; a client may also name none.
  if (socket.alpnProtocol === false && !protocols.includes('http/1.1')) {
    return refused('handshake_failed', 'the client names no protocol (ALPN)');
  }
  if (clientCas === undefined) return { ok: true, names: [] };
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    const mayBeMissing = clientCertificate === 'optional' && clients === undefined;
    return mayBeMissing
      ? { ok: true, names: [] }
      : refused('no_certificate', 'the client shows no certificate');
  }
  if (!socket.authorized) return refused('untrusted_certificate', String(socket.authorizationError));
  if (!isSignedByOneOf(clientCas, certificate)) {
    return refused('untrusted_certificate', 'its CA is trusted no longer');
  }
  const named = certificateNames(certificate);
  if (!named.ok) return refused('ambiguous_certificate', `the certificate ${named.problem}`);
  if (clients !== undefined && !named.names.some((name) => clients.has(name))) {
    return refused('client_not_allowed', named.names.join(', ') || 'the certificate has no name');
  }
  return named;
}

/** Who a client is was proved for as long as its certificate is valid, and not for as long as it stays connected. */
function endWithCertificate(socket: TLSSocket): void {
  const end = socket.getPeerX509Certificate()?.validToDate.getTime();
  if (end === undefined) return;
  const timer = setTimeout(() => socket.destroy(), Math.min(end - Date.now(), LONGEST_TIMER_MS));
  socket.once('close', () => clearTimeout(timer));
}

function refused(reason: TlsRefusal['reason'], detail: string): Verdict {
  return { ok: false, refusal: { reason, detail } };
}

function failedHandshake(error: Error, { remoteAddress }: TLSSocket): TlsRefusal {
  const code = 'code' in error ? String(error.code) : error.name;
  const reason = code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'handshake_timeout' : 'handshake_failed';
  return { reason, detail: code, address: remoteAddress };
}

/** For a certificate that was verified, maybe with other CAs: whether one of these signed it, or one above it. */
function isSignedByOneOf(cas: readonly X509Certificate[], certificate: X509Certificate, depth = 0): boolean {
  if (cas.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey))) return true;
  const { issuerCertificate } = certificate;
  return (
    issuerCertificate !== undefined && depth < MAX_CHAIN && isSignedByOneOf(cas, issuerCertificate, depth + 1)
  );
}

function ignore(): void {
  // The connection ends by itself.
}
