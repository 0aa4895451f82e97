/** A session as the Session API shows it: what the store holds, and whether it may be used, in one message (A9). */
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  RevocationCause,
  SessionState,
  type SessionSchema,
} from '../gen/singlestate/session/v1/session_pb.ts';
import type { SessionRef } from '../session/ref.ts';
import type { Session, SessionLookup } from '../session/store.ts';
import { validate, type SessionEnd } from '../session/validity.ts';

type SessionMessage = MessageInitShape<typeof SessionSchema>;

const STATES: Record<SessionEnd, SessionState> = {
  unknown_session: SessionState.UNSPECIFIED,
  revoked: SessionState.REVOKED,
  idle_timeout: SessionState.IDLE_TIMEOUT,
  absolute_timeout: SessionState.ABSOLUTE_TIMEOUT,
  corrupt_session: SessionState.CORRUPT,
};

const CAUSES = {
  operator: RevocationCause.OPERATOR,
  corrupt: RevocationCause.CORRUPT,
  unknown: RevocationCause.UNSPECIFIED,
} as const;

/** Undefined where the store has no trace of the session. */
export function sessionMessage(
  ref: SessionRef,
  lookup: SessionLookup,
  nowMs: number,
  idleTimeoutMs: number,
): SessionMessage | undefined {
  const validity = validate(lookup, nowMs, idleTimeoutMs);
  const state = validity.valid ? SessionState.ACTIVE : STATES[validity.reason];
  switch (lookup.state) {
    case 'absent':
      return undefined;
    case 'revoked':
      return { ref, state, revocation: revocationMessage(lookup.cause, lookup.revokedAtMs) };
    case 'corrupt':
      return { ref, state, problem: lookup.problem };
    case 'live':
      return { state, ...documentFields(lookup.session, idleTimeoutMs) };
  }
}

function revocationMessage(cause: keyof typeof CAUSES, revokedAtMs: number) {
  return { cause: CAUSES[cause], ...(revokedAtMs > 0 && { revokedAt: timestampFromMs(revokedAtMs) }) };
}

function documentFields(session: Session, idleTimeoutMs: number): SessionMessage {
  const { document, ref, version, lastSeenAtMs } = session;
  const { identity, authentication } = document;
  return {
    ref,
    version,
    schemaVersion: document.schema,
    identity: {
      provider: identity.provider,
      issuer: identity.issuer,
      subject: identity.subject,
      ...(identity.providerSession !== undefined && { providerSession: identity.providerSession }),
    },
    authentication: {
      authenticatedAt: timestampFromMs(authentication.atMs),
      ...(authentication.acr !== undefined && { acr: authentication.acr }),
      ...(authentication.amr !== undefined && { amr: [...authentication.amr] }),
    },
    scopes: [...document.scopes],
    attributes: document.attributes,
    // A document is JSON by construction; its type says `unknown` because apps choose what is in a slice.
    slices: document.slices as JsonObject,
    createdAt: timestampFromMs(document.createdAtMs),
    lastSeenAt: timestampFromMs(lastSeenAtMs),
    idleExpiresAt: timestampFromMs(Math.min(lastSeenAtMs + idleTimeoutMs, document.expiresAtMs)),
    expiresAt: timestampFromMs(document.expiresAtMs),
  };
}
