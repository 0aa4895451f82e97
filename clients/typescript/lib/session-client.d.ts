/** Singlestate's Session API for TypeScript: typed calls over any Connect transport. Hides how a caller's credential is sent. */
import { type Client, type Transport } from '@connectrpc/connect';
import { AuditService } from './gen/singlestate/audit/v1/audit_pb.js';
import { SessionService } from './gen/singlestate/session/v1/session_pb.js';
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
export declare function createSessionClient(transport: Transport, options?: ClientOptions): SessionClient;
/** For operators. */
export declare function createAuditClient(transport: Transport, options?: ClientOptions): AuditClient;
/**
 * The version that a session is at, where `updateSession` was refused because somebody else wrote first: read it again and
 * repeat. Undefined for any other error.
 */
export declare function conflictingVersion(error: unknown): number | undefined;
