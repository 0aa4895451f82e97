/** Opens a session for a verified identity: the one way in which sessions begin (E1), whoever vouched for it. */
import type { VerifiedIdentity } from '../identity/identity.ts';
import { documentSize, SCHEMA_VERSION, type SessionDocument } from '../session/document.ts';
import { createSessionId, partitionOf, sessionRef } from '../session/ref.ts';
import type { Session } from '../session/store.ts';
import type { SessionDependencies, SessionLimits } from './dependencies.ts';

export type OpenOutcome =
  | {
      readonly outcome: 'opened';
      readonly session: Session;
      /** The session token. A secret. */
      readonly token: string;
      readonly tokenExpiresAtMs: number;
    }
  /** The identity's proof has opened a session before (E1). */
  | { readonly outcome: 'replayed' }
  /** The document would be larger than `session.maxBytes` (A5). */
  | { readonly outcome: 'too_large'; readonly bytes: number; readonly maxBytes: number };

/**
 * The session is in the store before its token is handed out, and the token is made before the session: a token that
 * can't be signed leaves no session behind. Throws `StoreError` where the store did not answer; whether a session was
 * made is then unknown, but nobody holds a token of it.
 */
export async function openSession(
  identity: VerifiedIdentity,
  deps: SessionDependencies,
): Promise<OpenOutcome> {
  const { limits } = deps;
  const nowMs = deps.nowMs();
  const document = newDocument(identity, limits, nowMs);
  const bytes = documentSize(document);
  if (bytes > limits.maxBytes) return { outcome: 'too_large', bytes, maxBytes: limits.maxBytes };

  const sessionId = createSessionId(partitionOf(identity.issuer, identity.subject));
  const ref = sessionRef(sessionId);
  const minted = await deps.mint({ sessionId, nowMs, notAfterMs: document.expiresAtMs });
  const { idleTimeoutMs } = limits;
  const created = await deps.store.create({ ref, document, idleTimeoutMs, proof: identity.proof, nowMs });
  if (created.outcome === 'replayed') return { outcome: 'replayed' };
  deps.onCreated(identity.provider);
  deps.onTokenIssued('created');
  return {
    outcome: 'opened',
    session: created.session,
    token: minted.token,
    tokenExpiresAtMs: minted.expiresAtMs,
  };
}

function newDocument(identity: VerifiedIdentity, limits: SessionLimits, nowMs: number): SessionDocument {
  const { provider, issuer, subject, providerSession, authenticatedAtMs, acr, amr } = identity;
  return {
    schema: SCHEMA_VERSION,
    identity: { provider, issuer, subject, ...(providerSession !== undefined && { providerSession }) },
    authentication: {
      atMs: authenticatedAtMs,
      ...(acr !== undefined && { acr }),
      ...(amr !== undefined && { amr: [...amr] }),
    },
    scopes: [...identity.scopes],
    attributes: { ...identity.attributes },
    slices: {},
    createdAtMs: nowMs,
    expiresAtMs: nowMs + limits.absoluteTimeoutMs,
  };
}
