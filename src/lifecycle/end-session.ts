/** Ends sessions before their time: one, or many at once. Hides what the audit trail is told of it, and the counting. */
import type { Actor, AuditNote } from '../session/audit.ts';
import type { SessionRef } from '../session/ref.ts';
import type { RevocationCause, RevocationTarget, RevokeOutcome } from '../session/store.ts';
import type { LifecycleDependencies } from './dependencies.ts';

export interface Ending {
  readonly cause: RevocationCause;
  readonly actor: Actor;
  /** The actor's words for why; without them the cause stands in the audit trail. */
  readonly reason?: string;
}

type EndingDependencies = Pick<LifecycleDependencies, 'store' | 'nowMs' | 'onEnded'>;

/** Once it resolves, no check on any replica allows the session (E6). Rejects with `StoreError`: repeat it then. */
export async function endSession(
  ending: Ending & { readonly ref: SessionRef },
  { store, nowMs, onEnded }: EndingDependencies,
): Promise<RevokeOutcome> {
  const { ref, cause } = ending;
  const outcome = await store.revoke({ ref, cause, nowMs: nowMs(), note: revocationNote(ending) });
  if (outcome.outcome === 'revoked') onEnded(cause, 1);
  return outcome;
}

/**
 * Ends all sessions of the target and resolves to how many those were. Rejects with `StoreError`: some of them may be
 * ended then, repeat it. Each session has its own audit record; what an operator did is recorded once more, as a whole.
 */
export async function endSessions(
  ending: Ending & { readonly target: RevocationTarget },
  { store, nowMs, onEnded }: EndingDependencies,
): Promise<number> {
  const { target, cause, actor } = ending;
  const note = revocationNote(ending);
  const count = await store.revokeMany({ target, cause, nowMs: nowMs(), note });
  if (count > 0) onEnded(cause, count);
  if (actor.kind === 'operator') {
    const detail = `target=${target.kind} count=${count}`;
    await store.record({ ...note, action: 'sessions_revoked', detail }, about(target));
  }
  return count;
}

function revocationNote({ cause, actor, reason }: Ending): AuditNote {
  const why = reason === undefined ? { reason: cause } : { reason, detail: `cause=${cause}` };
  return { action: 'session_revoked', actor, ...why };
}

function about(target: RevocationTarget) {
  return target.kind === 'subject' ? { subject: target.subject } : {};
}
