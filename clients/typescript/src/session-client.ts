/** Singlestate's Session API for TypeScript: typed calls over any Connect transport. Hides how a caller's credential is sent. */
import { Code, ConnectError, createClient, type Client, type Transport } from '@connectrpc/connect';
import { AuditService } from './gen/singlestate/audit/v1/audit_pb.js';
import { SessionService, VersionConflictSchema } from './gen/singlestate/session/v1/session_pb.js';

export * from './gen/singlestate/audit/v1/audit_pb.js';
export * from './gen/singlestate/session/v1/session_pb.js';

export type SessionClient = Client<typeof SessionService>;
export type AuditClient = Client<typeof AuditService>;

export interface ClientOptions {
  /**
   * The bearer token: that of a workload, an operator or a user. Asked for at each call, since platforms rotate it. Without
   * it none is sent, which is right for RefreshSession, and where a client certificate tells who calls.
   */
  readonly credential?: () => string | Promise<string>;
}

/**
 * `transport` is `createConnectTransport` or `createGrpcTransport` of @connectrpc/connect-node, or that of
 * @connectrpc/connect-web. A call that fails rejects with `ConnectError`, whose `code` docs/reference/session-api.md explains.
 */
export function createSessionClient(transport: Transport, options: ClientOptions = {}): SessionClient {
  return createClient(SessionService, withCredential(transport, options));
}

/** For operators. */
export function createAuditClient(transport: Transport, options: ClientOptions = {}): AuditClient {
  return createClient(AuditService, withCredential(transport, options));
}

/**
 * The version that a session is at, where `updateSession` was refused because somebody else wrote first: read it again and
 * repeat. Undefined for any other error.
 */
export function conflictingVersion(error: unknown): number | undefined {
  if (!(error instanceof ConnectError) || error.code !== Code.Aborted) return undefined;
  return error.findDetails(VersionConflictSchema)[0]?.currentVersion;
}

function withCredential(transport: Transport, { credential }: ClientOptions): Transport {
  if (credential === undefined) return transport;
  const authorized = async (header: HeadersInit | undefined) => {
    const headers = new Headers(header);
    headers.set('authorization', `Bearer ${await credential()}`);
    return headers;
  };
  return {
    unary: async (method, signal, timeoutMs, header, input, values) =>
      transport.unary(method, signal, timeoutMs, await authorized(header), input, values),
    stream: async (method, signal, timeoutMs, header, input, values) =>
      transport.stream(method, signal, timeoutMs, await authorized(header), input, values),
  };
}
