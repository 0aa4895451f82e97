/** Trades a refresh token for a new session token and the next refresh token (E10). Hides how a lost answer is repeated. */
import type { Actor } from '../session/audit.ts';
import type { Refresh, Session } from '../session/store.ts';
import {
  createRefreshToken,
  decryptSuccessor,
  encryptSuccessor,
  parseRefreshToken,
  refreshTokenHash,
  type RefreshToken,
  type RefreshTokenParts,
} from '../token/refresh-token.ts';
import type { LifecycleDependencies } from './dependencies.ts';

export type RefreshSessionOutcome =
  | {
      readonly outcome: 'refreshed';
      readonly session: Session;
      /** The session token. A secret. */
      readonly token: string;
      readonly tokenExpiresAtMs: number;
      /** The next refresh token: the same in every answer to one token. A secret. */
      readonly refreshToken: string;
    }
  /** An old token: its session was ended just now, which the audit trail tells. To the caller it is `refused`. */
  | { readonly outcome: 'reused' }
  /** No refresh token of a live session. Nothing was changed. */
  | { readonly outcome: 'refused' };

/**
 * Of parallel calls with one token one rotates it, and all get the same successor; so does who repeats a call within
 * `refreshGraceMs`. What is not written like a refresh token is refused without asking the store. Secrets are compared
 * by their hashes alone, in the store. Rejects with `StoreError`: repeat it then.
 */
export async function refreshSession(
  refreshToken: string,
  deps: LifecycleDependencies,
): Promise<RefreshSessionOutcome> {
  const presented = parseRefreshToken(refreshToken);
  if (presented === undefined) return { outcome: 'refused' };
  const own = createRefreshToken(presented.sessionId);
  const nowMs = deps.nowMs();
  const refreshed = await deps.store.refresh(rotation(presented, own, nowMs, deps));
  switch (refreshed.outcome) {
    case 'refused':
      return { outcome: 'refused' };
    case 'reused':
      deps.onEnded('refresh_reuse', 1);
      return { outcome: 'reused' };
    case 'rotated':
      return answer(presented, own, refreshed.session, nowMs, deps);
    case 'repeated': {
      const successor = decryptSuccessor(refreshed.successor, presented);
      // Damage in the store: there is no other successor that could be good.
      if (successor === undefined) return { outcome: 'refused' };
      return answer(presented, successor, refreshed.session, nowMs, deps);
    }
  }
}

function rotation(
  presented: RefreshTokenParts,
  successor: RefreshToken,
  nowMs: number,
  { limits }: LifecycleDependencies,
): Refresh {
  const actor: Actor = { kind: 'user', name: presented.ref };
  return {
    ref: presented.ref,
    presentedHash: refreshTokenHash(presented.token),
    successorHash: refreshTokenHash(successor),
    successor: encryptSuccessor(successor, presented),
    graceMs: limits.refreshGraceMs,
    idleTimeoutMs: limits.idleTimeoutMs,
    nowMs,
    note: { action: 'session_refreshed', actor },
    reuseNote: { action: 'refresh_reused', actor, reason: 'refresh_reuse' },
  };
}

async function answer(
  { sessionId }: RefreshTokenParts,
  refreshToken: RefreshToken,
  session: Session,
  nowMs: number,
  deps: LifecycleDependencies,
): Promise<RefreshSessionOutcome> {
  const minted = await deps.mint({ sessionId, nowMs, notAfterMs: session.document.expiresAtMs });
  deps.onTokenIssued('refreshed');
  const { token, expiresAtMs } = minted;
  return { outcome: 'refreshed', session, token, tokenExpiresAtMs: expiresAtMs, refreshToken };
}
