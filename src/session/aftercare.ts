/**
 * What follows from a read and does not hold it up: a session that was used is touched, a corrupt record is removed.
 * Hides the background work; its failures go to one callback.
 */
import type { Actor, AuditNote } from './audit.ts';
import { createBackground } from './background.ts';
import { createIdleTouch, type IdleTouch } from './idle-touch.ts';
import type { SessionRef } from './ref.ts';
import type { SessionStore } from './store.ts';

export interface AftercareOptions {
  /** Unix milliseconds. Default `Date.now`. */
  readonly now?: () => number;
  /** A task failed; the next read or use of that session tries again. */
  readonly onFailure: (task: AftercareTask, error: unknown) => void;
  /** A corrupt record was replaced by a tombstone (D4): for logs and metrics; the audit trail has it. `problem` holds none of its values. */
  readonly onRemoved: (ref: SessionRef, problem: string) => void;
}

export type AftercareTask = 'touch' | 'remove_corrupt';

export interface Aftercare {
  /**
   * The store's reads. They answer as before, `corrupt` included. What is corrupt gets a tombstone in the background,
   * by a revocation with cause `corrupt`: whatever races it, a revocation keeps its tombstone and no write goes over
   * either. What another replica may be able to read, of a newer schema or sealed with another key, is left alone.
   */
  readonly reader: Pick<SessionStore, 'read'>;
  /** To be called with each session that was used: slides its idle timeout (`createIdleTouch`). */
  readonly used: IdleTouch;
}

const OURSELVES: Actor = { kind: 'singlestate', name: '' };

export function createAftercare(store: SessionStore, options: AftercareOptions): Aftercare {
  const { now = Date.now, onFailure, onRemoved } = options;
  const startRemoval = createBackground((error) => onFailure('remove_corrupt', error));

  const remove = (ref: SessionRef, problem: string) =>
    startRemoval(ref, async () => {
      const note: AuditNote = {
        action: 'session_removed',
        actor: OURSELVES,
        reason: 'corrupt',
        detail: problem,
      };
      const { outcome } = await store.revoke({ ref, cause: 'corrupt', nowMs: now(), note });
      if (outcome === 'revoked') onRemoved(ref, problem);
    });

  return {
    reader: {
      async read(ref) {
        const lookup = await store.read(ref);
        if (lookup.state === 'corrupt' && lookup.removable) remove(ref, lookup.problem);
        return lookup;
      },
    },
    used: createIdleTouch(store, (error) => onFailure('touch', error)),
  };
}
