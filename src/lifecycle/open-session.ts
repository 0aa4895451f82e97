/**
 * Opens a session for a verified identity: the one way in which sessions begin (E1), whoever vouched for it. Hides how a
 * new session takes the place of the one before it.
 */
import { randomBytes } from 'node:crypto';
import type { VerifiedIdentity } from '../identity/identity.ts';
import type { Actor, AuditNote } from '../session/audit.ts';
import { documentSize, type SessionDocument } from '../session/document.ts';
import { createSessionId, partitionOf, sessionRef, type SessionRef } from '../session/ref.ts';
import { StoreError, type CreateOutcome, type NewSession, type Session } from '../session/store.ts';
import type { MintedToken } from '../token/mint.ts';
import { createRefreshToken, refreshTokenHash, type RefreshToken } from '../token/refresh-token.ts';
import type { LifecycleDependencies, SessionLimits } from './dependencies.ts';
import { endSession } from './end-session.ts';
import { carriedOver, newDocument, NOTHING_CARRIED_OVER, type CarriedOver } from './new-document.ts';
import { findPredecessor, type Predecessor } from './predecessor.ts';

export interface Opening {
  readonly identity: VerifiedIdentity;
  /** A user without a name is given that of the new session. */
  readonly actor: Actor;
  /** The session that the browser holds already; it ends, whoever's it is (A7). */
  readonly previous?: SessionRef;
  /** The session's token will be in a cookie: it needs a CSRF token (E13). */
  readonly forBrowser?: boolean;
  /** Whether the caller gets a refresh token (E10). */
  readonly refreshable?: boolean;
  /** See `NewSession.logoutHint`. */
  readonly logoutHint?: string;
}

export type OpenOutcome =
  | {
      readonly outcome: 'opened';
      readonly session: Session;
      /** The session token. A secret. */
      readonly token: string;
      readonly tokenExpiresAtMs: number;
      /** Where it was asked for. A secret. */
      readonly refreshToken?: string;
    }
  /** The identity's proof has opened a session before (E1). */
  | { readonly outcome: 'replayed' }
  /** The document would be larger than `session.maxBytes`, with what it takes over (A5). */
  | { readonly outcome: 'too_large'; readonly bytes: number; readonly maxBytes: number }
  /** The subject has as many sessions as it may, and none is ended for a new one (E12). */
  | { readonly outcome: 'limited'; readonly limit: number };

/** An app that writes to the old session without a pause must not hold up a login for ever. */
const MAX_ATTEMPTS = 8;
const CSRF_BYTES = 32;

/**
 * The session is in the store before its token is handed out, and the token is made before the session: a token that
 * can't be signed leaves no session behind. The id is new at every opening.
 *
 * A previous session of the same subject ends in the same atomic step, after its configured parts were taken over; one of
 * another subject is ended before, and nothing of it is taken over (A7). Throws `StoreError` where the store did not
 * answer; whether a session was made is then unknown, but nobody holds a token of it.
 */
export async function openSession(opening: Opening, deps: LifecycleDependencies): Promise<OpenOutcome> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const opened = await tryToOpen(opening, deps);
    if (opened.outcome !== 'stale') return opened;
  }
  const problem = 'create: the session to be replaced was written to each time that it was read';
  throw new StoreError('ERR_STORE_UNAVAILABLE', problem);
}

async function tryToOpen(
  opening: Opening,
  deps: LifecycleDependencies,
): Promise<OpenOutcome | { readonly outcome: 'stale' }> {
  const { identity } = opening;
  const { limits } = deps;
  const nowMs = deps.nowMs();
  const predecessor = await findPredecessor(opening.previous, identity, nowMs, deps);
  const carried = carriedFrom(predecessor, identity, limits);
  const document: SessionDocument = {
    ...newDocument(identity, carried, limits, nowMs),
    ...(opening.forBrowser === true && { csrfToken: randomBytes(CSRF_BYTES).toString('base64url') }),
  };
  const bytes = documentSize(document);
  if (bytes > limits.maxBytes) return { outcome: 'too_large', bytes, maxBytes: limits.maxBytes };

  const tokens = await mintTokens(opening, document.expiresAtMs, nowMs, deps);
  const actor = namedActor(opening.actor, tokens.ref);
  if (predecessor.kind === 'to_end') {
    await endSession({ ref: predecessor.ref, cause: 'superseded', actor }, deps);
  }
  const created = await deps.store.create({
    ref: tokens.ref,
    document,
    idleTimeoutMs: limits.idleTimeoutMs,
    proof: identity.proof,
    ...limitOf(limits),
    ...replacing(predecessor),
    ...(tokens.refreshToken !== undefined && { refreshHash: refreshTokenHash(tokens.refreshToken) }),
    ...(opening.logoutHint !== undefined && { logoutHint: opening.logoutHint }),
    nowMs,
    note: creationNote(identity.provider, actor, predecessor, carried),
  });
  return outcomeOf(created, tokens, identity.provider, predecessor, deps);
}

function outcomeOf(
  created: CreateOutcome,
  tokens: Tokens,
  provider: string,
  predecessor: Predecessor,
  deps: LifecycleDependencies,
): OpenOutcome | { readonly outcome: 'stale' } {
  switch (created.outcome) {
    case 'stale':
    case 'replayed':
      return { outcome: created.outcome };
    case 'limited':
      return { outcome: 'limited', limit: deps.limits.maxPerSubject?.limit ?? 0 };
    case 'created': {
      deps.onCreated(provider);
      deps.onTokenIssued('created');
      if (predecessor.kind === 'to_replace') deps.onEnded('superseded', 1);
      if (created.ended.length > 0) deps.onEnded('limit', created.ended.length);
      const { minted, refreshToken } = tokens;
      return {
        outcome: 'opened',
        session: created.session,
        token: minted.token,
        tokenExpiresAtMs: minted.expiresAtMs,
        ...(refreshToken !== undefined && { refreshToken }),
      };
    }
  }
}

interface Tokens {
  readonly ref: SessionRef;
  readonly minted: MintedToken;
  readonly refreshToken: RefreshToken | undefined;
}

async function mintTokens(
  { identity, refreshable, forBrowser = false }: Opening,
  notAfterMs: number,
  nowMs: number,
  deps: LifecycleDependencies,
): Promise<Tokens> {
  const sessionId = createSessionId(partitionOf(identity.issuer, identity.subject));
  return {
    ref: sessionRef(sessionId),
    minted: await deps.mint({ sessionId, nowMs, notAfterMs, forBrowser }),
    refreshToken: refreshable === true ? createRefreshToken(sessionId) : undefined,
  };
}

function carriedFrom(
  predecessor: Predecessor,
  identity: VerifiedIdentity,
  limits: SessionLimits,
): CarriedOver {
  if (predecessor.kind !== 'to_replace') return NOTHING_CARRIED_OVER;
  return carriedOver(predecessor.session.document, identity, limits);
}

function limitOf({ maxPerSubject }: SessionLimits): Pick<NewSession, 'limit'> {
  if (maxPerSubject === undefined) return {};
  return { limit: { max: maxPerSubject.limit, onExceed: maxPerSubject.onExceed } };
}

function replacing(predecessor: Predecessor): Pick<NewSession, 'replaces'> {
  if (predecessor.kind !== 'to_replace') return {};
  const { ref, version } = predecessor.session;
  return { replaces: { ref, version } };
}

function namedActor(actor: Actor, ref: SessionRef): Actor {
  return actor.kind === 'user' && actor.name === '' ? { kind: 'user', name: ref } : actor;
}

/** What was taken over is told by name: the values are the document's. */
function creationNote(
  provider: string,
  actor: Actor,
  predecessor: Predecessor,
  carried: CarriedOver,
): AuditNote {
  const names = (part: keyof CarriedOver) => Object.keys(carried[part]).join(',');
  const facts: readonly (readonly [string, string])[] = [
    ['provider', provider],
    ['replaces', predecessor.kind === 'to_replace' ? predecessor.session.ref : ''],
    ['slices', names('slices')],
    ['attributes', names('attributes')],
  ];
  const told = facts.filter(([, value]) => value !== '');
  return { action: 'session_created', actor, detail: told.map((fact) => fact.join('=')).join(' ') };
}
