/** A session as the Session API shows it: what the store holds, whether it may be used, and how much of it who may see. */
import type { JsonObject, Message, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  RevocationCause,
  SessionState,
  type SessionSchema,
} from '../gen/singlestate/session/v1/session_pb.ts';
import type { SessionRef } from '../session/ref.ts';
import type { Session, SessionLookup } from '../session/store.ts';
import { validate, type SessionEnd } from '../session/validity.ts';
import type { ViewOf } from '../session/view.ts';

export type SessionMessage = Exclude<MessageInitShape<typeof SessionSchema>, Message>;

export interface FoundSession {
  readonly ref: SessionRef;
  readonly lookup: SessionLookup;
  readonly nowMs: number;
  readonly idleTimeoutMs: number;
}

const STATES: Record<SessionEnd, SessionState> = {
  unknown_session: SessionState.UNSPECIFIED,
  revoked: SessionState.REVOKED,
  idle_timeout: SessionState.IDLE_TIMEOUT,
  absolute_timeout: SessionState.ABSOLUTE_TIMEOUT,
  corrupt_session: SessionState.CORRUPT,
};

type RevokedLookup = SessionLookup & { readonly state: 'revoked' };

const CAUSES: Record<RevokedLookup['cause'], RevocationCause> = {
  operator: RevocationCause.OPERATOR,
  logout: RevocationCause.LOGOUT,
  provider_logout: RevocationCause.PROVIDER_LOGOUT,
  superseded: RevocationCause.SUPERSEDED,
  limit: RevocationCause.LIMIT,
  refresh_reuse: RevocationCause.REFRESH_REUSE,
  token_revocation: RevocationCause.TOKEN_REVOCATION,
  corrupt: RevocationCause.CORRUPT,
  unknown: RevocationCause.UNSPECIFIED,
};

/** All that is stored (A9); undefined where the store has no trace of the session. */
export function sessionForOperator(found: FoundSession): SessionMessage | undefined {
  const { ref, lookup, idleTimeoutMs } = found;
  switch (lookup.state) {
    case 'absent':
      return undefined;
    case 'revoked':
      return { ref, state: stateOf(found), revocation: revocationMessage(lookup) };
    case 'corrupt':
      return { ref, state: stateOf(found), problem: lookup.problem };
    case 'live':
      return { state: stateOf(found), ...wholeSession(lookup.session, idleTimeoutMs) };
  }
}

/** As one of many: without slices, which may be large. */
export function listedSession(found: FoundSession): SessionMessage | undefined {
  const whole = sessionForOperator(found);
  return whole && { ...whole, slices: {} };
}

/** What the headers of a check tell the app, and nothing of a session that has ended but its state (C1). */
export function sessionForApp(found: FoundSession, viewOf: ViewOf): SessionMessage | undefined {
  const { ref, lookup } = found;
  const state = stateOf(found);
  if (lookup.state === 'absent') return undefined;
  if (lookup.state !== 'live' || state !== SessionState.ACTIVE) return { ref, state };
  const { version, document } = lookup.session;
  const { issuer, subject } = document.identity;
  const { scopes, attributes, slices } = viewOf(document);
  return {
    ...{ ref, state, version, identity: { issuer, subject } },
    ...{ scopes: [...scopes], attributes, slices: jsonObject(slices) },
    expiresAt: timestampFromMs(document.expiresAtMs),
  };
}

/** A user's own: all about them, and nothing of what apps keep for themselves. */
export function sessionForUser(found: FoundSession): SessionMessage | undefined {
  const { ref, lookup, idleTimeoutMs } = found;
  const state = stateOf(found);
  if (lookup.state === 'absent') return undefined;
  if (lookup.state !== 'live' || state !== SessionState.ACTIVE) return { ref, state };
  const { provider, issuer, subject } = lookup.session.document.identity;
  return {
    ...wholeSession(lookup.session, idleTimeoutMs),
    ...{ state, identity: { provider, issuer, subject }, slices: {} },
  };
}

/** When it ends if it is not used before. */
export function idleExpiresAtMs(lastSeenAtMs: number, idleTimeoutMs: number, expiresAtMs: number): number {
  return Math.min(lastSeenAtMs + idleTimeoutMs, expiresAtMs);
}

function stateOf({ lookup, nowMs, idleTimeoutMs }: FoundSession): SessionState {
  const validity = validate(lookup, nowMs, idleTimeoutMs);
  return validity.valid ? SessionState.ACTIVE : STATES[validity.reason];
}

function revocationMessage({ cause, revokedAtMs }: RevokedLookup) {
  return { cause: CAUSES[cause], ...(revokedAtMs > 0 && { revokedAt: timestampFromMs(revokedAtMs) }) };
}

function wholeSession(session: Session, idleTimeoutMs: number): SessionMessage {
  const { document, ref, version, lastSeenAtMs } = session;
  const { identity, authentication } = document;
  const idleEndMs = idleExpiresAtMs(lastSeenAtMs, idleTimeoutMs, document.expiresAtMs);
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
    slices: jsonObject(document.slices),
    createdAt: timestampFromMs(document.createdAtMs),
    lastSeenAt: timestampFromMs(lastSeenAtMs),
    idleExpiresAt: timestampFromMs(idleEndMs),
    expiresAt: timestampFromMs(document.expiresAtMs),
  };
}

/** A document is JSON by construction; its type says `unknown` because apps choose what is in a slice. */
function jsonObject(slices: Readonly<Record<string, unknown>>): JsonObject {
  return slices as JsonObject;
}
