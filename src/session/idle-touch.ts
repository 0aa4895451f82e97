/** Slides a session's idle timeout as it is used, without a write at each check. */
import { createBackground } from './background.ts';
import type { SessionStore } from './store.ts';
import type { ValidSession } from './validity.ts';

/** A session is touched once this share of its idle timeout has passed since the last time. */
const TOUCHES_PER_TIMEOUT = 8;

/** After a failure no touch is started for this share of the idle timeout, and no longer than `LONGEST_PAUSE_MS`. */
const PAUSES_PER_TIMEOUT = 64;
const LONGEST_PAUSE_MS = 1_000;

export type IdleTouch = (session: ValidSession, nowMs: number, idleTimeoutMs: number) => void;

/**
 * Call the result with each session that was just used. It starts a touch in the background when the stored time is
 * older than an eighth of the idle timeout: never two at once for one session, and none for a moment after a failure,
 * so that a failing store is not asked at each check.
 *
 * The price: a session may end up to an eighth of its idle timeout early, counted from its last use; never late.
 *
 * A touch that fails goes to `onFailure` and nowhere else; the next use tries again.
 */
export function createIdleTouch(
  store: Pick<SessionStore, 'touch'>,
  onFailure: (error: unknown) => void,
): IdleTouch {
  let pausedUntilMs = 0;
  const start = createBackground(onFailure);

  return (session, nowMs, idleTimeoutMs) => {
    if (nowMs - session.lastSeenAtMs < idleTimeoutMs / TOUCHES_PER_TIMEOUT || nowMs < pausedUntilMs) return;
    const { ref, document } = session;
    start(ref, async () => {
      try {
        await store.touch({ ref, seenAtMs: nowMs, idleTimeoutMs, document });
      } catch (error) {
        pausedUntilMs = nowMs + Math.min(LONGEST_PAUSE_MS, idleTimeoutMs / PAUSES_PER_TIMEOUT);
        throw error;
      }
    });
  };
}
